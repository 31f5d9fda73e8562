"""Bare prices that are bids are noticed, and mids are not taken for them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.ingestion.bars import clean_bars
from finq_predictor.domain.ingestion.rollover import Fall, falls_at_rollover, note_on_bids
from finq_predictor.domain.ingestion.rules import Rules
from finq_predictor.domain.market.markets import get_market

FX = Rules(get_market("fx"))


def hourly(widening: float, days: int = 260, seed: int = 0) -> pd.DataFrame:
    """Mids that wander, less half a spread that widens at 17:00 in New York."""
    rng = np.random.default_rng(seed)
    ts = pd.date_range("2022-01-03", periods=24 * days, freq="h", tz="UTC").as_unit("us")
    ts = ts[ts.day_of_week < 5]
    mid = np.cumsum(rng.normal(0.0, 4e-4, len(ts)))
    local = ts.tz_convert("America/New_York").hour
    half = 0.5e-4 + np.where(local == 17, widening * 1e-4, 0.0)
    return pd.DataFrame({"ts": ts, "instrument": "EUR_USD", "close": 1.1 * np.exp(mid - half)})


def test_bids_fall_where_spreads_widen_and_mids_do_not():
    (bids,) = falls_at_rollover(hourly(4.0))
    assert bids.looks_like_bids
    assert bids.basis_points == pytest.approx(-4.0, abs=1.0)
    (note,) = note_on_bids(hourly(4.0))
    assert note.startswith("EUR_USD came without bid and ask and falls by")
    assert "deliver quotes, or mids" in note
    assert note_on_bids(hourly(0.0)) == []


@pytest.mark.parametrize("seed", range(20))
def test_a_walk_without_a_spread_is_not_taken_for_bids(seed):
    assert not any(fall.looks_like_bids for fall in falls_at_rollover(hourly(0.0, seed=seed)))


def test_few_days_say_nothing():
    assert note_on_bids(hourly(4.0, days=40)) == []
    assert falls_at_rollover(hourly(4.0).iloc[:1]) == [Fall("EUR_USD", 0.0, 0.0, 0)]
    assert falls_at_rollover(hourly(4.0).iloc[:0]) == []


def test_cleaning_says_it_of_bare_prices_and_not_of_quotes():
    bars = hourly(4.0)
    prices = {f"mid_{part}": bars["close"] for part in ("open", "high", "low", "close")}
    raw = pd.DataFrame({"instrument": "EUR_USD", "time": bars["ts"] - pd.Timedelta(hours=1), **prices})
    notes = clean_bars(raw, FX).tally.notes
    assert [note for note in notes if "as bids do" in note]
    sides = {f"{side}_{name[4:]}": price for side in ("bid", "ask") for name, price in prices.items()}
    quoted = raw.assign(**sides)
    assert not [note for note in clean_bars(quoted, FX).tally.notes if "as bids do" in note]


@pytest.mark.parametrize("pair", ["EUR_USD", "AUD_USD"])
def test_real_bids_and_real_mids_are_told_apart(pair, shared_data):
    raw = pd.read_parquet(shared_data / "fx" / f"{pair}_H1_mid_bid_ask_2016-01_2021-12.parquet")
    ts = (pd.to_datetime(raw["time"], utc=True) + pd.Timedelta(hours=1)).dt.as_unit("us")
    told = {}
    for side in ("mid", "bid", "ask"):
        bars = pd.DataFrame({"ts": ts, "instrument": pair, "close": raw[f"{side}_c"].astype(float)})
        told[side] = falls_at_rollover(bars)[0].looks_like_bids
    assert told == {"mid": False, "bid": True, "ask": False}
