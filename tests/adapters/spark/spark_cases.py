"""Markets whose gold is made twice, on one machine and on Spark: everything that a panel can be made of, and gaps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.adapters.spark.stages import Job
from finq_predictor.adapters.spark.training import Window
from finq_predictor.domain.features import FeatureSet
from finq_predictor.domain.market.markets import Market, get_market
from finq_predictor.domain.modelling.models import Model, create_model
from finq_predictor.domain.panel import Panel, build_panel
from finq_predictor.domain.tables import SILVER_MEMBERSHIP
from finq_predictor.pipelines.features.params import FeaturesParams
from synthetic_silver import random_tables

SHORT = "short-"
"""What the name of a case begins with where a slice reads a bar too few."""
FIT = "fit-"
HORIZON, SEED = 5, 7
LEARNED = 7
"""Each seventh feature is learned from: Spark takes seconds to plan for three hundred columns."""
# Of the random shares: something is left behind it, and labels that reach beyond it are not known at its end.
WINDOW = Window(pd.Timestamp("2021-03-01 21:00", tz="UTC"), pd.Timestamp("2021-03-01 21:00", tz="UTC"))
SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"


@dataclass(frozen=True)
class Case:
    """One market.

    Attributes:
        market: Its name.
        panel: Makes its panel, the same in every process.
        params: What gold is to hold.
        task_mb: How small the tasks are.
    """

    market: str
    panel: Callable[[], Panel]
    params: FeaturesParams = field(default_factory=FeaturesParams)
    task_mb: int = 1

    @property
    def of(self) -> Market:
        return get_market(self.market)


def new_model() -> Model:
    return create_model("xgboost", {"n_estimators": 20, "min_child_weight": 5.0, "max_depth": 3, "learning_rate": 0.1})


class OneBarTooFew(Job):
    """Reads one bar less before a slice than what decides its first bar."""

    @property
    def together(self) -> FeatureSet | None:
        given = super().together
        return None if given is None else replace(given, lookback=given.lookback - 1)


def _random(name: str) -> Panel:
    """Instruments that begin late and end early, holes, macro, tone and, of shares, members that come and go."""
    market = get_market(name)
    tables: dict[str, Any] = random_tables(market, seed=3)
    bars = tables.pop("bars")
    if "membership" in market.source_tables:
        tables["membership"] = _membership(bars)
    return build_panel(bars, market, **tables)


def _membership(bars: pd.DataFrame) -> pd.DataFrame:
    times = bars["ts"].drop_duplicates().sort_values(ignore_index=True)
    begin, late, early = times[0], times[150], times[260]
    rows = [(name, begin, pd.NaT, begin) for name in sorted(set(bars["instrument"]) - {"BBB", "CCC", "DDD"})]
    # One joins, one leaves, one was never in.
    rows += [("BBB", late, pd.NaT, late), ("CCC", begin, early, early)]
    frame = pd.DataFrame(rows, columns=["instrument", "since", "until", "known_at"])
    return SILVER_MEMBERSHIP.typed(frame.assign(until=pd.to_datetime(frame["until"], utc=True)))


@cache
def _real_shares(symbols: int, days: int) -> Panel:
    """Real daily bars of the S&P 500, as they came, with an index and a few sectors made of letters."""
    raw = pd.read_parquet(SHARED / "equities" / "sp500_adj_2012-12_2017-12.parquet")
    bars = raw.rename(columns={"symbol": "instrument"}).dropna(subset=["close"])
    bars["ts"] = pd.to_datetime(bars.pop("date")).dt.tz_localize("UTC").astype("datetime64[us, UTC]")
    bars["ts"] += pd.Timedelta(hours=21)
    bars = bars.drop_duplicates(["ts", "instrument"])
    names, times = sorted(bars["instrument"].unique())[:symbols], np.sort(bars["ts"].unique())[:days]
    bars = bars[bars["instrument"].isin(names) & bars["ts"].isin(times)]
    bars["sector"] = bars["instrument"].str[0]
    level = bars.groupby("ts")["adj_close"].mean()
    benchmark = pd.DataFrame({"ts": level.index, "close": level.to_numpy()})
    return build_panel(bars, get_market("equity"), benchmark)


@cache
def _real_pairs(hours: int) -> Panel:
    """Real hours of two pairs with bid and ask, and their ratio as the third that comparing asks for."""
    tables = []
    for name in ("EUR_USD", "AUD_USD"):
        raw = pd.read_parquet(SHARED / "fx" / f"{name}_H1_mid_bid_ask_2016-01_2021-12.parquet").head(hours)
        sides = {side: side for side in ("mid", "bid", "ask")}
        columns = {"time": "ts"} | {
            f"{side}_{short}": f"{'' if side == 'mid' else f'{side}_'}{long}"
            for side in sides
            for short, long in (("o", "open"), ("h", "high"), ("l", "low"), ("c", "close"))
        }
        tables.append(raw.rename(columns=columns).assign(instrument=name))
    bars = pd.concat(tables, ignore_index=True)
    bars["ts"] = pd.to_datetime(bars["ts"], utc=True).astype("datetime64[us, UTC]") + pd.Timedelta(hours=1)
    return build_panel(bars, get_market("fx"))


CASES = {
    "equity": Case("equity", lambda: _random("equity")),
    # What is in no default: published ones, and the sequences.
    "alpha158": Case(
        "equity",
        lambda: _random("equity"),
        FeaturesParams(set="others", sets={"others": ("set:alpha158", "set:sequence")}, horizons=(1, 5)),
    ),
    # Nothing is left out, so that every feature is compared wherever it is known at all.
    "every_equity": Case("equity", lambda: _random("equity"), FeaturesParams(min_known_share=1e-9)),
    "every_fx": Case("fx", lambda: _random("fx"), FeaturesParams(min_known_share=1e-9)),
    "real_shares": Case("equity", lambda: _real_shares(25, 400), task_mb=4),
    "real_pairs": Case("fx", lambda: _real_pairs(3000), task_mb=2),
    "all_real_shares": Case("equity", lambda: _real_shares(500, 1260), task_mb=64),
    "all_real_pairs": Case("fx", lambda: _real_pairs(40_000), task_mb=16),
}
