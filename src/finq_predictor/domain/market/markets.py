"""The markets the product knows: everything that differs between them is data in this file."""

from __future__ import annotations

from dataclasses import dataclass

from finq_predictor.domain.registry import Registry


@dataclass(frozen=True)
class Market:
    """What makes one market differ from another.

    Attributes:
        name: Namespace, experiment suffix and route parameter.
        calendar: An ``exchange_calendars`` code, or ``"24/5"`` for a market that closes at week-ends only.
        bar_minutes: Length of a bar in minutes of the clock; a daily bar has 1,440.
        horizons: Label horizons in bars.
        horizon: The horizon that is trained by default, in bars.
        entry_lag: Bars between the decision and the entry price of the label.
        has_benchmark: Whether the label is relative to a benchmark.
        bars_per_year: Bars in a year, for annualising.
        registered_model: Name in the model registry.
        question: The question a prediction answers, with ``{instrument}`` and ``{horizon}`` to fill.
        title: Heading of a page about the market.
        directions: What a prediction is called when the label is 1, and when it is 0.
    """

    name: str
    calendar: str
    bar_minutes: int
    horizons: tuple[int, ...]
    horizon: int
    entry_lag: int
    has_benchmark: bool
    bars_per_year: int
    registered_model: str
    question: str
    title: str
    directions: tuple[str, str]

    def ask(self, instrument: str, horizon: int) -> str:
        """The question that a prediction over ``horizon`` bars answers."""
        return self.question.format(instrument=instrument, horizon=horizon)

    def direction(self, rises: bool) -> str:
        """What a prediction says in one word."""
        return self.directions[0 if rises else 1]

    def span(self, bars: int) -> str:
        """A number of bars in words, such as ``5 days``."""
        unit = "day" if self.bar_minutes >= 1440 else "hour"
        return f"{bars} {unit}{'' if bars == 1 else 's'}"

    def outcome(self, bars: int) -> str:
        """What is measured after ``bars`` bars, in words."""
        return f"return{' beyond the benchmark' if self.has_benchmark else ''}, {self.span(bars)}"


MARKETS: Registry[Market] = Registry.of(
    "market",
    Market(
        name="equity",
        calendar="XNYS",
        bar_minutes=1440,
        horizons=(1, 5, 20),
        horizon=5,
        entry_lag=1,
        has_benchmark=True,
        bars_per_year=252,
        registered_model="finq-equity-outperform",
        question="Will {instrument} beat its benchmark over the next {horizon} trading days?",
        title="Equity",
        directions=("outperform", "underperform"),
    ),
    Market(
        name="fx",
        calendar="24/5",
        bar_minutes=60,
        horizons=(1,),
        horizon=1,
        entry_lag=0,
        has_benchmark=False,
        bars_per_year=6240,
        registered_model="finq-fx-direction",
        question="Will {instrument} be higher {horizon} h from now?",
        title="Currencies",
        directions=("up", "down"),
    ),
)


def get_market(name: str) -> Market:
    """Look a market up by name.

    Raises:
        UnknownNameError: If there is no such market; near misses are suggested.
    """
    return MARKETS[name]
