"""Drift of all features and of the predictions, with a budget of false alarms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import TS
from finq_predictor.domain.modelling.training_profile import ColumnProfile
from finq_predictor.domain.monitoring.drift.base import (
    DEFAULT_RULES,
    DRIFT_TESTS,
    DriftRules,
    Subject,
    limits,
    measuring,
)
from finq_predictor.domain.monitoring.drift.ks import KolmogorovSmirnov, block_p_value, usual_distance

DISTANCE = KolmogorovSmirnov()
"""The test whose statistic says how unlikely a difference is, judged against past windows."""
USUAL = f"usual_{DISTANCE.name}"
_MOST_ROWS = 2_000  # rows of a past window that are looked at


def drift_columns() -> tuple[str, ...]:
    """Columns of a drift table: what was compared, how unlikely, then every registered test, then the verdict.

    ``kind`` is a `Subject` and ``name`` the feature; ``usual_...`` is the distance of past windows, ``p_value`` how
    unlikely the distance is, ``p_adjusted`` the same with a budget of false alarms; a test that does not measure a
    kind is NaN there.
    """
    others = (name for name in DRIFT_TESTS if name != DISTANCE.name)
    return ("kind", "name", DISTANCE.name, USUAL, "p_value", "p_adjusted", *others, "drifted")


def last_days(frame: pd.DataFrame, days: int) -> pd.DataFrame:
    """Return the rows of the last ``days`` calendar dates (UTC) that occur in ``ts``."""
    dates = frame[TS].dt.normalize()
    kept = np.sort(dates.unique())[-days:]
    return frame[dates.isin(kept)]


def feature_drift(
    reference: Mapping[str, ColumnProfile],
    current: pd.DataFrame,
    history: pd.DataFrame,
    *,
    days: int,
    rules: DriftRules = DEFAULT_RULES,
) -> pd.DataFrame:
    """Compare each feature's current values with training.

    A feature counts as drifted when the difference is both unlikely (Kolmogorov-Smirnov, adjusted over all
    features) and large (a test that rings for features is above its threshold). How unlikely is judged against windows
    of the same length in the training period, because rows of a panel are far from independent.

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
    rows = [
        _row(
            Subject.FEATURE,
            name,
            column,
            current[name].to_numpy(dtype="float64"),
            _values(history, name, windows),
            days,
        )
        for name, column in reference.items()
    ]
    table = pd.DataFrame(rows, columns=[name for name in drift_columns() if name not in ("p_adjusted", "drifted")])
    adjusted = adjust_p_values(table["p_value"].to_numpy(dtype="float64"))
    unlikely = (adjusted <= rules.false_discovery_rate) | table[DISTANCE.name].isna().to_numpy()
    large = _large(table, Subject.FEATURE, rules)
    return table.assign(p_adjusted=adjusted, drifted=unlikely & large)[list(drift_columns())]


def prediction_drift(
    reference: ColumnProfile,
    probabilities: np.ndarray,
    past: Sequence[np.ndarray],
    *,
    days: int,
    rules: DriftRules = DEFAULT_RULES,
) -> pd.DataFrame:
    """Compare current probabilities with those of training.

    As with features, they drifted when the difference is both large (a test that rings for predictions is above its
    threshold) and unlikely (Kolmogorov-Smirnov distance against past windows).

    Args:
        reference: How probabilities looked in training.
        probabilities: N current probabilities.
        past: The model's probabilities in windows of the same length before; may be empty.
        days: Length of a window in dates.
        rules: How unlikely and how large a difference must be; one comparison needs no adjustment.

    Returns:
        One row, see `drift_columns`, of kind ``"prediction"``; without predictions nothing drifts.
    """
    columns = list(drift_columns())
    head = {"kind": Subject.PREDICTION.value, "name": "probability"}
    if len(probabilities) == 0:
        return pd.DataFrame([dict.fromkeys(columns, np.nan) | head | {"drifted": False}], columns=columns)
    row = _row(Subject.PREDICTION, "probability", reference, probabilities, past, days)
    table = pd.DataFrame([row]).assign(p_adjusted=row["p_value"])
    unlikely = table["p_value"].to_numpy() <= rules.false_discovery_rate
    table = table.assign(drifted=_large(table, Subject.PREDICTION, rules) & unlikely)
    return table.reindex(columns=columns)


def _row(
    subject: Subject,
    name: str,
    reference: ColumnProfile,
    values: np.ndarray,
    past: Sequence[np.ndarray],
    days: int,
) -> dict[str, Any]:
    distances = np.array([DISTANCE.statistic(reference, window) for window in past])
    measured = {test.name: test.statistic(reference, values) for test in measuring(subject)}
    return {
        "kind": subject.value,
        "name": name,
        **measured,
        USUAL: usual_distance(distances),
        "p_value": block_p_value(measured[DISTANCE.name], distances, days),
    }


def _large(table: pd.DataFrame, subject: Subject, rules: DriftRules) -> np.ndarray:
    """Which rows lie above the threshold of a test that rings for them; NaN never does."""
    large = np.zeros(len(table), dtype=bool)
    for name, threshold in limits(subject, rules.thresholds).items():
        large |= (table[name] > threshold).to_numpy()
    return large


def adjust_p_values(p_values: np.ndarray) -> np.ndarray:
    """Adjust p-values so that "adjusted <= q" keeps the expected share of false discoveries at q or below.

    Args:
        p_values: M p-values in [0, 1]; NaN is not counted as a test and stays NaN.

    Returns:
        M adjusted p-values, each at least its own (Benjamini and Hochberg, 1995).
    """
    from scipy.stats import false_discovery_control

    adjusted = np.full(len(p_values), np.nan)
    tested = np.isfinite(p_values)
    if tested.any():
        adjusted[tested] = false_discovery_control(p_values[tested])
    return adjusted


def past_windows(history: pd.DataFrame, days: int) -> list[np.ndarray]:
    """Cut history into consecutive windows of whole dates; each is an array of at most ``_MOST_ROWS`` row positions."""
    if history.empty:
        return []
    number = history[TS].dt.normalize().rank(method="dense").to_numpy().astype("int64") - 1
    window = number // days
    full = (number.max() + 1) // days
    order = np.argsort(window, kind="stable")
    cuts = np.searchsorted(window[order], np.arange(full + 1))
    slices = (order[start:stop] for start, stop in pairwise(cuts))
    return [rows[:: max(1, -(-len(rows) // _MOST_ROWS))] for rows in slices]


def _values(history: pd.DataFrame, name: str, windows: Sequence[np.ndarray]) -> list[np.ndarray]:
    if not windows:
        return []
    column = history[name].to_numpy(dtype="float64")
    return [column[rows] for rows in windows]
