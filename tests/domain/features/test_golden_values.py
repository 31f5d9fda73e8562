"""Our values beside those of TA-Lib, pandas, NumPy and SciPy on the same bars.

These are written by hand, each for itself; that every formula of the reference holds is in test_formulas.py.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import talib
from scipy import stats

from finq_predictor.domain.features import compute_features, make_feature_set, select_features
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.panel import Panel
from synthetic_silver import STOCKS, random_panel

NAME = STOCKS[0]
CONVERGED = 300
EQUITY = get_market("equity")


@pytest.fixture(scope="module")
def whole() -> Panel:
    """A panel without holes, as the peers need."""
    panel = random_panel(EQUITY, seed=4, length=500)
    fields = {
        name: pd.DataFrame(values).ffill().bfill().to_numpy() if name != "tone_sum" else values
        for name, values in panel.fields.items()
    }
    return Panel(panel.market, panel.ts, panel.instruments, fields)


@pytest.fixture(scope="module")
def ours(whole: Panel) -> pd.DataFrame:
    table = compute_features(whole, make_feature_set(select_features(EQUITY, whole.available)))
    return table[table["instrument"] == NAME].set_index("ts")


@pytest.fixture(scope="module")
def bars(whole: Panel) -> pd.DataFrame:
    fields = {name: whole.fields[name][:, 0] for name in ("open", "high", "low", "close", "volume")}
    return pd.DataFrame({**fields, "benchmark": whole.fields["benchmark_close"][:, 0]}, index=whole.ts)


Peer = Callable[[pd.DataFrame], object]

TALIB: dict[str, Peer] = {
    "rsi_7": lambda b: talib.RSI(b.close, 7),
    "rsi_14": lambda b: talib.RSI(b.close, 14),
    "rsi_28": lambda b: talib.RSI(b.close, 28),
    "atr_14": lambda b: talib.ATR(b.high, b.low, b.close, 14) / b.close,
    "adx_14": lambda b: talib.ADX(b.high, b.low, b.close, 14),
    "aroon_25": lambda b: talib.AROONOSC(b.high, b.low, 25),
    "directional_balance_14": lambda b: (
        100
        * (talib.PLUS_DM(b.high, b.low, 14) - talib.MINUS_DM(b.high, b.low, 14))
        / (talib.PLUS_DM(b.high, b.low, 14) + talib.MINUS_DM(b.high, b.low, 14))
    ),
    "macd_12_26": lambda b: talib.MACD(b.close, 12, 26, 9)[0] / b.close,
    "macd_histogram_12_26_9": lambda b: talib.MACD(b.close, 12, 26, 9)[2] / b.close,
    "stochastic_k_14": lambda b: talib.STOCHF(b.high, b.low, b.close, 14, 3)[0],
    "stochastic_d_14_3": lambda b: talib.STOCHF(b.high, b.low, b.close, 14, 3)[1],
    "cci_20": lambda b: talib.CCI(b.high, b.low, b.close, 20),
    "ultimate_7_14_28": lambda b: talib.ULTOSC(b.high, b.low, b.close, 7, 14, 28),
    "money_flow_index_14": lambda b: talib.MFI(b.high, b.low, b.close, b.volume, 14),
    "sma_gap_50": lambda b: b.close / talib.SMA(b.close, 50) - 1,
    "slope_20": lambda b: talib.LINEARREG_SLOPE(np.log(b.close), 20),
    "ret_10": lambda b: talib.ROCP(b.close, 10),
    "bollinger_width_20": lambda b: (
        (talib.BBANDS(b.close, 20, 2, 2)[0] - talib.BBANDS(b.close, 20, 2, 2)[2])
        / talib.SMA(b.close, 20)
        * np.sqrt(20 / 19)
    ),
    "max_ret_20": lambda b: talib.MAX(b.close.pct_change().fillna(0.0), 20),
}


def log_returns(b: pd.DataFrame) -> pd.Series:
    return np.log(b.close).diff()


def vol(b: pd.DataFrame, n: int) -> pd.Series:
    return log_returns(b).rolling(n).std()


def typical(b: pd.DataFrame) -> pd.Series:
    return (b.high + b.low + b.close) / 3


def turnover(b: pd.DataFrame) -> pd.Series:
    return typical(b) * b.volume


def true_range(b: pd.DataFrame) -> pd.Series:
    before = b.close.shift()
    return pd.concat([b.high - b.low, (b.high - before).abs(), (b.low - before).abs()], axis=1).max(axis=1)


def illiquidity(b: pd.DataFrame) -> pd.Series:
    return b.close.pct_change().abs() / turnover(b)


def bought(b: pd.DataFrame, n: int) -> pd.Series:
    moves = b.close.pct_change()
    return pd.Series(2 * stats.norm.cdf(moves / moves.rolling(n).std()) - 1, b.index)


def yang_zhang(b: pd.DataFrame, n: int) -> pd.Series:
    above, below = np.log(b.high / b.open), np.log(b.low / b.open)
    body, gap = np.log(b.close / b.open), np.log(b.open / b.close.shift())
    k = 0.34 / (1.34 + (n + 1) / (n - 1))
    inside = (above * (above - body) + below * (below - body)).rolling(n).mean()
    return np.sqrt(gap.rolling(n).var() + k * body.rolling(n).var() + (1 - k) * inside)


def corwin_schultz(b: pd.DataFrame) -> pd.Series:
    beta = (np.log(b.high / b.low) ** 2).rolling(2).sum()
    gamma = np.log(b.high.rolling(2).max() / b.low.rolling(2).min()) ** 2
    k = 3 - 2 * np.sqrt(2)
    alpha = (np.sqrt(2 * beta) - np.sqrt(beta)) / k - np.sqrt(gamma / k)
    return (2 * (np.exp(alpha) - 1) / (1 + np.exp(alpha))).clip(lower=0)


def abdi_ranaldo(b: pd.DataFrame) -> pd.Series:
    close, middle = np.log(b.close), (np.log(b.high) + np.log(b.low)) / 2
    return 2 * np.sqrt(((close.shift() - middle.shift()) * (close.shift() - middle)).clip(lower=0))


def volume_below(b: pd.DataFrame, n: int) -> pd.Series:
    prices, volume = typical(b).to_numpy(), b.volume.to_numpy()
    found = np.full(len(b), np.nan)
    for t in range(n - 1, len(b)):
        window = slice(t - n + 1, t + 1)
        share = (prices[window] < prices[t]) + 0.5 * (prices[window] == prices[t])
        found[t] = (share * volume[window]).sum() / volume[window].sum()
    return pd.Series(found, b.index)


PANDAS: dict[str, Peer] = {
    "ret_1": lambda b: b.close.pct_change(),
    "ret_lag_3": lambda b: b.close.pct_change().shift(3),
    "ret_skip_250_20": lambda b: b.close.shift(20) / b.close.shift(250) - 1,
    "vol_20": lambda b: vol(b, 20),
    "vol_ratio_20_60": lambda b: vol(b, 20) / vol(b, 60) - 1,
    "vol_of_vol_20_20": lambda b: vol(b, 20).rolling(20).std(),
    "vol_percentile_20_100": lambda b: (vol(b, 20).rolling(100).rank() - 0.5) / 100,
    "ewma_vol_32": lambda b: np.sqrt((log_returns(b) ** 2).ewm(span=32).mean()),
    "zscore_20": lambda b: (b.close - b.close.rolling(20).mean()) / b.close.rolling(20).std(),
    "kurt_60": lambda b: log_returns(b).rolling(60).apply(stats.kurtosis),
    "skew_20": lambda b: log_returns(b).rolling(20).apply(stats.skew),
    "high_gap_60": lambda b: b.close / b.high.rolling(60).max() - 1,
    "low_gap_20": lambda b: b.close / b.low.rolling(20).min() - 1,
    "max_drawdown_60": lambda b: b.close.rolling(60).apply(
        lambda x: (x / np.maximum.accumulate(x) - 1).min(), raw=True
    ),
    "volume_zscore_20": lambda b: (b.volume - b.volume.rolling(20).mean()) / b.volume.rolling(20).std(),
    "volume_trend_5_20": lambda b: np.log(b.volume.rolling(5).mean() / b.volume.rolling(20).mean()),
    "volume_ret_corr_20": lambda b: b.close.pct_change().rolling(20).corr(b.volume),
    "signed_volume_20": lambda b: (
        (np.sign(b.close.pct_change()) * b.volume).rolling(20).sum() / b.volume.rolling(20).sum()
    ),
    "autocorr_60": lambda b: log_returns(b).rolling(60).corr(log_returns(b).shift(1)),
    "efficiency_20": lambda b: b.close.diff(20) / b.close.diff().abs().rolling(20).sum(),
    "parkinson_20": lambda b: np.sqrt((np.log(b.high / b.low) ** 2).rolling(20).mean() / (4 * np.log(2))),
    "beta_60": lambda b: (
        b.close.pct_change().rolling(60).cov(b.benchmark.pct_change()) / b.benchmark.pct_change().rolling(60).var()
    ),
    "benchmark_corr_60": lambda b: b.close.pct_change().rolling(60).corr(b.benchmark.pct_change()),
    "relative_strength_20": lambda b: b.close.pct_change(20) - b.benchmark.pct_change(20),
    "benchmark_ret_5": lambda b: b.benchmark.pct_change(5),
    # Trend and momentum
    "sma_cross_5_20": lambda b: b.close.rolling(5).mean() / b.close.rolling(20).mean() - 1,
    "straightness_20": lambda b: np.log(b.close).rolling(20).corr(pd.Series(np.arange(len(b)), b.index)) ** 2,
    "vortex_14": lambda b: (
        ((b.high - b.low.shift()).abs() - (b.low - b.high.shift()).abs()).rolling(14).sum()
        / true_range(b).rolling(14).sum()
    ),
    "acceleration_20": lambda b: b.close.pct_change(20) - b.close.pct_change(20).shift(20),
    "ret_over_vol_20": lambda b: b.close.pct_change().rolling(20).mean() / b.close.pct_change().rolling(20).std(),
    "up_share_20": lambda b: ((b.close.diff() > 0) + 0.5 * (b.close.diff() == 0)).rolling(20).mean(),
    # Volatility
    "downside_share_20": lambda b: (
        (log_returns(b).clip(upper=0) ** 2).rolling(20).sum() / (log_returns(b) ** 2).rolling(20).sum()
    ),
    "high_vol_regime": lambda b: (vol(b, 20).rolling(100).rank() > 80.5).astype(float),
    "garman_klass_20": lambda b: np.sqrt(
        (0.5 * np.log(b.high / b.low) ** 2 - (2 * np.log(2) - 1) * np.log(b.close / b.open) ** 2).rolling(20).mean()
    ),
    "yang_zhang_20": lambda b: yang_zhang(b, 20),
    "min_ret_20": lambda b: b.close.pct_change().rolling(20).min(),
    # Shapes and places
    "body": lambda b: (b.close - b.open) / (b.high - b.low),
    "upper_shadow": lambda b: (b.high - b[["open", "close"]].max(axis=1)) / (b.high - b.low),
    "lower_shadow": lambda b: (b[["open", "close"]].min(axis=1) - b.low) / (b.high - b.low),
    "close_location_5": lambda b: ((b.close - b.low) / (b.high - b.low)).rolling(5).mean(),
    "gap": lambda b: b.open / b.close.shift() - 1,
    "gap_mean_20": lambda b: (b.open / b.close.shift() - 1).rolling(20).mean(),
    "intraday_mean_20": lambda b: (b.close / b.open - 1).rolling(20).mean(),
    "range_expansion_20": lambda b: np.log(np.log(b.high / b.low) / np.log(b.high / b.low).rolling(20).mean()),
    "channel_place_60": lambda b: (
        (b.close - b.low.rolling(60).min()) / (b.high.rolling(60).max() - b.low.rolling(60).min())
    ),
    "high_age_60": lambda b: b.high.rolling(60).apply(lambda x: np.argmax(x[::-1]) / 60, raw=True),
    "inside_share_5": lambda b: ((b.high <= b.high.shift()) & (b.low >= b.low.shift())).rolling(5).mean(),
    # What trading costs
    "high_low_spread_20": lambda b: corwin_schultz(b).rolling(20).mean(),
    "close_high_low_spread_20": lambda b: abdi_ranaldo(b).rolling(20).mean(),
    "roll_spread_60": lambda b: 2 * np.sqrt((-log_returns(b).rolling(60).cov(log_returns(b).shift())).clip(lower=0)),
    "illiquidity_trend_5_60": lambda b: np.log(illiquidity(b).rolling(5).mean() / illiquidity(b).rolling(60).mean()),
    "order_imbalance_20": lambda b: (bought(b, 20) * b.volume).rolling(20).sum() / b.volume.rolling(20).sum(),
    "variance_ratio_5_60": lambda b: (
        np.log(b.close).diff(5).rolling(60).var() / (5 * log_returns(b).rolling(60).var()) - 1
    ),
    "zero_ret_share_60": lambda b: (b.close.diff() == 0).rolling(60).mean(),
    # Volume
    "volume_ratio_20": lambda b: np.log(b.volume / b.volume.rolling(20).mean()),
    "volume_variation_20": lambda b: b.volume.rolling(20).std() / b.volume.rolling(20).mean(),
    "money_flow_20": lambda b: (
        ((2 * b.close - b.high - b.low) / (b.high - b.low) * b.volume).rolling(20).sum() / b.volume.rolling(20).sum()
    ),
    "vwap_gap_5": lambda b: b.close * b.volume.rolling(5).sum() / turnover(b).rolling(5).sum() - 1,
    "volume_abs_ret_corr_20": lambda b: b.close.pct_change().abs().rolling(20).corr(b.volume),
    "volume_profile_60": lambda b: volume_below(b, 60),
    # Night and session
    "tug_of_war_20": lambda b: (np.log(b.open / b.close.shift()) - np.log(b.close / b.open)).rolling(20).mean(),
    "overnight_ret_5": lambda b: np.log(b.open / b.close.shift()).rolling(5).sum(),
    "overnight_intraday_corr_60": lambda b: (b.open / b.close.shift() - 1).rolling(60).corr(b.close / b.open - 1),
    # Jumps and moments
    "bipower_vol_20": lambda b: np.sqrt(
        np.pi / 2 * (log_returns(b).abs() * log_returns(b).abs().shift()).rolling(20).mean()
    ),
    "median_vol_20": lambda b: np.sqrt(
        np.pi / (6 - 4 * np.sqrt(3) + np.pi) * (log_returns(b).abs().rolling(3).median() ** 2).rolling(20).mean()
    ),
    "max_ret_mean_20_5": lambda b: b.close.pct_change().rolling(20).apply(lambda x: np.sort(x)[-5:].mean(), raw=True),
    "min_ret_mean_60_3": lambda b: b.close.pct_change().rolling(60).apply(lambda x: np.sort(x)[:3].mean(), raw=True),
    "realised_skew_20": lambda b: (
        np.sqrt(20) * (log_returns(b) ** 3).rolling(20).sum() / (log_returns(b) ** 2).rolling(20).sum() ** 1.5
    ),
    "realised_kurt_20": lambda b: (
        20 * (log_returns(b) ** 4).rolling(20).sum() / (log_returns(b) ** 2).rolling(20).sum() ** 2
    ),
    "downside_vol_20": lambda b: np.sqrt((log_returns(b).clip(upper=0) ** 2).rolling(20).mean()),
    # Impact and levels
    "kyle_lambda_20": lambda b: (
        b.close.pct_change().rolling(20).cov(np.sign(b.close.diff()) * b.volume)
        / (np.sign(b.close.diff()) * b.volume).rolling(20).var()
        * b.volume.rolling(20).mean()
    ),
    "volume_concentration_20": lambda b: (b.volume**2).rolling(20).mean() / b.volume.rolling(20).mean() ** 2,
    "volume_peak_gap_20": lambda b: pd.Series(
        [np.nan] * 19
        + [
            np.log(b.close.iloc[t] / typical(b).iloc[b.volume.iloc[t - 19 : t + 1].argmax() + t - 19])
            for t in range(19, len(b))
        ]
    ),
    # Regimes and seasons
    "vol_state_20_120": lambda b: (
        (np.log(vol(b, 20)) - np.log(vol(b, 20)).rolling(120).mean()) / np.log(vol(b, 20)).rolling(120).std()
    ),
    "season_ret_250_20": lambda b: b.close.shift(230) / b.close.shift(250) - 1,
    "benchmark_high_gap_250": lambda b: b.benchmark / b.benchmark.rolling(250).max() - 1,
    "lagged_beta_60": lambda b: (
        b.close.pct_change().rolling(60).cov(b.benchmark.pct_change().shift())
        / b.benchmark.pct_change().shift().rolling(60).var()
    ),
}


@pytest.mark.parametrize("name", TALIB)
def test_like_talib(ours, bars, name):
    # Exponential averages of TA-Lib never forget how they began; ours do, after a declared number of bars.
    expected = np.asarray(TALIB[name](bars))[CONVERGED:]
    scale = np.nanstd(expected)
    np.testing.assert_allclose(ours[name].to_numpy()[CONVERGED:], expected, rtol=1e-3, atol=2e-3 * scale)


@pytest.mark.parametrize("name", PANDAS)
def test_like_pandas(ours, bars, name):
    expected = np.asarray(PANDAS[name](bars))[CONVERGED:]
    tolerance = 1e-4 if name == "ewma_vol_32" else 1e-9
    np.testing.assert_allclose(ours[name].to_numpy()[CONVERGED:], expected, rtol=tolerance, atol=tolerance * 1e-2)


def test_residual_returns_are_those_of_a_regression(ours, bars):
    own, other = bars.close.pct_change().to_numpy()[-250:], bars.benchmark.pct_change().to_numpy()[-250:]
    fit = stats.linregress(other, own)
    residual = own - fit.intercept - fit.slope * other
    deviation = residual.std() * np.sqrt(250 / 249)
    assert ours["residual_ret_250_20"].iloc[-1] == pytest.approx(residual[-20:].mean() / deviation, rel=1e-9)
    assert ours["residual_momentum_250_120_20"].iloc[-1] == pytest.approx(
        residual[-120:-20].mean() / deviation, rel=1e-9
    )


def test_ranks_are_those_of_pandas(whole):
    table = compute_features(whole, make_feature_set(select_features(EQUITY, whole.available)))
    wide = table.pivot(index="ts", columns="instrument", values="ret_20")
    rank = (wide.rank(axis=1) - 1).div(wide.count(axis=1) - 1, axis=0) - 0.5
    ours = table.pivot(index="ts", columns="instrument", values="rank_ret_20")
    pd.testing.assert_frame_equal(ours, rank, rtol=1e-12)


@pytest.fixture(scope="module")
def wide(whole: Panel) -> dict[str, pd.DataFrame]:
    """Fields as frames of time by instrument; what is the same for all instruments stands beside each."""
    return {
        name: pd.DataFrame(np.broadcast_to(values, (len(whole.ts), len(whole.instruments))), whole.ts)
        for name, values in whole.fields.items()
    }


Wide = dict[str, pd.DataFrame]


def ranked(x: pd.DataFrame) -> pd.DataFrame:
    return (x.rank(axis=1) - 1).div(x.count(axis=1) - 1, axis=0) - 0.5


def of_all(x: pd.Series, like: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(dict.fromkeys(like, x))


def returns(w: Wide, n: int = 1, name: str = "close") -> pd.DataFrame:
    return w[name].pct_change(n)


def of_sector(w: Wide, x: pd.DataFrame) -> pd.DataFrame:
    sector = w["sector"].iloc[-1]
    return pd.DataFrame({name: x.loc[:, sector == sector[name]].mean(axis=1) for name in x})


def tone(w: Wide, n: int, neutral: float = 1.0) -> pd.DataFrame:
    return w["tone_sum"].rolling(n).sum() / (w["article_count"].rolling(n).sum() + neutral)


def faded(w: Wide, n: int) -> pd.DataFrame:
    sums = [sum(0.5 ** (k / n) * w[name].shift(k) for k in range(8 * n)) for name in ("tone_sum", "article_count")]
    return sums[0] / (sums[1] + 1.0)


def unexplained(w: Wide) -> pd.DataFrame:
    own, other = returns(w), returns(w, name="benchmark_close")
    correlation = pd.DataFrame({name: own[name].rolling(60).corr(other[name]) for name in own})
    return own.rolling(60).std() * np.sqrt(1.0 - correlation**2)


WIDE: dict[str, Callable[[Wide], pd.DataFrame]] = {
    "rank_ret_5": lambda w: ranked(returns(w, 5)),
    "rank_ret_skip_250_20": lambda w: ranked(w["close"].shift(20) / w["close"].shift(250)),
    "rank_vol_20": lambda w: ranked(np.log(w["close"]).diff().rolling(20).std()),
    "rank_volume_trend_5_60": lambda w: ranked(w["volume"].rolling(5).mean() / w["volume"].rolling(60).mean()),
    "rank_high_gap_250": lambda w: ranked(w["close"] / w["high"].rolling(250).max()),
    "rank_max_ret_20": lambda w: ranked(returns(w).rolling(20).max()),
    "excess_ret_5": lambda w: returns(w, 5).sub(returns(w, 5).mean(axis=1), axis=0),
    "dispersion_20": lambda w: of_all(returns(w, 20).std(axis=1, ddof=0), w["close"]),
    "breadth_50": lambda w: of_all((w["close"] > w["close"].rolling(50).mean()).mean(axis=1), w["close"]),
    "sector_excess_ret_20": lambda w: returns(w, 20) - of_sector(w, returns(w, 20)),
    "sector_ret_20": lambda w: of_sector(w, returns(w, 20)).sub(returns(w, 20).mean(axis=1), axis=0),
    "relative_strength_60": lambda w: returns(w, 60) - returns(w, 60, "benchmark_close"),
    "benchmark_vol_20": lambda w: returns(w, name="benchmark_close").rolling(20).std(),
    "idiosyncratic_vol_60": unexplained,
    "news_tone_5": lambda w: tone(w, 5),
    "news_tone_faded_3": lambda w: faded(w, 3),
    "news_tone_lag_2": lambda w: tone(w, 1).shift(2),
    "news_surprise_5_60": lambda w: tone(w, 5) - tone(w, 60),
    "news_count_20": lambda w: np.log1p(w["article_count"].rolling(20).sum()),
    "news_attention_5_60": lambda w: np.log(
        (w["article_count"].rolling(5).mean() + 1 / 60) / (w["article_count"].rolling(60).mean() + 1 / 60)
    ),
    "news_confidence_5": lambda w: tone(w, 5, neutral=2.0).abs(),
    "news_coherence_5": lambda w: np.sign(returns(w, 5)) * tone(w, 5),
    "rank_news_tone_20": lambda w: ranked(tone(w, 20)),
    "market_tone_5": lambda w: of_all(tone(w, 5).mean(axis=1), w["close"]),
    "macro_zscore_rate": lambda w: (w["macro_rate"] - w["macro_rate.mean"]) / w["macro_rate.std"],
    "macro_change_rate": lambda w: w["macro_rate.change"] / w["macro_rate.change_std"],
    "macro_shift_rate_20": lambda w: w["macro_rate"].diff(20) / w["macro_rate.std"],
    "macro_age_rate": lambda w: np.log1p(w["macro_rate.age"]),
}


@pytest.fixture(scope="module")
def table(whole: Panel) -> pd.DataFrame:
    return compute_features(whole, make_feature_set(select_features(EQUITY, whole.available)))


@pytest.mark.parametrize("name", WIDE)
def test_like_pandas_across_instruments(table, wide, name):
    expected = WIDE[name](wide).to_numpy()[CONVERGED:]
    ours = table.pivot(index="ts", columns="instrument", values=name).to_numpy()[CONVERGED:]
    assert np.isfinite(expected).mean() > 0.9
    np.testing.assert_allclose(ours, expected, rtol=1e-8, atol=1e-11)


def test_ties_share_their_rank():
    from finq_predictor.domain.features._kernels import row_rank

    values = np.array([[3.0, 1.0, np.nan, 3.0, 2.0], [1.0, np.nan, np.nan, np.nan, 2.0]])
    ranks = row_rank(values, 3, 0)
    np.testing.assert_allclose(ranks[0], [0.5 * 5 / 3 - 0.5, -0.5, np.nan, 0.5 * 5 / 3 - 0.5, 1 / 3 - 0.5])
    assert np.isnan(ranks[1]).all()


def test_sector_means_leave_other_sectors_out(whole):
    table = compute_features(whole, make_feature_set(select_features(EQUITY, whole.available)))
    last = table[table["ts"] == whole.ts[-1]].set_index("instrument")
    tech = last.loc[["AAA", "BBB", "CCC"]]
    assert tech["sector_excess_ret_5"].to_numpy() == pytest.approx((tech["ret_5"] - tech["ret_5"].mean()).to_numpy())
    assert last["sector_ret_20"].nunique() == 2


FX = get_market("fx")
QUOTED: dict[str, Peer] = {
    "ewma_short": lambda b: b.close / b.close.ewm(span=12).mean() - 1,
    "ewma_long": lambda b: b.close / b.close.ewm(span=48).mean() - 1,
    "spread_pct": lambda b: (b.ask_close - b.bid_close) / ((b.ask_close + b.bid_close) / 2),
    "spread_ratio_24": lambda b: np.log(QUOTED["spread_pct"](b) / QUOTED["spread_pct"](b).rolling(24).mean()),
    "spread_over_vol_20": lambda b: QUOTED["spread_pct"](b).rolling(20).mean() / vol(b, 20),
}


@pytest.mark.parametrize("name", QUOTED)
def test_like_pandas_with_quotes(name):
    whole = random_panel(FX, seed=4, length=500)
    fields = {field: pd.DataFrame(values).ffill().bfill().to_numpy() for field, values in whole.fields.items()}
    panel = Panel("fx", whole.ts, whole.instruments, fields)
    (spec,) = [spec for spec in select_features(FX, panel.available) if spec.name == name]
    table = compute_features(panel, make_feature_set([spec]))
    ours = table.loc[table["instrument"] == panel.instruments[0], name].to_numpy()[CONVERGED:]
    frame = pd.DataFrame({field: fields[field][:, 0] for field in ("close", "bid_close", "ask_close")}, whole.ts)
    expected = np.asarray(QUOTED[name](frame))[CONVERGED:]
    tolerance = 1e-3 if name.startswith("ewma") else 1e-9  # ours forget after a declared number of bars
    np.testing.assert_allclose(ours, expected, rtol=tolerance, atol=tolerance * np.nanstd(expected))


def test_spread_estimators_find_a_planted_bounce():
    """Two-sided prices around a random walk: each estimator finds the spread within its known bias."""
    rng = np.random.default_rng(8)
    days, ticks, spread = 1500, 400, 0.01
    steps = rng.normal(0, 0.02 / np.sqrt(ticks), (days, ticks))
    mid = 100 * np.exp(np.cumsum(steps.ravel())).reshape(days, ticks)
    traded = mid * (1 + spread / 2 * rng.choice([-1.0, 1.0], (days, ticks)))
    fields = {
        name: np.repeat(values[:, None], 1, axis=1)
        for name, values in {
            "open": traded[:, 0],
            "high": traded.max(axis=1),
            "low": traded.min(axis=1),
            "close": traded[:, -1],
        }.items()
    }
    panel = Panel("equity", pd.date_range("2000-01-01", periods=days, tz="UTC").as_unit("us"), ("A",), fields)
    table = compute_features(panel, make_feature_set(select_features(EQUITY, panel.available)))
    for name, low, high in [
        ("high_low_spread_60", 0.006, 0.016),
        ("close_high_low_spread_20", 0.006, 0.020),
        ("roll_spread_60", 0.003, 0.016),
        ("abdi_ranaldo_60", 0.006, 0.014),
    ]:
        assert low < table[name].mean() < high, (name, table[name].mean())


def test_volatility_estimators_agree_on_a_random_walk():
    rng = np.random.default_rng(3)
    path = 50 * np.exp(np.cumsum(rng.normal(0, 0.02 / np.sqrt(500), 1000 * 500))).reshape(1000, 500)
    fields = {
        "open": np.r_[path[0, 0], path[:-1, -1]][:, None],
        "high": path.max(axis=1)[:, None],
        "low": path.min(axis=1)[:, None],
        "close": path[:, -1:].copy(),
    }
    panel = Panel("equity", pd.date_range("2000-01-01", periods=1000, tz="UTC").as_unit("us"), ("A",), fields)
    table = compute_features(panel, make_feature_set(select_features(EQUITY, panel.available)))
    for name in ("vol_20", "parkinson_20", "garman_klass_20", "yang_zhang_20", "ewma_vol_32"):
        assert table[name].mean() == pytest.approx(0.02, rel=0.1), name


def test_a_planted_impact_jump_and_season_are_found():
    """Bars that were made with a known impact of volume, one jump, and Mondays that are followed by a rise."""
    rng = np.random.default_rng(11)
    ts = pd.bdate_range("2015-01-01", periods=600, tz="UTC").as_unit("us")
    signed = rng.choice([-1.0, 1.0], 600) * rng.uniform(1e5, 2e6, 600)
    impact = 0.01 * signed / np.abs(signed).mean()
    jump = rng.normal(0, 0.01, 600)
    jump[590] = 0.15
    season = rng.normal(0, 0.002, 600) + 0.01 * (ts.day_of_week == 1)
    close = 50 * np.exp(np.cumsum(np.column_stack([impact, jump, season]), axis=0))
    volume = np.column_stack([np.abs(signed)] * 3)
    fields = dict.fromkeys(("open", "high", "low", "close"), close) | {"volume": volume}
    panel = Panel("equity", ts, ("impact", "jump", "season"), fields)
    table = compute_features(panel, make_feature_set(select_features(EQUITY, panel.available)))
    of = {name: rows.set_index("ts") for name, rows in table.groupby("instrument")}
    assert of["impact"]["kyle_lambda_60"].iloc[-1] == pytest.approx(0.01, rel=0.1)
    assert of["jump"]["jump_share_20"].iloc[585] < 0.5 < of["jump"]["jump_share_20"].iloc[592]
    monday = of["season"].index.day_of_week == 0
    assert of["season"]["weekday_season_120"][monday].iloc[-20:].min() > 0.008
    assert of["season"]["weekday_season_120"][~monday].iloc[-20:].max() < 0.004
