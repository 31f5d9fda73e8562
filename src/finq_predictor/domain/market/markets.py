"""The markets the product knows: everything that differs between them is data in this file.

Nobody asks a market for its name. A new market is one entry below; what it answers is tested for each entry.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from finq_predictor.domain.columns import ADJ_CLOSE, ASK, BID, OHLC, SECTOR
from finq_predictor.domain.market.instruments import InstrumentKind
from finq_predictor.domain.registry import Registry
from finq_predictor.domain.tables import SILVER_BARS, Table

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from finq_predictor.domain.market.calendars import Calendar


class BarUnit(StrEnum):
    """In what the bars of a market are counted."""

    DAY = "day"
    HOUR = "hour"
    MINUTE = "minute"

    @property
    def minutes(self) -> int:
        """Its length."""
        return {BarUnit.DAY: 1440, BarUnit.HOUR: 60, BarUnit.MINUTE: 1}[self]


class Trait(StrEnum):
    """What a market has that not every market has; a feature says which it needs."""

    QUOTES = "quotes"
    BENCHMARK = "benchmark"
    SECTORS = "sectors"
    PAIRS = "currency pairs"
    DAILY = "daily bars"
    INTRADAY = "intraday bars"


class Vocabulary(StrEnum):
    """Whose news it is: the same words can be good for a share and bad for a currency."""

    SHARES = "shares"
    CURRENCIES = "currencies"


@dataclass(frozen=True)
class Market:
    """What makes one market differ from another.

    Attributes:
        name: Namespace, experiment suffix and route parameter.
        short_name: Name on pages for people.
        title: Heading of a page about the market.
        instruments: Kind of what is traded.
        calendar: When it is open: an ``exchange_calendars`` code, ``"24/5"`` for the week of foreign exchange,
            ``"24/7"`` for one that never closes.
        bar_minutes: Length of a bar in minutes of the clock; a daily bar has 1,440.
        horizons: Label horizons in bars.
        horizon: The horizon that is trained by default, in bars.
        entry_lag: Bars between the decision and the entry price of the label.
        has_benchmark: Whether the label is relative to a benchmark.
        has_quotes: Whether bars have bid and ask beside the mid.
        bars_per_year: Bars in a year, for annualising.
        decision_hours: How long after the close of a bar its decision is taken. What became known later was not there
            to decide with, and the bar counts as missing.
        fresh_hours: Data older than this, counted while it is open, are stale unless the parameters say otherwise.
        registered_model: Name in the model registry.
        vocabulary: In whose words its news is read.
        question: The question a prediction answers, with ``{instrument}`` and ``{horizon}`` to fill.
        directions: What a prediction is called when the label is 1, and when it is 0.
        verb: What an instrument does when the label is 1.
        delisting_return: What a holder is assumed to get, beyond the last price, of an instrument whose prices end;
            None where instruments do not end.
        ended_after: After so many bars without a price an instrument has ended.
        masked_hours_utc: Bars that close in these hours are not decided about: spreads are wide and prices are not
            real, as at the roll-over of currencies. They are not traded, not judged and not calibrated on.
    """

    name: str
    short_name: str
    title: str
    instruments: InstrumentKind
    calendar: str
    bar_minutes: int
    horizons: tuple[int, ...]
    horizon: int
    entry_lag: int
    has_benchmark: bool
    has_quotes: bool
    bars_per_year: int
    decision_hours: float
    fresh_hours: float
    registered_model: str
    vocabulary: Vocabulary
    question: str
    directions: tuple[str, str]
    verb: str
    delisting_return: float | None = None
    ended_after: int = 20
    masked_hours_utc: tuple[int, ...] = ()

    @property
    def sessions(self) -> Calendar:
        """The calendar: when it is open, and when the close of a session is known."""
        from finq_predictor.domain.market.calendars import get_calendar

        return get_calendar(self.calendar)

    @property
    def bar(self) -> pd.Timedelta:
        """Length of a bar of the clock."""
        import pandas as pd

        return pd.Timedelta(minutes=self.bar_minutes)

    @property
    def most_model_age_bars(self) -> int:
        """A model that was trained on nothing of so many bars is too old to act upon: half a year."""
        return self.bars_per_year // 2

    @property
    def decision_delay(self) -> pd.Timedelta:
        """How long after the close of a bar its decision is taken."""
        import pandas as pd

        return pd.Timedelta(hours=self.decision_hours)

    def is_masked(self, ts: pd.Series | pd.DatetimeIndex) -> np.ndarray:
        """Which bars are not decided about, by the UTC time of their close (n)."""
        import numpy as np
        import pandas as pd

        hours = pd.DatetimeIndex(ts).tz_convert("UTC").hour
        return np.asarray(np.isin(hours, self.masked_hours_utc))

    @property
    def bar_unit(self) -> BarUnit:
        """The longest unit in which the length of a bar is a whole number."""
        return next(unit for unit in BarUnit if self.bar_minutes % unit.minutes == 0)

    @property
    def traits(self) -> frozenset[Trait]:
        """What it has that not every market has."""
        daily = self.bar_unit is BarUnit.DAY
        had = {
            Trait.QUOTES: self.has_quotes,
            Trait.BENCHMARK: self.has_benchmark,
            Trait.SECTORS: self.instruments.has_sectors,
            Trait.PAIRS: self.instruments.compares_economies,
            Trait.DAILY: daily,
            Trait.INTRADAY: not daily,
        }
        return frozenset(trait for trait, has in had.items() if has)

    @property
    def has_actions(self) -> bool:
        """Whether its instruments have splits and dividends, which are delivered beside its bars."""
        return self.instruments.has_actions

    @property
    def reuses_names(self) -> bool:
        """Whether an instrument may end, so that another one may come to have its name."""
        return self.delisting_return is not None

    # Tables ---------------------------------------------------------------------------------------------------------

    @property
    def source_tables(self) -> tuple[str, ...]:
        """Tables that are delivered, in the order in which they are cleaned."""
        membership = ("membership",) if self.instruments.join_indices else ()
        return ("bars", *(("benchmark",) if self.has_benchmark else ()), "articles", "macro", *membership)

    @property
    def derived_tables(self) -> tuple[str, ...]:
        """Tables of silver that are made of its bars as they are cleaned."""
        return ("actions", "repairs") if self.has_actions else ()

    @property
    def required_tables(self) -> tuple[str, ...]:
        """Tables without which nothing can be computed."""
        return tuple(table for table in self.source_tables if table in ("bars", "benchmark"))

    @property
    def reference_tables(self) -> tuple[str, ...]:
        """What its instruments are measured against: the table of the benchmark, where it has one."""
        return tuple(table for table in self.source_tables if table == "benchmark")

    def file_parameter(self, table: str) -> str:
        """The run parameter that gives the file of a table."""
        return "quotes" if table == "bars" and self.has_quotes else table

    @property
    def price_columns(self) -> tuple[str, ...]:
        """Prices without which a bar is of no use."""
        return (*OHLC, ADJ_CLOSE) if self.has_actions else OHLC

    @property
    def quote_columns(self) -> tuple[str, ...]:
        """Bid and ask, which may be missing from a bar; none where the market has no quotes."""
        return (*BID, *ASK) if self.has_quotes else ()

    @property
    def label_columns(self) -> tuple[str, ...]:
        """What a bar says about its instrument; kept where it is delivered."""
        return (SECTOR,) if self.instruments.has_sectors else ()

    @property
    def bars_table(self) -> Table:
        """The declaration of its silver bars."""
        return SILVER_BARS.restricted((*self.price_columns, *self.quote_columns), self.label_columns)

    # Words ----------------------------------------------------------------------------------------------------------

    def ask(self, instrument: str, horizon: int) -> str:
        """The question that a prediction over ``horizon`` bars answers."""
        return self.question.format(instrument=instrument, horizon=horizon)

    def direction(self, rises: bool) -> str:
        """What a prediction says in one word."""
        return self.directions[0 if rises else 1]

    def span(self, bars: int) -> str:
        """A number of bars in words, such as ``5 days``."""
        count = bars * self.bar_minutes // self.bar_unit.minutes
        return f"{count} {self.bar_unit}{'' if count == 1 else 's'}"

    def outcome(self, bars: int) -> str:
        """What is measured after ``bars`` bars, in words."""
        return f"return{' beyond the benchmark' if self.has_benchmark else ''}, {self.span(bars)}"


MARKETS: Registry[Market] = Registry.of(
    "market",
    Market(
        name="equity",
        short_name="Equity",
        title="Equity",
        instruments=InstrumentKind.STOCK,
        calendar="XNYS",
        bar_minutes=1440,
        horizons=(1, 5, 20),
        horizon=5,
        entry_lag=1,
        has_benchmark=True,
        has_quotes=False,
        bars_per_year=252,
        decision_hours=16.0,  # before the next open; traded at the next close
        fresh_hours=13.0,  # two sessions
        registered_model="finq-equity-outperform",
        vocabulary=Vocabulary.SHARES,
        question="Will {instrument} beat its benchmark over the next {horizon} trading days?",
        directions=("outperform", "underperform"),
        verb="outperform",
        # Mean of delistings for performance (Shumway, 1997); mergers end better.
        delisting_return=-0.30,
    ),
    Market(
        name="fx",
        short_name="FX",
        title="Currencies",
        instruments=InstrumentKind.PAIR,
        calendar="24/5",
        bar_minutes=60,
        horizons=(1,),
        horizon=1,
        entry_lag=0,
        has_benchmark=False,
        has_quotes=True,
        bars_per_year=6240,
        decision_hours=0.25,
        fresh_hours=2.0,
        registered_model="finq-fx-direction",
        vocabulary=Vocabulary.CURRENCIES,
        question="Will {instrument} be higher {horizon} h from now?",
        directions=("up", "down"),
        verb="rise",
        masked_hours_utc=(21, 22, 23),  # roll-over at 17:00 New York, in summer and winter
    ),
)


def get_market(name: str) -> Market:
    """Look a market up by name.

    Raises:
        UnknownNameError: If there is no such market; near misses are suggested.
    """
    return MARKETS[name]
