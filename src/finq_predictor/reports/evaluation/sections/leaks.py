"""Is it too good to be true?"""

from __future__ import annotations

import math
from dataclasses import dataclass

from finq_predictor.reports.evaluation.results import ReportMaterial
from finq_predictor.reports.figures import Image


@dataclass(frozen=True)
class Leaks:
    """What the leak meter says.

    Attributes:
        said: What the check for a leak found, in words.
        metered: Whether the meter was read for this model.
        leaking: Accuracy under a random split of rows; NaN if it was not metered.
        honest: Accuracy under a purged split in time; NaN if it was not metered.
        meter: Picture: both splits, for every model.
    """

    said: str
    metered: bool
    leaking: float
    honest: float
    meter: Image


def build(material: ReportMaterial) -> Leaks:
    """How much of the apparent skill a leaking split would make up."""
    results = material.results
    meter = results.trained.leak_meter
    found = meter[meter["model"] == results.candidate].set_index("split")["accuracy"].to_dict()
    leaking, honest = (float(found.get(split, math.nan)) for split in ("random_rows", "purged"))
    return Leaks(
        said=next((check.detail for check in results.promotion.checks if check.name == "leak_alarm"), ""),
        metered=math.isfinite(leaking) and math.isfinite(honest),
        leaking=leaking,
        honest=honest,
        meter=material.pictures["leak_meter"],
    )
