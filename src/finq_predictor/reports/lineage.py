"""What identifies a model: the data, features and code that it was made from, and how kind made-up data are."""

from __future__ import annotations

from finq_predictor.domain.modelling.bundle import ModelBundle

HASH, COMMIT = 16, 12
"""So many characters tell one from another; the whole is in the tracked run."""

PRESETS = {
    "easy": (
        "which is kinder than markets are: at full signal there is much to predict, every year alike, and what "
        "articles say is right"
    ),
    "realistic": (
        "in which there is about as little to predict as in markets: it fades, it stops and turns for months, and some "
        "articles are false or late"
    ),
    "noise": "in which nothing can be predicted: whatever looks like skill here is luck or a leak",
}
"""What a reader should know about a preset of the simulator, by its name."""


def preset_in_words(preset: str | None) -> str:
    """A sentence about the preset of a simulated market; empty for data that have none.

    Args:
        preset: Its name; one that this version does not know is named all the same.
    """
    if preset is None:
        return ""
    known = PRESETS.get(preset)
    return f"It was made with the preset {preset}" + (f", {known}." if known else ".")


def origin_of(bundle: ModelBundle) -> dict[str, str]:
    """Hashes and seed that a model carries, by the name under which a page shows them."""
    origin = bundle.origin
    return {
        "data": origin.data_hash[:HASH],
        "features": origin.feature_set_hash[:HASH],
        "code": origin.code_hash[:HASH],
        "commit": (origin.git_commit or "none")[:COMMIT],
        "seed": str(origin.seed),
    }
