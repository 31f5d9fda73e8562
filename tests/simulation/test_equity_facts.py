"""The stylised facts of stock returns (Cont, 2001), at strength zero, over several seeds."""

import numpy as np
import pandas as pd


def _mean_autocorrelation(frames, lag, transform=lambda returns: returns):
    return np.mean([transform(frame[name]).autocorr(lag) for frame in frames for name in frame])


def test_returns_have_fat_tails(noise_returns):
    for returns in noise_returns:
        assert 2.0 < returns.kurt().median() < 12.0


def test_returns_have_no_autocorrelation(noise_returns):
    for lag in (1, 2, 5):
        assert abs(_mean_autocorrelation(noise_returns, lag)) < 0.03


def test_absolute_returns_have_slowly_decaying_autocorrelation(noise_returns):
    at = {lag: _mean_autocorrelation(noise_returns, lag, abs) for lag in (1, 5, 20, 60)}
    assert at[1] > 0.1
    assert at[5] > 0.08
    assert at[20] > 0.05
    assert at[60] > 0.0
    assert at[1] > at[5] > at[20] > at[60]


def test_negative_returns_raise_later_volatility(noise_returns):
    def leverage(returns, lag):
        return np.mean([returns[name].corr(returns[name].abs().shift(-lag)) for name in returns])

    after = np.mean([leverage(returns, lag) for returns in noise_returns for lag in (1, 2, 3)])
    before = np.mean([leverage(returns, lag) for returns in noise_returns for lag in (-1, -2, -3)])
    assert after < -0.02
    assert abs(before) < 0.02, "volatility must not announce the sign of a return"


def test_volume_goes_with_volatility(noise_markets, noise_returns):
    for market, returns in zip(noise_markets, noise_returns, strict=True):
        volume = market.bars.pivot(index="known_at", columns="symbol", values="volume")
        together = [np.log(volume[name]).corr(returns[name].abs()) for name in returns]
        assert 0.3 < np.median(together) < 0.8


def test_stocks_move_together_as_real_ones_do(noise_markets, noise_returns):
    for market, returns in zip(noise_markets, noise_returns, strict=True):
        correlation = returns.corr().to_numpy()
        sector = market.bars.groupby("symbol")["sector"].first().reindex(returns.columns).to_numpy()
        pairs = np.triu_indices(len(correlation), 1)
        same = sector[pairs[0]] == sector[pairs[1]]
        assert 0.22 < correlation[pairs].mean() < 0.40
        assert correlation[pairs][same].mean() > correlation[pairs][~same].mean() + 0.03


def test_volatility_is_that_of_large_companies(noise_markets, noise_returns):
    for market, returns in zip(noise_markets, noise_returns, strict=True):
        index = market.benchmark["adj_close"].pct_change()
        assert 0.18 < returns.std().median() * 252**0.5 < 0.38
        assert 0.09 < index.std() * 252**0.5 < 0.26
        assert -0.1 < np.log1p(index).mean() * 252 < 0.25


def test_jumps_come_overnight(noise_markets):
    bars = noise_markets[0].bars
    split_free = bars.assign(before=bars.groupby("symbol")["close"].shift(), later=bars["adj_close"] / bars["close"])
    ratio = split_free.groupby("symbol")["later"].pct_change()
    gap = np.log(bars["open"] / split_free["before"])[ratio.abs() < 1e-6]
    session = np.log(bars["close"] / bars["open"])[ratio.abs() < 1e-6]
    assert 0.15 < gap.var() / (gap.var() + session.var()) < 0.5
    assert gap.kurt() > session.kurt()


def test_fear_index_follows_volatility(noise_markets):
    for market in noise_markets:
        fear = market.macro.query("series == 'vix_index'").set_index("period")["value"]
        index = market.benchmark.set_index("date")["close"].pct_change()
        assert 8 < fear.median() < 25
        assert fear.corr(index.abs().rolling(21).mean()) > 0.5
        assert isinstance(fear.index, pd.DatetimeIndex)
