"""What the same time of the day, the week and the year brought before.

The present bar is known, so what is asked is what followed bars like it. Years further back than one would double the
bars that every served value needs, so they are left out.
"""

from __future__ import annotations

import numpy as np

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.features._bars import Bars
from finq_predictor.domain.features._moments import following
from finq_predictor.domain.features._registry import feature
from finq_predictor.domain.market.markets import Trait


@feature(
    inputs=("close",),
    windows=((250, 20), (250, 5)),
    lookback=lambda n, _: n + 1,
    unit="ratio",
    source="Heston and Sadka (2008)",
    needs=(Trait.DAILY,),
    formula="lag(close, n - m) / lag(close, n) - 1",
)
def season_ret(bars: Bars, n: int, m: int) -> Matrix:
    """Return of the m bars that began n bars ago: what the coming m bars brought a year before."""
    return bars.lag(bars.close, n - m) / bars.lag(bars.close, n) - 1.0


@feature(
    inputs=("close", "cross_section"),
    windows=((250, 20),),
    lookback=lambda n, _: n + 1,
    unit="rank, -0.5 to 0.5",
    source="Heston and Sadka (2008)",
    needs=(Trait.DAILY,),
    formula="rank(lag(close, n - m) / lag(close, n) - 1)",
)
def rank_season_ret(bars: Bars, n: int, m: int) -> Matrix:
    """Rank of what the coming m bars brought a year before."""
    return bars.rank(bars.lag(bars.close, n - m) / bars.lag(bars.close, n) - 1.0)


@feature(
    inputs=("close",),
    windows=(60, 120),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Keloharju et al. (2016)",
    needs=(Trait.DAILY,),
    formula="following(ret, weekday, n, 5)",
)
def weekday_season(bars: Bars, n: int) -> Matrix:
    """Mean return of the bars that followed the same day of the week, within n bars."""
    return following(bars, bars.returns, bars.column(bars.panel.ts.day_of_week), n, 5)


@feature(
    inputs=("close",),
    windows=(240,),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Breedon and Ranaldo (2013)",
    needs=(Trait.INTRADAY,),
    formula="following(logret, hour, n, 24)",
)
def hour_season(bars: Bars, n: int) -> Matrix:
    """Mean return of the bars that followed the same hour of the day, within n bars."""
    return following(bars, bars.log_returns, bars.column(bars.starts.hour), n, 24)


@feature(
    inputs=("close",),
    windows=(240,),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Andersen and Bollerslev (1997)",
    needs=(Trait.INTRADAY,),
    formula="log(following(abs(logret), hour, n, 24) / mean(abs(logret), n))",
)
def hour_vol_season(bars: Bars, n: int) -> Matrix:
    """Logarithm of the mean absolute return after the same hour of the day, over that of all n bars."""
    size = np.abs(bars.log_returns)
    after = following(bars, size, bars.column(bars.starts.hour), n, 24)
    return bars.log(bars.divide(after, bars.mean(size, n)))


@feature(
    inputs=("bid_close", "ask_close"),
    windows=(240,),
    lookback=lambda n: n + 1,
    unit="ratio",
    source="Bollerslev and Domowitz (1993)",
    needs=(Trait.INTRADAY,),
    formula="log(spread / following(lag(spread, 1), hour, n, 24))",
)
def spread_season(bars: Bars, n: int) -> Matrix:
    """Logarithm of the quoted spread over its mean at the same hour of the day in the n bars before."""
    usual = following(bars, bars.lag(bars.quoted_spread, 1), bars.column(bars.starts.hour), n, 24)
    return bars.log(bars.divide(bars.quoted_spread, usual))


@feature(
    inputs=(),
    lookback=1,
    unit="-1 to 1",
    source="French (1980)",
    needs=(Trait.DAILY,),
    formula="sin(2 * pi * weekday / 5)",
)
def weekday_sin(bars: Bars) -> Matrix:
    """Sine of the day of the week, one turn in five days."""
    return np.sin(2.0 * np.pi * bars.column(bars.panel.ts.day_of_week) / 5.0)


@feature(
    inputs=(),
    lookback=1,
    unit="-1 to 1",
    source="French (1980)",
    needs=(Trait.DAILY,),
    formula="cos(2 * pi * weekday / 5)",
)
def weekday_cos(bars: Bars) -> Matrix:
    """Cosine of the day of the week, one turn in five days."""
    return np.cos(2.0 * np.pi * bars.column(bars.panel.ts.day_of_week) / 5.0)


@feature(
    inputs=(),
    lookback=1,
    unit="-1 to 1",
    source="Rozeff and Kinney (1976)",
    needs=(Trait.DAILY,),
    formula="sin(2 * pi * month / 12)",
)
def month_sin(bars: Bars) -> Matrix:
    """Sine of the month, one turn a year."""
    return np.sin(2.0 * np.pi * bars.column(bars.panel.ts.month) / 12.0)


@feature(
    inputs=(),
    lookback=1,
    unit="-1 to 1",
    source="Rozeff and Kinney (1976)",
    needs=(Trait.DAILY,),
    formula="cos(2 * pi * month / 12)",
)
def month_cos(bars: Bars) -> Matrix:
    """Cosine of the month, one turn a year."""
    return np.cos(2.0 * np.pi * bars.column(bars.panel.ts.month) / 12.0)


@feature(
    inputs=(),
    lookback=1,
    unit="share",
    source="Ariel (1987)",
    needs=(Trait.DAILY,),
    formula="(day - 1) / days_in_month",
)
def month_place(bars: Bars) -> Matrix:
    """How much of the month has passed."""
    return (bars.column(bars.panel.ts.day) - 1.0) / bars.column(bars.panel.ts.days_in_month)
