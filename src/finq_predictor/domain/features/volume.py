"""How much is traded, always against the instrument's own past."""

from __future__ import annotations

import numpy as np

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.features._bars import Bars
from finq_predictor.domain.features._registry import feature


@feature(
    inputs=("volume",),
    windows=(5, 20, 60),
    lookback=lambda n: n,
    unit="ratio",
    source="Gervais et al. (2001)",
    formula="log(volume / mean(volume, n))",
)
def volume_ratio(bars: Bars, n: int) -> Matrix:
    """Logarithm of volume over its average of n bars."""
    return bars.log(bars.divide(bars.volume, bars.mean(bars.volume, n)))


@feature(
    inputs=("volume",),
    windows=(20,),
    lookback=lambda n: n,
    unit="z-score",
    source="Gervais et al. (2001)",
    formula="(volume - mean(volume, n)) / std(volume, n)",
)
def volume_zscore(bars: Bars, n: int) -> Matrix:
    """Volume minus its average, in standard deviations of n bars."""
    return bars.divide(bars.volume - bars.mean(bars.volume, n), bars.std(bars.volume, n))


@feature(
    inputs=("volume",),
    windows=((5, 20), (20, 60), (20, 250)),
    lookback=lambda _, slow: slow,
    unit="ratio",
    source="Lee and Swaminathan (2000)",
    formula="log(mean(volume, fast) / mean(volume, slow))",
)
def volume_trend(bars: Bars, fast: int, slow: int) -> Matrix:
    """Logarithm of average volume of the fast window over that of the slow one."""
    return bars.log(bars.divide(bars.mean(bars.volume, fast), bars.mean(bars.volume, slow)))


@feature(
    inputs=("volume",),
    windows=(20,),
    lookback=lambda n: n,
    unit="ratio",
    source="Chordia et al. (2001)",
    formula="std(volume, n) / mean(volume, n)",
)
def volume_variation(bars: Bars, n: int) -> Matrix:
    """Standard deviation of volume over its average, n bars."""
    return bars.divide(bars.std(bars.volume, n), bars.mean(bars.volume, n))


@feature(
    inputs=("close", "volume"),
    windows=(10, 20, 60),
    lookback=lambda n: n + 1,
    unit="-1 to 1",
    source="Granville (1963)",
    formula="mean(sign(ret) * volume, n) / mean(volume, n)",
)
def signed_volume(bars: Bars, n: int) -> Matrix:
    """Volume of rising minus falling bars, over all volume of n bars."""
    return bars.divide(bars.mean(np.sign(bars.returns) * bars.volume, n), bars.mean(bars.volume, n))


@feature(
    inputs=("high", "low", "close", "volume"),
    windows=(20,),
    lookback=lambda n: n,
    unit="-1 to 1",
    source="Chaikin (1982)",
    formula="mean((2 * close - high - low) / (high - low) * volume, n) / mean(volume, n)",
)
def money_flow(bars: Bars, n: int) -> Matrix:
    """Volume weighted by where the bar closed in its range, over all volume of n bars."""
    place = bars.divide(2.0 * bars.close - bars.high - bars.low, bars.high - bars.low)
    return bars.divide(bars.mean(place * bars.volume, n), bars.mean(bars.volume, n))


@feature(
    inputs=("high", "low", "close", "volume"),
    windows=(14,),
    lookback=lambda n: n + 1,
    unit="0 to 100",
    source="Quong and Soudack (1989)",
    formula=(
        "100 * mean((typical > lag(typical, 1)) * turnover, n) / mean((typical != lag(typical, 1)) * turnover, n)"
    ),
)
def money_flow_index(bars: Bars, n: int) -> Matrix:
    """Share of turnover in n bars that came with a rising typical price."""
    change = bars.typical - bars.lag(bars.typical, 1)
    rising = np.where(np.isnan(change), np.nan, np.where(change > 0.0, bars.turnover, 0.0))
    moving = np.where(np.isnan(change), np.nan, np.where(change != 0.0, bars.turnover, 0.0))
    return 100.0 * bars.divide(bars.mean(rising, n), bars.mean(moving, n))


@feature(
    inputs=("high", "low", "close", "volume"),
    windows=(5, 20),
    lookback=lambda n: n,
    unit="ratio",
    source="Berkowitz et al. (1988)",
    formula="close * mean(volume, n) / mean(turnover, n) - 1",
)
def vwap_gap(bars: Bars, n: int) -> Matrix:
    """Close over the volume-weighted typical price of n bars, minus one."""
    return bars.divide(bars.close * bars.mean(bars.volume, n), bars.mean(bars.turnover, n)) - 1.0


@feature(
    inputs=("close", "volume"),
    windows=(20, 60),
    lookback=lambda n: n + 1,
    unit="-1 to 1",
    source="Karpoff (1987)",
    formula="corr(ret, volume, n)",
)
def volume_ret_corr(bars: Bars, n: int) -> Matrix:
    """Correlation of returns and volume over n bars."""
    return bars.correlation(bars.returns, bars.volume, n)


@feature(
    inputs=("close", "volume"),
    windows=(20,),
    lookback=lambda n: n + 1,
    unit="-1 to 1",
    source="Karpoff (1987)",
    formula="corr(abs(ret), volume, n)",
)
def volume_abs_ret_corr(bars: Bars, n: int) -> Matrix:
    """Correlation of absolute returns and volume over n bars."""
    return bars.correlation(np.abs(bars.returns), bars.volume, n)


@feature(
    inputs=("high", "low", "close", "volume"),
    windows=(20, 60),
    lookback=lambda n: n,
    unit="share",
    source="Steidlmayer (1984)",
    formula="below(typical, n, volume)",
)
def volume_profile(bars: Bars, n: int) -> Matrix:
    """Share of the volume of n bars that was traded below the current typical price."""
    return bars.share_below(bars.typical, n, bars.volume)
