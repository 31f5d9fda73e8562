"""Whether prediction sets held the truth out of sample as often as they promise."""

from __future__ import annotations

import numpy as np
import pandas as pd

from finq_predictor.domain.modelling.conformal import PValues, coverage_of

P_VALUES = ("p_yes", "p_no")


def set_coverage(predictions: pd.DataFrame, coverage: float) -> pd.DataFrame:
    """Count how often the sets of one model held what happened, and how often they decided.

    Args:
        predictions: ``label`` without NaN; ``p_yes`` and ``p_no`` where the walk-forward has written them.
        coverage: What the sets promise.

    Returns:
        Rows of a score card: ``metric`` (``set_coverage``, ``set_decided``), ``value``, ``ci_low`` and ``ci_high``
        (NaN), ``n_days``; no row without those columns.
    """
    if not set(P_VALUES) <= set(predictions.columns):
        return pd.DataFrame()
    values = PValues(*(predictions[name].to_numpy(np.float64) for name in P_VALUES))
    found = coverage_of(values, predictions["label"].to_numpy(np.float64), coverage)
    return pd.DataFrame(
        {
            "metric": [f"set_{name}" for name in found],
            "value": list(found.values()),
            "ci_low": np.nan,
            "ci_high": np.nan,
            "n_days": predictions["ts"].dt.floor("D").nunique(),
        }
    )
