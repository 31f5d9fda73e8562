"""Every feature once, on four bars: what it needs is compiled then, and kept beside the code."""

from __future__ import annotations

import numpy as np
import pandas as pd

from finq_predictor.domain.features._registry import EVERY, REGISTRY
from finq_predictor.domain.features.engine import compute_features, make_feature_set, select_features
from finq_predictor.domain.features.sets import members_of
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.panel import CROSS_SECTION, Panel

ROWS, COLUMNS = 4, 3


def compute_each(part: int, parts: int) -> int:
    """Compute every feature of a part of the registry.

    Args:
        part: Which part, from 0.
        parts: How many there are.

    Returns:
        How many features were computed.
    """
    done: set[str] = set()
    for market in MARKETS.values():
        panel = _little_panel(market.name)
        specs = select_features(market, panel.available, members=members_of("all"))[part::parts]
        specs = tuple(spec for spec in specs if spec.name not in done)
        if specs:
            for dtype in ("float32", "float64"):
                compute_features(panel, make_feature_set(specs), dtype=dtype, threads=1)
        done |= {spec.name for spec in specs}
    return len(done)


def _little_panel(market: str) -> Panel:
    names = {name for spec in REGISTRY.values() for name in spec.inputs} - {CROSS_SECTION, EVERY}
    names |= {f"macro_rate{rest}" for rest in ("", ".change", ".mean", ".std", ".change_std", ".age")}
    values = 1.0 + np.arange(ROWS * COLUMNS, dtype=np.float64).reshape(ROWS, COLUMNS) % 5.0
    ts = pd.date_range("2020-01-01", periods=ROWS, freq="D", tz="UTC").as_unit("us")
    fields = {name: values.copy() for name in sorted(names)}
    return Panel(market, ts, tuple("ABC"), fields)
