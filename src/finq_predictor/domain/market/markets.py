"""The markets the product knows: everything that differs between them is data in this file."""

from __future__ import annotations

from dataclasses import dataclass

from finq_predictor.domain.errors import UnknownNameError


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


MARKETS: dict[str, Market] = {
    market.name: market
    for market in (
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
        ),
    )
}


def get_market(name: str) -> Market:
    """Look a market up by name.

    Raises:
        UnknownNameError: If there is no such market; near misses are suggested.
    """
    try:
        return MARKETS[name]
    except KeyError:
        raise UnknownNameError("market", name, MARKETS) from None
