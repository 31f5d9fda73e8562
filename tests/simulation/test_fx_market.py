"""The simulated currency market: hours, quotes, spreads, stylised facts and planted signal."""

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.simulation import DirtConfig, FxMarketConfig, simulate_fx

PRICES = [f"{side}_{part}" for side in ("mid", "bid", "ask") for part in ("open", "high", "low", "close")]
NEW_YORK = "America/New_York"


def _closes(market) -> pd.DataFrame:
    return market.quotes.pivot(index="known_at", columns="instrument", values="mid_close")


def _returns(market) -> pd.DataFrame:
    return np.log(_closes(market)).diff().iloc[1:]


def _auc(score: np.ndarray, rises: np.ndarray) -> float:
    ranks = pd.Series(score).rank().to_numpy()
    positives = rises.sum()
    return float((ranks[rises].sum() - positives * (positives + 1) / 2) / (positives * (len(rises) - positives)))


def _oracle(market) -> float:
    """AUC of the expected return, in units of the usual move of the hour, for the next bar."""
    ahead = _returns(market).shift(-1).iloc[:-1]
    expected = market.truth.pivot(index="ts", columns="instrument", values="expected_return").loc[ahead.index]
    expected = expected / ahead.abs().groupby(ahead.index.hour).transform("mean")
    return _auc(expected.to_numpy().ravel(), (ahead > 0).to_numpy().ravel())


def test_columns_and_types(fx):
    assert list(fx.quotes.columns) == ["instrument", "time", "volume", *PRICES, "known_at"]
    assert list(fx.truth.columns) == ["instrument", "ts", "expected_return"]
    assert list(fx.macro.columns) == ["series", "period", "value", "released_at"]
    for frame, name in [(fx.quotes, "time"), (fx.quotes, "known_at"), (fx.truth, "ts"), (fx.macro, "released_at")]:
        assert str(frame[name].dtype) == "datetime64[us, UTC]"
    assert not fx.quotes.isna().any().any()


def test_same_seed_gives_same_bytes_and_another_does_not():
    def digest(seed):
        market = simulate_fx(FxMarketConfig(seed=seed, years=0.5))
        tables = (market.quotes, market.articles, market.macro, market.truth)
        return [pd.util.hash_pandas_object(table).to_numpy().tobytes() for table in tables]

    assert digest(1) == digest(1)
    assert all(ours != others for ours, others in zip(digest(1)[:2], digest(2)[:2], strict=True))


def test_a_pair_does_not_depend_on_the_others():
    alone = simulate_fx(FxMarketConfig(seed=1, pairs=("EUR_USD",), years=0.5, dirt=DirtConfig.clean())).quotes
    among = simulate_fx(FxMarketConfig(seed=1, years=0.5, dirt=DirtConfig.clean())).quotes
    pd.testing.assert_frame_equal(alone, among[among["instrument"] == "EUR_USD"], check_index_type=False)


def test_market_is_open_from_sunday_to_friday_evening_in_new_york(fx):
    local = pd.DatetimeIndex(fx.quotes["time"]).tz_convert(NEW_YORK)
    weekday, hour = local.day_of_week, local.hour
    assert not (weekday == 5).any()
    assert not ((weekday == 6) & (hour < 17)).any()
    assert not ((weekday == 4) & (hour >= 17)).any()
    assert ((weekday == 6) & (hour == 17)).sum() > 6 * 150
    assert not ((local.month == 12) & (local.day == 25) & (hour < 17)).any()
    hours = pd.Series(fx.quotes["time"].unique()).diff()
    assert (hours == pd.Timedelta("1h")).mean() > 0.98
    assert (fx.quotes["known_at"] - fx.quotes["time"] == pd.Timedelta("1h")).all()


@pytest.mark.parametrize("side", ["mid", "bid", "ask"])
def test_prices_are_consistent_on_every_side(fx, side):
    quotes = fx.quotes
    ends = quotes[[f"{side}_open", f"{side}_close"]]
    assert (quotes[f"{side}_low"] > 0).all()
    assert (quotes[f"{side}_low"] <= ends.min(axis=1)).all()
    assert (quotes[f"{side}_high"] >= ends.max(axis=1)).all()


@pytest.mark.parametrize("part", ["open", "high", "low", "close"])
def test_bid_is_below_mid_is_below_ask(fx, part):
    assert (fx.quotes[f"bid_{part}"] < fx.quotes[f"ask_{part}"]).all()
    assert (fx.quotes[f"bid_{part}"] <= fx.quotes[f"mid_{part}"]).all()
    assert (fx.quotes[f"mid_{part}"] <= fx.quotes[f"ask_{part}"]).all()


