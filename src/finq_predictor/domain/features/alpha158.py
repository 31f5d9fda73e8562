"""What qlib publishes as Alpha158, under its names and by its definitions: bars and prices; more in `alpha158_flow`.

Everything is a ratio to the current close, open or volume, or without a unit from the start, so that no level gets in.
A bar that is missing is left out of a window, and 0 over 0 is 0; where that differs from qlib is said in ADR 0056.
"""

from __future__ import annotations

import numpy as np

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.features._bars import Bars
from finq_predictor.domain.features._partial import SOURCE, TOGETHER
from finq_predictor.domain.features._registry import feature


@feature(
    inputs=("open", "close"),
    lookback=1,
    unit="ratio",
    source=SOURCE,
    name="KMID",
    formula="(close - open) / open",
)
def alpha_kmid(bars: Bars) -> Matrix:
    """Close minus open, over open."""
    return (bars.close - bars.open) / bars.open


@feature(
    inputs=("open", "high", "low"),
    lookback=1,
    unit="ratio",
    source=SOURCE,
    name="KLEN",
    formula="(high - low) / open",
)
def alpha_klen(bars: Bars) -> Matrix:
    """High minus low, over open."""
    return (bars.high - bars.low) / bars.open


@feature(
    inputs=("open", "high", "low", "close"),
    lookback=1,
    unit="-1 to 1",
    source=SOURCE,
    name="KMID2",
    formula="(close - open) / (high - low)",
)
def alpha_kmid2(bars: Bars) -> Matrix:
    """Close minus open, over the range of the bar."""
    return bars.over(bars.close - bars.open, bars.high - bars.low)


@feature(
    inputs=("open", "high", "close"),
    lookback=1,
    unit="ratio",
    source=SOURCE,
    name="KUP",
    formula="(high - larger(open, close)) / open",
)
def alpha_kup(bars: Bars) -> Matrix:
    """Range above the body, over open."""
    return (bars.high - np.maximum(bars.open, bars.close)) / bars.open


@feature(
    inputs=("open", "high", "low", "close"),
    lookback=1,
    unit="share",
    source=SOURCE,
    name="KUP2",
    formula="(high - larger(open, close)) / (high - low)",
)
def alpha_kup2(bars: Bars) -> Matrix:
    """Range above the body, over the range of the bar."""
    return bars.over(bars.high - np.maximum(bars.open, bars.close), bars.high - bars.low)


@feature(
    inputs=("open", "low", "close"),
    lookback=1,
    unit="ratio",
    source=SOURCE,
    name="KLOW",
    formula="(smaller(open, close) - low) / open",
)
def alpha_klow(bars: Bars) -> Matrix:
    """Range below the body, over open."""
    return (np.minimum(bars.open, bars.close) - bars.low) / bars.open


@feature(
    inputs=("open", "high", "low", "close"),
    lookback=1,
    unit="share",
    source=SOURCE,
    name="KLOW2",
    formula="(smaller(open, close) - low) / (high - low)",
)
def alpha_klow2(bars: Bars) -> Matrix:
    """Range below the body, over the range of the bar."""
    return bars.over(np.minimum(bars.open, bars.close) - bars.low, bars.high - bars.low)


@feature(
    inputs=("open", "high", "low", "close"),
    lookback=1,
    unit="ratio",
    source=SOURCE,
    name="KSFT",
    formula="(2 * close - high - low) / open",
)
def alpha_ksft(bars: Bars) -> Matrix:
    """Twice the close minus high and low, over open."""
    return (2.0 * bars.close - bars.high - bars.low) / bars.open


@feature(
    inputs=("high", "low", "close"),
    lookback=1,
    unit="-1 to 1",
    source=SOURCE,
    name="KSFT2",
    formula="(2 * close - high - low) / (high - low)",
)
def alpha_ksft2(bars: Bars) -> Matrix:
    """Twice the close minus high and low, over the range of the bar."""
    return bars.over(2.0 * bars.close - bars.high - bars.low, bars.high - bars.low)


@feature(
    inputs=("open", "close"),
    lookback=1,
    unit="ratio",
    source=SOURCE,
    name="OPEN0",
    formula="open / close",
)
def alpha_open0(bars: Bars) -> Matrix:
    """Open over close."""
    return bars.open / bars.close


@feature(
    inputs=("high", "close"),
    lookback=1,
    unit="ratio",
    source=SOURCE,
    name="HIGH0",
    formula="high / close",
)
def alpha_high0(bars: Bars) -> Matrix:
    """High over close."""
    return bars.high / bars.close


@feature(inputs=("low", "close"), lookback=1, unit="ratio", source=SOURCE, name="LOW0", formula="low / close")
def alpha_low0(bars: Bars) -> Matrix:
    """Low over close."""
    return bars.low / bars.close


@feature(
    inputs=("vwap", "close"),
    lookback=1,
    unit="ratio",
    source=SOURCE,
    name="VWAP0",
    formula="vwap / close",
)
def alpha_vwap0(bars: Bars) -> Matrix:
    """Volume-weighted average price of the bar over close."""
    return bars.field("vwap") / bars.close


@feature(
    inputs=("close",),
    windows=TOGETHER,
    lookback=lambda n: n + 1,
    unit="ratio",
    source=SOURCE,
    name="ROC{}",
    formula="lag(close, n) / close",
)
def alpha_roc(bars: Bars, n: int) -> Matrix:
    """Close n bars before over close."""
    return bars.lag(bars.close, n) / bars.close


