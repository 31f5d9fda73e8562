"""Real histories of Yahoo, as one reads them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from finq_predictor.domain.ingestion.corporate_actions import clean_actions
from finq_predictor.domain.ingestion.rules import ReadingRules, Rules
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.tables import SILVER_ACTIONS

PRICES = ["open", "high", "low", "close", "adj_close"]
_RULES = Rules(get_market("equity"), reading=ReadingRules(calendar="inferred"))
FOREVER = pd.Timestamp("2040-01-01", tz="UTC")


def read(path: Path) -> pd.DataFrame:
    """Bars of a file, ascending, with a dividend and a split column; a bar is known at the end of its date."""
    frame = pd.read_csv(path, index_col=0)
    wall = pd.to_datetime(frame.index.str.slice(0, 19))
    daily = bool((wall == wall.normalize()).all())
    frame.columns = [name.lower().replace(" ", "_") for name in frame.columns]
    ts = (wall + pd.Timedelta(hours=16 if daily else 1)).as_unit("us").tz_localize("UTC")
    prices = (
        frame[[*PRICES, "volume"]].astype("float64").assign(instrument=path.name.split("-1")[0], ts=ts, known_at=ts)
    )
    bars = prices.assign(dividend=frame["dividends"].astype(float), split=frame["stock_splits"].astype(float))
    return bars.sort_values("ts", ignore_index=True)


def actions_of(bars: pd.DataFrame) -> pd.DataFrame:
    """The actions that stand beside the bars."""
    raw = bars[["instrument", "dividend", "split"]].assign(date=bars["ts"].dt.strftime("%Y-%m-%d"))
    return (
        clean_actions(raw, _RULES).silver
        if (bars[["dividend", "split"]] != 0).any(axis=None)
        else SILVER_ACTIONS.empty()
    )


def close_to(one: pd.DataFrame, other: pd.DataFrame, columns: list[str]) -> np.ndarray:
    """Rows that agree to one per cent in all columns."""
    return np.isclose(one[columns], other[columns], rtol=0.01, equal_nan=True).all(axis=1)


def read_prices(path: Path) -> pd.DataFrame:
    """An export of many stocks: prices adjusted for splits and an adjusted close."""
    frame = pd.read_parquet(path).rename(columns={"symbol": "instrument"})
    frame["ts"] = frame["known_at"] = frame["date"].astype("datetime64[us]").dt.tz_localize("UTC") + pd.Timedelta(
        hours=21
    )
    frame = frame.dropna(subset=["open", "high", "low", "close", "adj_close"])
    return frame.drop_duplicates(["instrument", "ts"], keep="last").sort_values(["instrument", "ts"], ignore_index=True)


def implied_dividends(bars: pd.DataFrame) -> pd.DataFrame:
    """Cash that the factors of an adjusted close speak of, rounded to a hundredth of a cent as companies pay it."""
    factor = bars["adj_close"] / bars["close"]
    step = factor.groupby(bars["instrument"]).shift() / factor
    cash = (1 - step) * bars.groupby("instrument")["close"].shift()
    rows = bars.assign(cash=cash.round(4))[(cash > 2e-3) & (step < 1 - 1e-5)]
    found = {"ticker": rows["instrument"], "exdate": rows["date"], "dividend": rows["cash"]}
    return clean_actions(pd.DataFrame(found).reset_index(drop=True), _RULES).silver