def test_spreads_follow_the_clock(fx):
    quotes = fx.quotes
    spread = (quotes["ask_close"] - quotes["bid_close"]) / quotes["mid_close"] * 1e4
    start = pd.DatetimeIndex(quotes["time"])
    local = start.tz_convert(NEW_YORK).hour
    london, asia = (start.hour >= 8) & (start.hour < 16), (start.hour >= 1) & (start.hour < 6)
    usual = spread[london].median()
    assert 0.8 < usual < 3.0
    assert spread[local == 17].median() > 4 * usual, "roll-over"
    assert usual < spread[asia].median() < 2 * usual
    opening = (start.tz_convert(NEW_YORK).day_of_week == 6) & (local == 17)
    assert spread[opening].median() > 5 * usual
    by_pair = spread[london].groupby(quotes["instrument"]).median()
    assert by_pair.idxmin() == "EUR_USD"


def test_volatility_and_volume_follow_the_sessions(fx):
    returns = _returns(fx)
    size = returns.abs().groupby((returns.index - pd.Timedelta("1h")).hour).mean()
    volume = fx.quotes.groupby(["instrument", pd.DatetimeIndex(fx.quotes["time"]).hour])["volume"].median()
    assert size.loc[14, "EUR_USD"] > 2 * size.loc[4, "EUR_USD"]
    assert size.loc[2, "USD_JPY"] / size.loc[9, "USD_JPY"] > 1.2 * size.loc[2, "GBP_USD"] / size.loc[9, "GBP_USD"]
    assert volume["EUR_USD"][14] > 1.5 * volume["EUR_USD"][4]


def test_stylised_facts(fx_noise):
    returns = [_returns(market) for market in fx_noise]
    every = [frame[name] for frame in returns for name in frame]
    assert np.median([series.kurt() for series in every]) > 3
    for lag in (1, 2, 24):
        assert abs(np.mean([series.autocorr(lag) for series in every])) < 0.03
    memory = [np.mean([series.abs().autocorr(lag) for series in every]) for lag in (1, 24, 120)]
    assert memory[0] > 0.15
    assert memory[1] > 0.12
    assert memory[2] > 0.06
    volume = [
        np.log(market.quotes.query("instrument == @name").set_index("known_at")["volume"]).corr(frame[name].abs())
        for market, frame in zip(fx_noise, returns, strict=True)
        for name in frame
    ]
    assert min(volume) > 0.3
    assert 0.05 < np.mean([series.std() * 6240**0.5 for series in every]) < 0.12


def test_pairs_that_share_a_currency_move_together(fx):
    correlation = _returns(fx).corr()
    assert correlation.loc["EUR_USD", "GBP_USD"] > 0.25
    assert correlation.loc["EUR_USD", "USD_CHF"] < -0.25


def test_cross_rates_are_consistent():
    pairs = ("EUR_USD", "USD_JPY", "EUR_JPY")
    closes = _closes(simulate_fx(FxMarketConfig(seed=1, pairs=pairs, years=0.5, dirt=DirtConfig.clean())))
    np.testing.assert_allclose(closes["EUR_USD"] * closes["USD_JPY"], closes["EUR_JPY"], rtol=3e-5)


def test_oracle_finds_the_planted_signal(fx):
    assert 0.52 < _oracle(fx) < 0.55
    aucs = [
        _oracle(simulate_fx(FxMarketConfig(seed=1, signal=strength, years=1.5, dirt=DirtConfig.clean())))
        for strength in (0.5, 1.0, 2.0)
    ]
    assert 0.505 < aucs[0] < aucs[1] < aucs[2]


def test_nothing_is_expected_at_strength_zero(fx_noise):
    for market in fx_noise:
        assert (market.truth["expected_return"] == 0).all()


def test_simple_rules_find_nothing_at_strength_zero(fx_noise):
    found = []
    for market in fx_noise:
        returns = _returns(market)
        ahead = returns.shift(-1).iloc[:-1]
        rises = (ahead > 0).to_numpy().ravel()
        rules = [-returns, returns.rolling(24).mean().fillna(0), -returns.rolling(4).mean().fillna(0)]
        found.append([_auc(rule.iloc[:-1].to_numpy().ravel(), rises) for rule in rules])
    # The standard error of one AUC is about .002; pairs share a currency.
    assert np.abs(np.mean(found, axis=0) - 0.5).max() < 0.006


@pytest.mark.parametrize("pairs", [(), ("EURUSD",), ("EUR_USD", "EUR_USD"), ("eur_usd",), ("EUR_EUR",)])
def test_impossible_pairs_are_refused(pairs):
    with pytest.raises(ConfigurationError, match="EUR_USD"):
        FxMarketConfig(pairs=pairs)


def test_unlisted_currencies_work():
    market = simulate_fx(FxMarketConfig(seed=1, pairs=("EUR_SEK",), years=0.25))
    assert market.quotes["instrument"].unique().tolist() == ["EUR_SEK"]
    assert set(market.articles["symbol"]) == {"EUR", "SEK"}
