"""The look-ahead audit of a data root: every feature of a market, recomputed from the past."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import KNOWN_AT, TS
from finq_predictor.domain.errors import StoreError
from finq_predictor.domain.features import select_features
from finq_predictor.domain.features.audit import audit_look_ahead, certify_lookback
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.panel import Panel, build_panel
from finq_predictor.serving.store import silver_files


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
        market: Name of the market.
        features: How many features were recomputed.
        times: When the data were cut.
        leaking: Names of features that change when the data after a bar are taken away.
        short: Names of features whose declared lookback does not suffice.
    """

    market: str
    features: int
    times: tuple[pd.Timestamp, ...]
    leaking: tuple[str, ...]
    short: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing looks ahead and every lookback suffices."""
        return not self.leaking and not self.short


def audit_market(root: Path, market: Market, *, times: int, seed: int) -> Audit:
    """Recompute every feature of a market from its silver tables, cut at sampled times.

    Joins are audited too: the panel is built anew from tables that hold only what was known.

    Args:
        root: Folder of the data.
        market: The market.
        times: How many times are sampled, from the second half of the history.
        seed: Which times are sampled.

    Raises:
        StoreError: If a silver table is absent.
    """
    tables = read_tables(root, market)
    panel = _panel(tables, market)
    specs = select_features(market, panel.available)
    later = np.arange(len(panel.ts) // 2, len(panel.ts))
    chosen = np.random.default_rng(seed).choice(later, size=min(times, len(later)), replace=False)
    at = [panel.ts[index] for index in sorted(chosen)]
    ahead = audit_look_ahead(panel, specs, at, rebuild=lambda ts: _panel(cut(tables, ts), market))
    lookback = certify_lookback(panel, specs, at)
    return Audit(
        market=market.name,
        features=len(specs),
        times=tuple(at),
        leaking=tuple(ahead.loc[ahead["leaks"], "feature"]),
        short=tuple(lookback.loc[~lookback["sufficient"], "feature"]),
    )


def read_tables(root: Path, market: Market) -> dict[str, pd.DataFrame]:
    """Read the silver tables of a market that exist.

    Raises:
        StoreError: If there are no bars.
    """
    files = silver_files(root, market)
    if not files["bars"].is_file():
        raise StoreError(f"No silver bars of {market.name} at {files['bars']}; run `make run` or give --root.")
    return {name: pd.read_parquet(path) for name, path in files.items() if path.is_file()}


def cut(tables: dict[str, pd.DataFrame], ts: pd.Timestamp) -> dict[str, pd.DataFrame]:
    """What was known at a time: bars and tone that had closed, macro values that had been released."""
    return {name: table[table[TS if TS in table else KNOWN_AT] <= ts] for name, table in tables.items()}


def _panel(tables: dict[str, pd.DataFrame], market: Market) -> Panel:
    rest = {name: table for name, table in tables.items() if name != "bars"}
    return build_panel(tables["bars"], market, **rest)
