"""What happens while the market is closed against what happens while it is open."""

from __future__ import annotations

import numpy as np

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.features._bars import Bars
from finq_predictor.domain.features._moments import day, night
from finq_predictor.domain.features._registry import feature
from finq_predictor.domain.market.markets import Trait


@feature(
    inputs=("open", "close"),
    windows=(5, 60),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Lou et al. (2019)",
    needs=(Trait.DAILY,),
    formula="n * mean(log(open / lag(close, 1)), n)",
)
def overnight_ret(bars: Bars, n: int) -> Matrix:
    """Logarithmic return of the nights of n bars, from each close to the next open."""
    return n * bars.mean(night(bars), n)


@feature(
    inputs=("open", "close"),
    windows=(5, 60),
    lookback=lambda n: n,
    unit="ratio",
    source="Lou et al. (2019)",
    needs=(Trait.DAILY,),
    formula="n * mean(log(close / open), n)",
)
def intraday_ret(bars: Bars, n: int) -> Matrix:
    """Logarithmic return of the sessions of n bars, from each open to its close."""
    return n * bars.mean(day(bars), n)


@feature(
    inputs=("open", "close"),
    windows=(20, 120),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Lou et al. (2019)",
    needs=(Trait.DAILY,),
    formula="mean(log(open / lag(close, 1)) - log(close / open), n)",
)
def tug_of_war(bars: Bars, n: int) -> Matrix:
    """Average logarithmic return of the night minus that of the session, n bars."""
    return bars.mean(night(bars) - day(bars), n)


@feature(
    inputs=("open", "close"),
    windows=(60,),
    lookback=lambda n: n + 1,
    unit="-1 to 1",
    source="Akbas et al. (2022)",
    needs=(Trait.DAILY,),
    formula="corr(open / lag(close, 1) - 1, close / open - 1, n)",
)
def overnight_intraday_corr(bars: Bars, n: int) -> Matrix:
    """Correlation of the return of the night with that of the session after it, n bars."""
    return bars.correlation(bars.open / bars.lag(bars.close, 1) - 1.0, bars.close / bars.open - 1.0, n)


@feature(
    inputs=("open", "close"),
    windows=(20, 60),
    lookback=lambda n: n + 1,
    unit="share",
    source="French and Roll (1986)",
    needs=(Trait.DAILY,),
    formula=(
        "mean(log(open / lag(close, 1)) ** 2, n) / mean(log(open / lag(close, 1)) ** 2 + log(close / open) ** 2, n)"
    ),
)
def overnight_vol_share(bars: Bars, n: int) -> Matrix:
    """Share of the squared returns of n bars that came while the market was closed."""
    closed = night(bars) ** 2
    return bars.divide(bars.mean(closed, n), bars.mean(closed + day(bars) ** 2, n))


@feature(
    inputs=("open", "close"),
    windows=(20,),
    lookback=lambda n: n + 1,
    unit="z-score",
    source="Berkman et al. (2012)",
    needs=(Trait.DAILY,),
    formula="(open / lag(close, 1) - 1) / sqrt(mean((open / lag(close, 1) - 1) ** 2, n))",
)
def gap_strength(bars: Bars, n: int) -> Matrix:
    """Return from the close before to the open, over its root mean square of n bars."""
    jump = bars.open / bars.lag(bars.close, 1) - 1.0
    return bars.divide(jump, np.sqrt(bars.mean(jump**2, n)))
