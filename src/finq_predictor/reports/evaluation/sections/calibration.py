"""Can the probabilities be trusted?"""

from __future__ import annotations

import math
from dataclasses import dataclass

from finq_predictor.reports.evaluation.reading import estimate
from finq_predictor.reports.evaluation.results import ReportMaterial
from finq_predictor.reports.figures import Image


@dataclass(frozen=True)
class Calibration:
    """Whether probabilities can be taken at their word.

    Attributes:
        known: Whether both figures were measured.
        error: Mean distance of a stated probability from the observed frequency.
        gain: By how much the squared error is smaller than that of always quoting the base rate, as a fraction of it.
        curve: Picture: observed frequency against probability.
        calls: Picture: calls against outcomes.
    """

    known: bool
    error: float
    gain: float
    curve: Image
    calls: Image


def build(material: ReportMaterial) -> Calibration:
    """How far stated probabilities are from what happened."""
    metrics, name = material.results.measures.metrics, material.results.candidate
    error, gain = (estimate(metrics, name, metric).value for metric in ("ece", "brier_skill"))
    return Calibration(
        known=math.isfinite(error) and math.isfinite(gain),
        error=error,
        gain=gain,
        curve=material.pictures["calibration"],
        calls=material.pictures["confusion"],
    )
