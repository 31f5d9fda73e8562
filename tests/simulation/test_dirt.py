"""Dirt comes at its configured rates, and only as described."""

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.simulation import (
    DirtConfig,
    EquityMarketConfig,
    FxMarketConfig,
    simulate_equity,
    simulate_fx,
)

KEY = ["symbol", "date"]
RATE = 0.02


def _market(**rates) -> pd.DataFrame:
    dirt = DirtConfig(**{**dict.fromkeys(DirtConfig.__dataclass_fields__, 0.0), **rates})
    return simulate_equity(EquityMarketConfig(seed=2, instruments=30, years=2, dirt=dirt)).bars


@pytest.fixture(scope="module")
def clean() -> pd.DataFrame:
    return _market()


def test_zero_rates_give_a_clean_delivery(clean):
    assert DirtConfig.clean() == DirtConfig.scaled(0)
    assert not clean.duplicated(KEY).any()
    assert clean.groupby("symbol")["date"].apply(lambda dates: dates.is_monotonic_increasing).all()


def test_missing_rows_are_absent_or_empty(clean):
    dirty = _market(missing=RATE)
    absent, empty = len(clean) - len(dirty), int(dirty["close"].isna().sum())
    assert absent + empty == pytest.approx(RATE * len(clean), rel=0.2)
    assert min(absent, empty) > 0.3 * (absent + empty)
    pd.testing.assert_frame_equal(
        dirty.dropna(), dirty[KEY].merge(clean, on=KEY).loc[dirty["close"].notna()], check_index_type=False
    )


def test_duplicated_rows_are_the_same_twice(clean):
    dirty = _market(duplicated=RATE)
    assert dirty.duplicated().sum() == len(dirty) - len(clean) == pytest.approx(RATE * len(clean), rel=0.2)
    assert _sorted(dirty.drop_duplicates()).equals(_sorted(clean))


def test_rows_out_of_order_are_the_same_rows(clean):
    dirty = _market(out_of_order=RATE)
    backwards = (dirty.groupby("symbol")["date"].diff() < pd.Timedelta(0)).sum()
    assert backwards == pytest.approx(RATE * len(clean), rel=0.35)
    assert _sorted(dirty).equals(_sorted(clean))
    assert list(dirty["symbol"].drop_duplicates()) == list(clean["symbol"].drop_duplicates())


def test_impossible_rows_cannot_be_prices(clean):
    dirty = _market(impossible=RATE).reset_index(drop=True)
    changed = (dirty[["high", "low", "close"]] != clean[["high", "low", "close"]]).any(axis=1)
    inverted, negative = dirty["high"] < dirty["low"], dirty["close"] < 0
    hundredfold = np.isclose(dirty["close"], 100 * clean["close"])
    assert changed.mean() == pytest.approx(RATE, rel=0.2)
    assert (inverted | negative | hundredfold)[changed].all()
    assert min(inverted.sum(), negative.sum(), hundredfold.sum()) > 0.15 * changed.sum()


def test_corrections_come_later_with_the_right_values(clean):
    dirty = _market(corrected=RATE)
    assert len(dirty) - len(clean) == pytest.approx(RATE * len(clean), rel=0.2)
    twice = dirty[dirty.duplicated(KEY, keep=False)].sort_values([*KEY, "known_at"], kind="stable")
    first, second = twice.groupby(KEY).nth(0), twice.groupby(KEY).nth(1)
    assert (second["known_at"].to_numpy() > first["known_at"].to_numpy()).all()
    error = first["close"].to_numpy() / second["close"].to_numpy() - 1
    assert ((np.abs(error) > 0.004) & (np.abs(error) < 0.026)).all()
    latest = dirty.sort_values("known_at").drop_duplicates(KEY, keep="last").drop(columns="known_at")
    assert _sorted(latest).equals(_sorted(clean.drop(columns="known_at")))


def test_default_delivery_is_a_little_dirty():
    market = simulate_equity(EquityMarketConfig(seed=1, years=2))
    assert market.bars.duplicated().any()
    assert market.bars["close"].isna().any()
    assert (market.bars["high"] < market.bars["low"]).any()
    assert market.bars.duplicated(KEY).mean() < 0.01
    assert not market.benchmark.isna().any().any()


def test_fx_quotes_get_dirty_too():
    quotes = simulate_fx(FxMarketConfig(seed=1, pairs=("EUR_USD", "USD_JPY"), years=1)).quotes
    assert quotes.duplicated().any()
    assert quotes["mid_close"].isna().any()
    assert quotes["instrument"].nunique() == 2


@pytest.mark.parametrize("rates", [{"missing": -0.1}, {"duplicated": 0.9}])
def test_impossible_rates_are_refused(rates):
    with pytest.raises(ConfigurationError, match=next(iter(rates))):
        DirtConfig(**rates)


def _sorted(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values(KEY, ignore_index=True)
