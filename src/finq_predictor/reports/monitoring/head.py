"""What a reader asks first: is all well, and if not, what is wrong?"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from finq_predictor.domain.columns import TS
from finq_predictor.domain.ingestion.gates import Severity
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.monitoring.drift import DRIFT_TESTS, Subject, limits
from finq_predictor.domain.monitoring.drift.features import DISTANCE
from finq_predictor.reports.monitoring.results import MonitoringResults
from finq_predictor.reports.style import Tone


@dataclass(frozen=True)
class Alarm:
    """What a test that rings for predictions says.

    Attributes:
        title: Of the test.
        value: What it measured; NaN if there is nothing to compare.
        limit: Above it an unusual value is drift.
    """

    title: str
    value: float
    limit: float


@dataclass(frozen=True)
class PredictionDrift:
    """Whether predictions look like training.

    Attributes:
        known: Whether there are current predictions.
        drifted: Whether one of the alarms is above its limit, and predictions are unusual for such a window.
        reason: What is unusual: their distribution, their level or both; empty where nothing is.
        alarms: The tests that ring for predictions.
    """

    known: bool
    drifted: bool
    reason: str
    alarms: tuple[Alarm, ...]

    @property
    def large(self) -> Alarm | None:
        """The first alarm that is above its limit, whether or not that is unusual."""
        return next((alarm for alarm in self.alarms if alarm.value > alarm.limit), None)


@dataclass(frozen=True)
class Head:
    """What was found.

    Attributes:
        market: Title of the market.
        well: Whether nothing is wrong.
        tone: Of the verdict.
        champion: The model whose features and predictions are watched.
        first: Start of the current window.
        last: Its end.
        window_days: Dates in it.
        limit_hours: Above so many hours while the market is open a layer is stale.
        stale: Layers that are.
        broken: Layers that fail their checks, each with its problem.
        warned: What the gates warn of in the last delivery.
        missing: Features that miss more values than in training.
        drifted: Features that drifted, each with the reason.
        n_features: Features that were looked at.
        predictions: Whether predictions drifted.
    """

    market: str
    well: bool
    tone: Tone
    champion: ModelBundle
    first: pd.Timestamp
    last: pd.Timestamp
    window_days: int
    limit_hours: float
    stale: list[str]
    broken: list[tuple[str, str]]
    warned: list[str]
    missing: list[str]
    drifted: list[str]
    n_features: int
    predictions: PredictionDrift


def build(results: MonitoringResults) -> Head:
    """What is wrong, by name."""
    freshness, missing, features = results.freshness, results.missing_rates, results.features
    invalid = freshness[~freshness["valid"]]
    stale = list(freshness.loc[freshness["stale"], "layer"])
    broken = list(zip(invalid["layer"], invalid["problem"], strict=True))
    lacking = list(missing.loc[missing["alert"], "feature"])
    found = features[features["drifted"]]
    drifted = [f"{name} ({reason})" for name, reason in zip(found["name"], found["reason"], strict=True)]
    predictions = prediction_drift(results.predictions, results.thresholds)
    gates = results.gates[~results.gates["passed"] & (results.gates["severity"] == Severity.WARN)]
    warned = [f"{frame} {rule}" for frame, rule in zip(gates["frame"], gates["rule"], strict=True)]
    well = not (stale or broken or warned or lacking or drifted or predictions.drifted) and predictions.known
    return Head(
        market=results.market.title,
        well=well,
        tone=Tone.GOOD if well else Tone.BAD,
        champion=results.champion,
        first=results.current[TS].min(),
        last=results.current[TS].max(),
        window_days=results.window_days,
        limit_hours=float(freshness["limit_hours"].iloc[0]),
        stale=stale,
        broken=broken,
        warned=warned,
        missing=lacking,
        drifted=drifted,
        n_features=len(features),
        predictions=predictions,
    )


def prediction_drift(row: pd.Series, thresholds: Mapping[str, float]) -> PredictionDrift:
    """Read whether predictions moved.

    Args:
        row: The drift row of the predictions; a NaN distance means that there are none.
        thresholds: What the parameters say instead of the tests' own thresholds.
    """
    bounds = limits(Subject.PREDICTION, thresholds)
    alarms = (Alarm(DRIFT_TESTS[name].title, float(row[name]), bound) for name, bound in bounds.items())
    known, drifted = math.isfinite(row[DISTANCE.name]), bool(row["drifted"])
    return PredictionDrift(known, drifted, row["reason"], tuple(alarms))
