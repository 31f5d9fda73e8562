"""What a market does together as one job, in the order in which it comes; the sum of all jobs is a whole run."""

from __future__ import annotations

INTENTS: dict[str, tuple[str, ...]] = {
    # It begins with silver: what it is trained on is as new as that.
    "training": ("sentiment", "features", "training"),
    # Only an evaluation decides who serves.
    "validation": ("evaluation",),
}
"""The stages of each, by its name; its pipeline is called ``<market>_<name>``."""
PREDICTIONS = "predictions"
"""One more, of the champion on the newest bars: it is a part of a stage."""
SCREENING = "screening"
"""Another part of it: what each feature is worth alone. Models are no part of it, unlike those of a validation."""
