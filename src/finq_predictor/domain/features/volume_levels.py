"""At which prices was traded, and how far away they are."""

from __future__ import annotations

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.features._bars import Bars
from finq_predictor.domain.features._moments import at_the_maximum, share_near
from finq_predictor.domain.features._registry import feature


@feature(
    inputs=("high", "low", "close", "volume"),
    windows=(20, 60),
    lookback=lambda n: n + 1,
    unit="share",
    source="Steidlmayer (1984)",
    formula="near(log(typical), std(logret, n), n, volume)",
)
def volume_near(bars: Bars, n: int) -> Matrix:
    """Share of the volume of n bars that was traded within one bar's volatility of the present typical price."""
    return share_near(bars, bars.log(bars.typical), bars.std(bars.log_returns, n), n, bars.volume)


@feature(
    inputs=("high", "low", "close", "volume"),
    windows=(20, 60),
    lookback=lambda n: n,
    unit="ratio",
    source="Gervais et al. (2001)",
    formula="log(close / at_max(typical, volume, n))",
)
def volume_peak_gap(bars: Bars, n: int) -> Matrix:
    """Logarithm of the close over the typical price of the bar with the most volume of n bars."""
    return bars.log(bars.close / at_the_maximum(bars, bars.typical, bars.volume, n))


@feature(
    inputs=("high", "low", "close", "volume"),
    windows=(60, 120),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Grinblatt and Han (2005)",
    formula="log(close * mean(volume, n) / mean(turnover, n)) / std(logret, n)",
)
def overhang(bars: Bars, n: int) -> Matrix:
    """Logarithm of the close over the volume-weighted price of n bars, in standard deviations of one bar."""
    paid = bars.divide(bars.close * bars.mean(bars.volume, n), bars.mean(bars.turnover, n))
    return bars.divide(bars.log(paid), bars.std(bars.log_returns, n))


@feature(
    inputs=("volume",),
    windows=(20,),
    lookback=lambda n: n,
    unit="ratio",
    source="Herfindahl (1950)",
    formula="mean(volume ** 2, n) / mean(volume, n) ** 2",
)
def volume_concentration(bars: Bars, n: int) -> Matrix:
    """Mean squared volume over the squared mean of n bars: n times the Herfindahl index, 1 where all are equal."""
    return bars.divide(bars.mean(bars.volume**2, n), bars.mean(bars.volume, n) ** 2)
