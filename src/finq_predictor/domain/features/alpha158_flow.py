"""What qlib publishes as Alpha158, under its names and by its definitions: rises and falls, and volume."""

from __future__ import annotations

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.features._bars import Bars
from finq_predictor.domain.features._partial import SOURCE, TOGETHER
from finq_predictor.domain.features._registry import feature


@feature(
    inputs=("close", "volume"),
    windows=TOGETHER,
    lookback=lambda n: n,
    unit="-1 to 1",
    source=SOURCE,
    name="CORR{}",
    formula="corr(close, log(volume + 1), n)",
)
def alpha_corr(bars: Bars, n: int) -> Matrix:
    """Correlation of the close and the logarithm of volume over n bars."""
    return bars.partial.correlation(bars.close, bars.log_volume, n, price=True)


@feature(
    inputs=("close", "volume"),
    windows=TOGETHER,
    lookback=lambda n: n + 1,
    unit="-1 to 1",
    source=SOURCE,
    name="CORD{}",
    formula="corr(close / lag(close, 1), log(volume / lag(volume, 1) + 1), n)",
)
def alpha_cord(bars: Bars, n: int) -> Matrix:
    """Correlation of changes of close and of volume over n bars."""
    return bars.partial.correlation(bars.growth, bars.volume_change, n)


@feature(
    inputs=("close",),
    windows=TOGETHER,
    lookback=lambda n: n + 1,
    unit="share",
    source=SOURCE,
    name="CNTP{}",
    formula="rises(close, n)",
)
def alpha_cntp(bars: Bars, n: int) -> Matrix:
    """Share of n bars with a rise."""
    return bars.partial.rises(bars.close, n)


@feature(
    inputs=("close",),
    windows=TOGETHER,
    lookback=lambda n: n + 1,
    unit="share",
    source=SOURCE,
    name="CNTN{}",
    formula="rises(-close, n)",
)
def alpha_cntn(bars: Bars, n: int) -> Matrix:
    """Share of n bars with a fall."""
    return bars.partial.falls(bars.close, n)


@feature(
    inputs=("close",),
    windows=TOGETHER,
    lookback=lambda n: n + 1,
    unit="-1 to 1",
    source=SOURCE,
    name="CNTD{}",
    formula="rises(close, n) - rises(-close, n)",
)
def alpha_cntd(bars: Bars, n: int) -> Matrix:
    """Share of rises minus share of falls among n bars."""
    return bars.partial.rises(bars.close, n) - bars.partial.falls(bars.close, n)


@feature(
    inputs=("close",),
    windows=TOGETHER,
    lookback=lambda n: n + 1,
    unit="share",
    source=SOURCE,
    name="SUMP{}",
    formula="mean(pos(close - lag(close, 1)), n) / mean(abs(close - lag(close, 1)), n)",
)
def alpha_sump(bars: Bars, n: int) -> Matrix:
    """Sum of rises over the sum of absolute changes, n bars."""
    return bars.partial.risen(bars.close, n)


@feature(
    inputs=("close",),
    windows=TOGETHER,
    lookback=lambda n: n + 1,
    unit="share",
    source=SOURCE,
    name="SUMN{}",
    formula="mean(pos(lag(close, 1) - close), n) / mean(abs(close - lag(close, 1)), n)",
)
def alpha_sumn(bars: Bars, n: int) -> Matrix:
    """Sum of falls over the sum of absolute changes, n bars."""
    return bars.partial.fallen(bars.close, n)


@feature(
    inputs=("close",),
    windows=TOGETHER,
    lookback=lambda n: n + 1,
    unit="-1 to 1",
    source=SOURCE,
    name="SUMD{}",
    formula="mean(close - lag(close, 1), n) / mean(abs(close - lag(close, 1)), n)",
)
def alpha_sumd(bars: Bars, n: int) -> Matrix:
    """Rises minus falls, over the sum of absolute changes, n bars."""
    return bars.partial.risen(bars.close, n) - bars.partial.fallen(bars.close, n)


@feature(
    inputs=("volume",),
    windows=TOGETHER,
    lookback=lambda n: n,
    unit="ratio",
    source=SOURCE,
    name="VMA{}",
    formula="mean(volume, n) / volume",
)
def alpha_vma(bars: Bars, n: int) -> Matrix:
    """Mean volume of n bars over volume."""
    return bars.over(bars.partial.mean(bars.volume, n), bars.volume)


@feature(
    inputs=("volume",),
    windows=TOGETHER,
    lookback=lambda n: n,
    unit="ratio",
    source=SOURCE,
    name="VSTD{}",
    formula="std(volume, n) / volume",
)
def alpha_vstd(bars: Bars, n: int) -> Matrix:
    """Standard deviation of volume over n bars, over volume."""
    return bars.over(bars.partial.std(bars.volume, n), bars.volume)


@feature(
    inputs=("close", "volume"),
    windows=TOGETHER,
    lookback=lambda n: n + 1,
    unit="ratio",
    source=SOURCE,
    name="WVMA{}",
    formula="std(abs(ret) * volume, n) / mean(abs(ret) * volume, n)",
)
def alpha_wvma(bars: Bars, n: int) -> Matrix:
    """Deviation of volume-weighted moves of n bars, over their mean."""
    return bars.over(bars.partial.std(bars.moved_volume, n), bars.partial.mean(bars.moved_volume, n))


@feature(
    inputs=("volume",),
    windows=TOGETHER,
    lookback=lambda n: n + 1,
    unit="share",
    source=SOURCE,
    name="VSUMP{}",
    formula="mean(pos(volume - lag(volume, 1)), n) / mean(abs(volume - lag(volume, 1)), n)",
)
def alpha_vsump(bars: Bars, n: int) -> Matrix:
    """Sum of rises of volume over the sum of its absolute changes, n bars."""
    return bars.partial.risen(bars.volume, n)


@feature(
    inputs=("volume",),
    windows=TOGETHER,
    lookback=lambda n: n + 1,
    unit="share",
    source=SOURCE,
    name="VSUMN{}",
    formula="mean(pos(lag(volume, 1) - volume), n) / mean(abs(volume - lag(volume, 1)), n)",
)
def alpha_vsumn(bars: Bars, n: int) -> Matrix:
    """Sum of falls of volume over the sum of its absolute changes, n bars."""
    return bars.partial.fallen(bars.volume, n)


@feature(
    inputs=("volume",),
    windows=TOGETHER,
    lookback=lambda n: n + 1,
    unit="-1 to 1",
    source=SOURCE,
    name="VSUMD{}",
    formula="mean(volume - lag(volume, 1), n) / mean(abs(volume - lag(volume, 1)), n)",
)
def alpha_vsumd(bars: Bars, n: int) -> Matrix:
    """Rises minus falls of volume, over the sum of its absolute changes."""
    return bars.partial.risen(bars.volume, n) - bars.partial.fallen(bars.volume, n)