@feature(
    inputs=("close",),
    windows=TOGETHER,
    lookback=lambda n: n,
    unit="ratio",
    source=SOURCE,
    name="MA{}",
    formula="mean(close, n) / close",
)
def alpha_ma(bars: Bars, n: int) -> Matrix:
    """Mean of the close over n bars, over close."""
    return bars.partial.mean(bars.close, n) / bars.close


@feature(
    inputs=("close",),
    windows=TOGETHER,
    lookback=lambda n: n,
    unit="ratio",
    source=SOURCE,
    name="STD{}",
    formula="std(close, n) / close",
)
def alpha_std(bars: Bars, n: int) -> Matrix:
    """Standard deviation of the close over n bars, over close."""
    return bars.partial.std(bars.close, n) / bars.close


@feature(
    inputs=("close",),
    windows=TOGETHER,
    lookback=lambda n: n,
    unit="ratio per bar",
    source=SOURCE,
    name="BETA{}",
    formula="trend(close, n) / close",
)
def alpha_beta(bars: Bars, n: int) -> Matrix:
    """Slope of the close over n bars, over close."""
    return bars.partial.slope(bars.close, n) / bars.close


@feature(
    inputs=("close",),
    windows=TOGETHER,
    lookback=lambda n: n,
    unit="share",
    source=SOURCE,
    name="RSQR{}",
    formula="fit(close, n)",
)
def alpha_rsqr(bars: Bars, n: int) -> Matrix:
    """Share of the close's variance over n bars that a line explains."""
    return bars.partial.straightness(bars.close, n)


@feature(
    inputs=("close",),
    windows=TOGETHER,
    lookback=lambda n: n,
    unit="ratio",
    source=SOURCE,
    name="RESI{}",
    formula="residual(close, n) / close",
)
def alpha_resi(bars: Bars, n: int) -> Matrix:
    """Close minus its line over n bars, over close."""
    return bars.partial.residual(bars.close, n) / bars.close


@feature(
    inputs=("high", "close"),
    windows=TOGETHER,
    lookback=lambda n: n,
    unit="ratio",
    source=SOURCE,
    name="MAX{}",
    formula="max(high, n) / close",
)
def alpha_max(bars: Bars, n: int) -> Matrix:
    """Highest high of n bars over close."""
    return bars.partial.max(bars.high, n) / bars.close


@feature(
    inputs=("low", "close"),
    windows=TOGETHER,
    lookback=lambda n: n,
    unit="ratio",
    source=SOURCE,
    name="MIN{}",
    formula="min(low, n) / close",
)
def alpha_min(bars: Bars, n: int) -> Matrix:
    """Lowest low of n bars over close."""
    return bars.partial.min(bars.low, n) / bars.close


@feature(
    inputs=("close",),
    windows=TOGETHER,
    lookback=lambda n: n,
    unit="ratio",
    source=SOURCE,
    name="QTLU{}",
    formula="quantile(close, n, 0.8) / close",
)
def alpha_qtlu(bars: Bars, n: int) -> Matrix:
    """Quantile of 80 % of the close over n bars, over close."""
    return bars.partial.quantile(bars.close, n, upper=True) / bars.close


@feature(
    inputs=("close",),
    windows=TOGETHER,
    lookback=lambda n: n,
    unit="ratio",
    source=SOURCE,
    name="QTLD{}",
    formula="quantile(close, n, 0.2) / close",
)
def alpha_qtld(bars: Bars, n: int) -> Matrix:
    """Quantile of 20 % of the close over n bars, over close."""
    return bars.partial.quantile(bars.close, n, upper=False) / bars.close


@feature(
    inputs=("close",),
    windows=TOGETHER,
    lookback=lambda n: n,
    unit="share",
    source=SOURCE,
    name="RANK{}",
    formula="standing(close, n)",
)
def alpha_rank(bars: Bars, n: int) -> Matrix:
    """Rank of the close among n bars."""
    return bars.partial.standing(bars.close, n)


@feature(
    inputs=("high", "low", "close"),
    windows=TOGETHER,
    lookback=lambda n: n,
    unit="share",
    source=SOURCE,
    name="RSV{}",
    formula="(close - min(low, n)) / (max(high, n) - min(low, n))",
)
def alpha_rsv(bars: Bars, n: int) -> Matrix:
    """Place of the close between the lowest low and the highest high of n bars."""
    low = bars.partial.min(bars.low, n)
    return bars.over(bars.close - low, bars.partial.max(bars.high, n) - low)


@feature(
    inputs=("high",),
    windows=TOGETHER,
    lookback=lambda n: n,
    unit="share of n",
    source=SOURCE,
    name="IMAX{}",
    formula="place_of_max(high, n) / n",
)
def alpha_imax(bars: Bars, n: int) -> Matrix:
    """Place of the highest high among n bars, over n."""
    return bars.partial.place_of_max(bars.high, n) / n


@feature(
    inputs=("low",),
    windows=TOGETHER,
    lookback=lambda n: n,
    unit="share of n",
    source=SOURCE,
    name="IMIN{}",
    formula="place_of_max(-low, n) / n",
)
def alpha_imin(bars: Bars, n: int) -> Matrix:
    """Place of the lowest low among n bars, over n."""
    return bars.partial.place_of_min(bars.low, n) / n


@feature(
    inputs=("high", "low"),
    windows=TOGETHER,
    lookback=lambda n: n,
    unit="share of n",
    source=SOURCE,
    name="IMXD{}",
    formula="(place_of_max(high, n) - place_of_max(-low, n)) / n",
)
def alpha_imxd(bars: Bars, n: int) -> Matrix:
    """Bars from the lowest low to the highest high among n, over n."""
    return (bars.partial.place_of_max(bars.high, n) - bars.partial.place_of_min(bars.low, n)) / n
