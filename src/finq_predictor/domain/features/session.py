"""When in the day, the week and the month a bar lies; local hours follow each city's summer time."""

from __future__ import annotations

import numpy as np

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.features._bars import Bars
from finq_predictor.domain.features._registry import feature
from finq_predictor.domain.market.markets import Trait


@feature(
    inputs=(),
    lookback=1,
    unit="0 or 1",
    source="Ito and Hashimoto (2006)",
    needs=(Trait.INTRADAY,),
    formula="between(9, 18, Tokyo)",
)
def asian_session(bars: Bars) -> Matrix:
    """One when the bar began between 9:00 and 18:00 in Tokyo."""
    return bars.between("Asia/Tokyo", 9, 18)


@feature(
    inputs=(),
    lookback=1,
    unit="0 or 1",
    source="Ito and Hashimoto (2006)",
    needs=(Trait.INTRADAY,),
    formula="between(8, 17, London)",
)
def london_session(bars: Bars) -> Matrix:
    """One when the bar began between 8:00 and 17:00 in London."""
    return bars.between("Europe/London", 8, 17)


@feature(
    inputs=(),
    lookback=1,
    unit="0 or 1",
    source="Ito and Hashimoto (2006)",
    needs=(Trait.INTRADAY,),
    formula="between(8, 17, New_York)",
)
def new_york_session(bars: Bars) -> Matrix:
    """One when the bar began between 8:00 and 17:00 in New York."""
    return bars.between("America/New_York", 8, 17)


@feature(
    inputs=(),
    lookback=1,
    unit="0 or 1",
    source="Ito and Hashimoto (2006)",
    needs=(Trait.INTRADAY,),
    formula="between(8, 17, London) * between(8, 17, New_York)",
)
def london_new_york_overlap(bars: Bars) -> Matrix:
    """One when both London and New York were open as the bar began."""
    return bars.between("Europe/London", 8, 17) * bars.between("America/New_York", 8, 17)


@feature(
    inputs=(),
    lookback=1,
    unit="0 or 1",
    source="Krohn et al. (2024)",
    needs=(Trait.INTRADAY,),
    formula="between(15, 16, London)",
)
def london_fix(bars: Bars) -> Matrix:
    """One for bars that began between 15:00 and 16:00 in London, the hour before the fixing."""
    return bars.between("Europe/London", 15, 16)


@feature(
    inputs=(),
    lookback=1,
    unit="0 or 1",
    source="Breedon and Ranaldo (2013)",
    needs=(Trait.INTRADAY,),
    formula="between(16, 18, New_York)",
)
def rollover(bars: Bars) -> Matrix:
    """One for bars that began between 16:00 and 18:00 in New York, around the daily roll-over."""
    return bars.between("America/New_York", 16, 18)


@feature(
    inputs=(),
    lookback=1,
    unit="-1 to 1",
    source="Andersen and Bollerslev (1997)",
    needs=(Trait.INTRADAY,),
    formula="sin(2 * pi * hour / 24)",
)
def hour_sin(bars: Bars) -> Matrix:
    """Sine of the UTC hour at which the bar began, one turn a day."""
    return np.sin(2.0 * np.pi * bars.column(bars.starts.hour) / 24.0)


@feature(
    inputs=(),
    lookback=1,
    unit="-1 to 1",
    source="Andersen and Bollerslev (1997)",
    needs=(Trait.INTRADAY,),
    formula="cos(2 * pi * hour / 24)",
)
def hour_cos(bars: Bars) -> Matrix:
    """Cosine of the UTC hour at which the bar began, one turn a day."""
    return np.cos(2.0 * np.pi * bars.column(bars.starts.hour) / 24.0)


@feature(
    inputs=(),
    lookback=1,
    unit="-1 to 1",
    source="French (1980)",
    needs=(Trait.INTRADAY,),
    formula="sin(2 * pi * (24 * weekday + hour) / 168)",
)
def week_sin(bars: Bars) -> Matrix:
    """Sine of the UTC hour of the week at which the bar began, one turn a week."""
    hours = bars.column(bars.starts.day_of_week * 24 + bars.starts.hour)
    return np.sin(2.0 * np.pi * hours / 168.0)


@feature(
    inputs=(),
    lookback=1,
    unit="-1 to 1",
    source="French (1980)",
    needs=(Trait.INTRADAY,),
    formula="cos(2 * pi * (24 * weekday + hour) / 168)",
)
def week_cos(bars: Bars) -> Matrix:
    """Cosine of the UTC hour of the week at which the bar began, one turn a week."""
    hours = bars.column(bars.starts.day_of_week * 24 + bars.starts.hour)
    return np.cos(2.0 * np.pi * hours / 168.0)


@feature(
    inputs=(),
    lookback=2,
    unit="hours",
    source="French (1980)",
    formula="ends - lag(ends, 1) - bar_hours",
)
def pause(bars: Bars) -> Matrix:
    """Hours between the close of the bar before and the beginning of this one."""
    closes = bars.column(bars.panel.ts.as_unit("us").asi8)
    return (closes - bars.lag(closes, 1)) / 3.6e9 - bars.market.bar_minutes / 60.0


@feature(
    inputs=(),
    lookback=1,
    unit="0 or 1",
    source="Lakonishok and Smidt (1988)",
    needs=(Trait.DAILY,),
    formula="(day >= 28) + (day <= 3)",
)
def turn_of_month(bars: Bars) -> Matrix:
    """One from the 28th of a month to the 3rd of the next."""
    day = bars.column(bars.panel.ts.day)
    return ((day >= 28.0) | (day <= 3.0)).astype(np.float64)
