"""What each feature adds to one answer: exact parts of its log-odds, in numbers and in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.domain.errors import DataError
from finq_predictor.domain.features import FeatureSpec
from finq_predictor.domain.modelling.bundle import PROBABILITY, SCORE, ModelBundle
from finq_predictor.domain.modelling.models.base import log_odds

NO_FAMILY = "other"


@dataclass(frozen=True)
class Part:
    """What one feature adds.

    Attributes:
        feature: Its name.
        family: Its family; ``other`` where nothing is known of it.
        meaning: What it measures; empty where nothing is known of it.
        unit: What it is counted in.
        value: Its value; None where it is missing.
        percentile: Share of the training's known values at most as high, in percent; None where it is missing.
        contribution: What it adds to the log-odds of the probability.
        words: The same as a sentence.
    """

    feature: str
    family: str
    meaning: str
    unit: str
    value: float | None
    percentile: float | None
    contribution: float
    words: str


@dataclass(frozen=True)
class Explanation:
    """One answer taken apart: ``base`` plus all contributions is ``log_odds``, and the probability is its logistic.

    Attributes:
        score: What the model says before calibration.
        probability: The calibrated probability.
        log_odds: Log-odds of the probability.
        base: What is said without any feature, in log-odds of the probability.
        parts: What each feature adds, the most first; empty where the model has no exact contributions.
    """

    score: float
    probability: float
    log_odds: float
    base: float
    parts: tuple[Part, ...]

    @property
    def families(self) -> dict[str, float]:
        """Sum of the contributions of each family, the most first."""
        sums: dict[str, float] = {}
        for part in self.parts:
            sums[part.family] = sums.get(part.family, 0.0) + part.contribution
        return dict(sorted(sums.items(), key=lambda item: -abs(item[1])))


def explain_row(bundle: ModelBundle, row: pd.DataFrame, specs: Mapping[str, FeatureSpec]) -> Explanation:
    """Take one answer apart.

    The calibration is a line in log-odds, ``slope * x + intercept``, so it stretches each contribution by its slope and
    the parts still add up.

    Args:
        bundle: The model.
        row: One row with ``ts``, ``instrument`` and every feature; NaN means missing.
        specs: What is known of features, by name.

    Raises:
        DataError: If it is not one row, a column is missing or a feature is infinite.
    """
    if len(row) != 1:
        raise DataError(f"{len(row)} rows were to be explained; give one at a time.")
    said = bundle.predict(row)
    score, probability = float(said[SCORE][0]), float(said[PROBABILITY][0])
    odds = bundle.calibrator.slope * float(log_odds(score)) + bundle.calibrator.intercept
    found = bundle.model.contributions(row)
    if found is None:
        return Explanation(score, probability, odds, odds, ())
    added = bundle.calibrator.slope * found.values[0]
    values = row[list(bundle.model.features)].to_numpy(dtype=np.float64)[0]
    parts = [
        _part(bundle, specs.get(name), name, value, amount)
        for name, value, amount in zip(bundle.model.features, values, added, strict=True)
    ]
    ordered = sorted(parts, key=lambda part: (-abs(part.contribution), part.feature))
    return Explanation(score, probability, odds, odds - float(added.sum()), tuple(ordered))


def _part(bundle: ModelBundle, spec: FeatureSpec | None, name: str, value: float, added: float) -> Part:
    known = bool(np.isfinite(value))
    line = bundle.profile.features[name].quantiles
    percentile = float(np.searchsorted(line, value, side="right")) / len(line) * 100.0 if known and line else None
    meaning = spec.description.rstrip(".") if spec else ""
    return Part(
        feature=name,
        family=spec.family if spec else NO_FAMILY,
        meaning=meaning,
        unit=spec.unit if spec else "",
        value=float(value) if known else None,
        percentile=percentile,
        contribution=float(added),
        words=_sentence(name, meaning, value if known else None, percentile, added),
    )


def _sentence(name: str, meaning: str, value: float | None, percentile: float | None, added: float) -> str:
    what = f"{name} ({meaning})" if meaning else name
    if value is None:
        told = "is missing"
    elif percentile is None:
        told = f"is {value:.4g}"
    else:
        told = f"is {value:.4g}, at or above {percentile:.0f}% of the training"
    effect = "says nothing" if added == 0.0 else f"speaks {'for' if added > 0.0 else 'against'} yes by {abs(added):.4f}"
    return f"{what} {told} and {effect}"
