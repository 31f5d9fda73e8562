"""Drift of all features and of the predictions, with a budget of false alarms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import TS
from finq_predictor.domain.modelling.training_profile import ColumnReference
from finq_predictor.domain.monitoring.drift.base import get_drift_test
from finq_predictor.domain.monitoring.drift.false_discovery import benjamini_hochberg
from finq_predictor.domain.monitoring.drift.ks import block_p_value, ks_distance, usual_distance

DRIFT_COLUMNS = ("kind", "name", "ks", "usual_ks", "p_value", "p_adjusted", "psi", "js", "kl", "drifted")
_MOST_ROWS = 2_000  # rows of a past window that are looked at


def last_days(frame: pd.DataFrame, days: int) -> pd.DataFrame:
    """Return the rows of the last ``days`` calendar dates (UTC) that occur in ``ts``."""
    dates = frame[TS].dt.normalize()
    kept = np.sort(dates.unique())[-days:]
    return frame[dates.isin(kept)]


def feature_drift(
    reference: Mapping[str, ColumnReference],
    current: pd.DataFrame,
    history: pd.DataFrame,
    *,
    days: int,
    false_discovery_rate: float = 0.05,
    psi_threshold: float | None = None,
) -> pd.DataFrame:
    """Compare each feature's current values with training.

    A feature counts as drifted when the difference is both unlikely (Kolmogorov-Smirnov, adjusted over all
    features) and large (population stability index above its threshold). How unlikely is judged against windows
    of the same length in the training period, because rows of a panel are far from independent.

    Args:
        reference: Feature name to how it looked in training.
        current: Current rows with ``ts`` and the features.
        history: Rows of the training period with ``ts`` and the features, for the windows; may be empty.
        days: Length of a window in dates.
        false_discovery_rate: Expected share of false alarms among the alarms.
        psi_threshold: Replaces the test's own.

    Returns:
        One row per feature, see ``DRIFT_COLUMNS``; ``kl`` is NaN. A feature without current values has NaN
        distance and drifts by its index alone.
    """
    limit = get_drift_test("psi").threshold if psi_threshold is None else psi_threshold
    windows = past_windows(history, days)
    rows = []
    for name, column in reference.items():
        values = current[name].to_numpy(dtype="float64")
        known = np.asarray(column.quantiles, dtype="float64")
        past = np.array([ks_distance(known, window) for window in _values(history, name, windows)])
        distance = ks_distance(known, values)
        rows.append(
            {
                "kind": "feature",
                "name": name,
                "ks": distance,
                "usual_ks": usual_distance(past),
                "p_value": block_p_value(distance, past, days),
                "psi": get_drift_test("psi").statistic(column, values),
                "js": get_drift_test("js").statistic(column, values),
                "kl": np.nan,
            }
        )
    table = pd.DataFrame(rows, columns=[name for name in DRIFT_COLUMNS if name not in ("p_adjusted", "drifted")])
    adjusted = benjamini_hochberg(table["p_value"].to_numpy(dtype="float64"))
    unlikely = (adjusted <= false_discovery_rate) | table["ks"].isna().to_numpy()
    large = (table["psi"] > limit).to_numpy()
    return table.assign(p_adjusted=adjusted, drifted=unlikely & large)[list(DRIFT_COLUMNS)]


def prediction_drift(
    reference: ColumnReference,
    probabilities: np.ndarray,
    past: Sequence[np.ndarray],
    *,
    days: int,
    level: float = 0.05,
    threshold: float | None = None,
) -> pd.DataFrame:
    """Compare current probabilities with those of training.

    As with features, they drifted when the difference is both large (Kullback-Leibler divergence above its
    threshold) and unlikely (Kolmogorov-Smirnov distance against past windows).

    Args:
        reference: How probabilities looked in training.
        probabilities: N current probabilities.
        past: The model's probabilities in windows of the same length before; may be empty.
        days: Length of a window in dates.
        level: Chance of a false alarm that is accepted.
        threshold: Replaces the test's own.

    Returns:
        One row, see ``DRIFT_COLUMNS``, of kind ``"prediction"``; without predictions nothing drifts.
    """
    test = get_drift_test("kl")
    if len(probabilities) == 0:
        empty = dict.fromkeys(DRIFT_COLUMNS, np.nan) | {"kind": "prediction", "name": "probability", "drifted": False}
        return pd.DataFrame([empty], columns=list(DRIFT_COLUMNS))
    known = np.asarray(reference.quantiles, dtype="float64")
    distances = np.array([ks_distance(known, window) for window in past])
    distance, divergence = ks_distance(known, probabilities), test.statistic(reference, probabilities)
    p_value = block_p_value(distance, distances, days)
    row = {
        "kind": "prediction",
        "name": "probability",
        "ks": distance,
        "usual_ks": usual_distance(distances),
        "p_value": p_value,
        "p_adjusted": p_value,
        "psi": get_drift_test("psi").statistic(reference, probabilities),
        "js": get_drift_test("js").statistic(reference, probabilities),
        "kl": divergence,
        "drifted": bool(divergence > (test.threshold if threshold is None else threshold) and p_value <= level),
    }
    return pd.DataFrame([row], columns=list(DRIFT_COLUMNS))


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
