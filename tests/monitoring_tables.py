"""The three tables of monitoring, small and with known figures."""

from __future__ import annotations

import numpy as np
import pandas as pd

from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.monitoring.completeness import measure_missing_rates
from finq_predictor.domain.monitoring.drift.features import drift_columns
from finq_predictor.domain.monitoring.freshness import Layer, measure_layers


def monitoring_tables() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Freshness of one layer on a Sunday, missing rates of one feature, drift of it and of the predictions."""
    ts = pd.to_datetime(["2024-01-05T21:00Z"], utc=True).astype("datetime64[us, UTC]")
    layer = Layer("silver", "ingestion", pd.DataFrame({"ts": ts, "instrument": pd.Series(["AAA"], dtype="str")}))
    freshness = measure_layers([layer], pd.Timestamp("2024-01-07T09:00Z"), get_market("equity").sessions, 13)
    missing = measure_missing_rates(pd.DataFrame({"a": [1.0, np.nan]}), ["a"], {"a": 0.0}, 0.05)
    drift = pd.DataFrame(
        {
            "kind": ["feature", "prediction"],
            "name": ["a", "probability"],
            "psi": [0.3, 0.1],
            "ks": [0.2, 0.4],
            "js": [0.1, 0.2],
            "kl": [np.nan, 0.4],
            "level": [1.5, 0.1],
            "reason": ["distribution and level", "distribution"],
            "drifted": [True, True],
        }
    )
    return freshness, missing, drift.reindex(columns=list(drift_columns()))
