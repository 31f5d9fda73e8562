"""Drift of all features and of the predictions, with a budget of false alarms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.domain.evaluation.false_discoveries import adjust_p_values
from finq_predictor.domain.modelling.training_profile import ColumnProfile
from finq_predictor.domain.monitoring.drift.base import (
    DEFAULT_RULES,
    DRIFT_TESTS,
    DriftRules,
    Evidence,
    Subject,
    limits,
    measuring,
)
from finq_predictor.domain.monitoring.drift.ks import KolmogorovSmirnov, block_p_value, usual_distance
from finq_predictor.domain.monitoring.drift.level import Level, beyond_extremes, level_p_value, mean_level
from finq_predictor.domain.monitoring.drift.windows import past_windows, sampled, windows_ahead

DISTANCE = KolmogorovSmirnov()
"""The test whose statistic says how unlikely a distribution is, judged against past windows."""
USUAL = f"usual_{DISTANCE.name}"
LEVEL = Level()
"""The test whose level is judged against the extremes of past windows."""
BEYOND = f"beyond_{LEVEL.name}"
REASON = "reason"
P_VALUES = {Evidence.DISTRIBUTION: "p_value", Evidence.LEVEL: f"{LEVEL.name}_p_value"}
"""Columns that say how unlikely each kind of evidence is."""
ADJUSTED = {Evidence.DISTRIBUTION: "p_adjusted", Evidence.LEVEL: f"{LEVEL.name}_p_adjusted"}
"""Columns that say the same with a budget of false alarms."""


def drift_columns() -> tuple[str, ...]:
    """Columns of a drift table: what was compared, how unlikely, then every registered test, then the verdict.

    ``kind`` is a `Subject` and ``name`` the feature. ``usual_...`` is the distance of past windows, ``p_value`` how
    unlikely the distance is, ``p_adjusted`` the same with a budget of false alarms. ``beyond_...`` is how far the level
    lies beyond the extremes of past windows, in standard deviations of training and negative below them, and
    ``level_...`` how unlikely that is. ``reason`` names the evidence for drift. A test that does not measure a kind is
    NaN there.
    """
    others = (name for name in DRIFT_TESTS if name not in (DISTANCE.name, LEVEL.name))
    distribution = (DISTANCE.name, USUAL, P_VALUES[Evidence.DISTRIBUTION], ADJUSTED[Evidence.DISTRIBUTION])
    level = (LEVEL.name, BEYOND, P_VALUES[Evidence.LEVEL], ADJUSTED[Evidence.LEVEL])
    return ("kind", "name", *distribution, *level, *others, REASON, "drifted")


def feature_drift(
    reference: Mapping[str, ColumnProfile],
    current: pd.DataFrame,
    history: pd.DataFrame,
    *,
    days: int,
    rules: DriftRules = DEFAULT_RULES,
) -> pd.DataFrame:
    """Compare each feature's current values with training.

    A feature counts as drifted when a difference is both unlikely and large (a test that rings for features is above
    its threshold). There are two kinds of evidence, each with its share of the false alarms: its distribution
    (Kolmogorov-Smirnov, adjusted over all features by Benjamini and Hochberg) and its level (beyond the extremes of
    training, adjusted by Holm). How unlikely is judged against windows of the same length in the training period,
    because rows of a panel are far from independent.

    Args:
        reference: Feature name to how it looked in training.
        current: Current rows with ``ts`` and the features.
        history: Rows of the training period with ``ts`` and the features, for the windows; may be empty.
        days: Length of a window in dates.
        rules: How unlikely and how large a difference must be.

    Returns:
        One row per feature, see `drift_columns`. A feature without current values has NaN distance and drifts by the
        tests that ring alone.
    """
    windows = past_windows(history, days)
    ahead = windows_ahead(history, windows, current)
    rows = [
        _row(
            Subject.FEATURE,
            name,
            column,
            current[name].to_numpy(dtype="float64"),
            _values(history, name, windows),
            days,
            ahead,
        )
        for name, column in reference.items()
    ]
    table = pd.DataFrame(rows, columns=_measured())
    adjusted = {
        ADJUSTED[Evidence.DISTRIBUTION]: adjust_p_values(_p_values(table, Evidence.DISTRIBUTION)),
        ADJUSTED[Evidence.LEVEL]: adjust_family_wise(_p_values(table, Evidence.LEVEL)),
    }
    return _judged(table.assign(**adjusted), Subject.FEATURE, rules)


def prediction_drift(
    reference: ColumnProfile,
    probabilities: np.ndarray,
    past: Sequence[np.ndarray],
    *,
    days: int,
    ahead: float = 1.0,
    rules: DriftRules = DEFAULT_RULES,
) -> pd.DataFrame:
    """Compare current probabilities with those of training.

    As with features, they drifted when a difference is both large (a test that rings for predictions is above its
    threshold) and unlikely, by their distribution or by their level.

    Args:
        reference: How probabilities looked in training.
        probabilities: N current probabilities.
        past: The model's probabilities in windows of the same length before; may be empty.
        days: Length of a window in dates.
        ahead: How many windows after the last past one the current one begins, at least 1.
        rules: How unlikely and how large a difference must be; one comparison needs no adjustment.

    Returns:
        One row, see `drift_columns`, of kind ``"prediction"``; without predictions nothing drifts.
    """
    columns = list(drift_columns())
    if len(probabilities) == 0:
        head = {"kind": Subject.PREDICTION.value, "name": "probability", REASON: "", "drifted": False}
        return pd.DataFrame([dict.fromkeys(columns, np.nan) | head], columns=columns)
    row = _row(Subject.PREDICTION, "probability", reference, probabilities, past, days, ahead)
    table = pd.DataFrame([row], columns=_measured())
    unadjusted = {ADJUSTED[evidence]: table[P_VALUES[evidence]] for evidence in Evidence}
    return _judged(table.assign(**unadjusted), Subject.PREDICTION, rules)


def _measured() -> list[str]:
    """The columns that are known before anything is judged."""
    return [name for name in drift_columns() if name not in (*ADJUSTED.values(), REASON, "drifted")]


def _row(
    subject: Subject,
    name: str,
    reference: ColumnProfile,
    values: np.ndarray,
    past: Sequence[np.ndarray],
    days: int,
    ahead: float,
) -> dict[str, Any]:
    distances = np.array([DISTANCE.statistic(reference, sampled(window)) for window in past])
    level, past_levels = mean_level(values), np.array([mean_level(window) for window in past], dtype="float64")
    measured = {test.name: test.statistic(reference, values) for test in measuring(subject)}
    return {
        "kind": subject.value,
        "name": name,
        **measured,
        USUAL: usual_distance(distances),
        P_VALUES[Evidence.DISTRIBUTION]: block_p_value(measured[DISTANCE.name], distances, days),
        BEYOND: beyond_extremes(level, past_levels) / reference.std if reference.std > 0.0 else np.nan,
        P_VALUES[Evidence.LEVEL]: level_p_value(level, past_levels, ahead),
    }


def _judged(table: pd.DataFrame, subject: Subject, rules: DriftRules) -> pd.DataFrame:
    """Add what drifted and by which evidence; a feature without any value is as unlikely as can be."""
    rings = {}
    for evidence in Evidence:
        unlikely = (table[ADJUSTED[evidence]] <= rules.budget(evidence)).to_numpy()
        if subject is Subject.FEATURE and evidence is Evidence.DISTRIBUTION:
            unlikely = unlikely | table[DISTANCE.name].isna().to_numpy()
        rings[evidence] = unlikely & _large(table, subject, evidence, rules)
    verdicts = zip(*rings.values(), strict=True)
    reasons = [" and ".join(name for name, rang in zip(rings, each, strict=True) if rang) for each in verdicts]
    judged = table.assign(reason=pd.Series(reasons, dtype="str", index=table.index))
    return judged.assign(drifted=judged[REASON] != "").reindex(columns=list(drift_columns()))


def _large(table: pd.DataFrame, subject: Subject, evidence: Evidence, rules: DriftRules) -> np.ndarray:
    """Which rows lie above the threshold of a test that rings for them by this evidence; NaN never does."""
    large = np.zeros(len(table), dtype=bool)
    for name, threshold in limits(subject, rules.thresholds, evidence).items():
        large |= (table[name] > threshold).to_numpy()
    return large


def _p_values(table: pd.DataFrame, evidence: Evidence) -> np.ndarray:
    values: np.ndarray = table[P_VALUES[evidence]].to_numpy(dtype="float64")
    return values


def adjust_family_wise(p_values: np.ndarray) -> np.ndarray:
    """Adjust p-values so that "adjusted <= q" keeps the chance of any false discovery at q or below.

    However they depend on each other, unlike with `adjust_p_values`; one that is small enough passes alone.

    Args:
        p_values: M p-values in [0, 1]; NaN is not counted as a test and stays NaN.

    Returns:
        M adjusted p-values in [0, 1], each at least its own (Holm, 1979).
    """
    adjusted = np.full(len(p_values), np.nan)
    tested = np.flatnonzero(np.isfinite(p_values))
    order = tested[np.argsort(p_values[tested], kind="stable")]
    left = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(left * p_values[order]), 1.0)
    return adjusted


def _values(history: pd.DataFrame, name: str, windows: Sequence[np.ndarray]) -> list[np.ndarray]:
    if not windows:
        return []
    column = history[name].to_numpy(dtype="float64")
    return [column[rows] for rows in windows]
