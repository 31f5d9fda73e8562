"""Which instrument a ticker meant on a date: companies change their tickers, and others take them up again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import combinations
from typing import Any, ClassVar

import pandas as pd

from finq_predictor.domain.errors import ConfigurationError


@dataclass(frozen=True)
class TickerName:
    """From when to when a ticker was the name of an instrument.

    Attributes:
        ticker: As deliveries write it.
        instrument: What it stands for: one name for all its tickers, that nothing else ever has.
        since: First session, as the exchange dates it; None is from the beginning.
        until: Last session; None is to this day.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    ticker: str
    instrument: str
    since: date | None = None
    until: date | None = None

    def __str__(self) -> str:
        begin = f" since {self.since}" if self.since else ""
        end = f" until {self.until}" if self.until else ""
        return f"{self.ticker} = {self.instrument}{begin}{end}"

    def overlaps(self, other: TickerName) -> bool:
        """Whether there is a session on which both hold."""
        first = max(self.since or date.min, other.since or date.min)
        return first <= min(self.until or date.max, other.until or date.max)


def check_names(names: Sequence[TickerName]) -> None:
    """Refuse names that contradict each other.

    Args:
        names: Rows of ``reading.names``.

    Raises:
        ConfigurationError: If a row ends before it begins; if two rows name the same ticker, or the same instrument,
            on one session. Both rows are named.
    """
    for row in names:
        if not (row.ticker.strip() and row.instrument.strip()):
            raise ConfigurationError(f"reading.names has the row '{row}'; expected a ticker and an instrument.")
        if row.since and row.until and row.since > row.until:
            raise ConfigurationError(f"reading.names: '{row}' ends before it begins; exchange `since` and `until`.")
    for what in ("ticker", "instrument"):
        for one, other in _pairs(names, what):
            if one.overlaps(other):
                raise ConfigurationError(
                    f"reading.names: '{one}' and '{other}' hold on the same sessions, so that the {what} "
                    f"{getattr(one, what)} would have two meanings. Let the older one end (`until`) before the newer "
                    "one begins (`since`)."
                )


def _pairs(names: Sequence[TickerName], what: str) -> list[tuple[TickerName, TickerName]]:
    groups: dict[str, list[TickerName]] = {}
    for row in names:
        groups.setdefault(getattr(row, what).strip().upper(), []).append(row)
    return [pair for group in groups.values() for pair in combinations(group, 2)]


def instruments_of(
    tickers: pd.Series, dates: Callable[[], pd.Series], names: Sequence[TickerName], spell: Callable[[str], str]
) -> pd.Series:
    """What each ticker meant on its date.

    Each row is answered by its own date, so that nothing that is delivered later changes the answer.

    Args:
        tickers: Names as the market spells them (n), missing ones included.
        dates: Gives the session of each row as the exchange dates it (n), naive; NaT has no session. Asked only where
            there are names.
        names: Rows of ``reading.names``.
        spell: How the market spells names.

    Returns:
        Instruments (n) with the index of ``tickers``. A ticker that no row names on a date is its own instrument.
    """
    asked = [(spell(row.ticker), row) for row in names]
    if not asked or not tickers.isin({ticker for ticker, _ in asked}).any():
        return tickers
    found, sessions = tickers.copy(), dates()
    for ticker, row in asked:
        held = (tickers == ticker) & sessions.notna()
        if row.since:
            held &= sessions >= pd.Timestamp(row.since)
        if row.until:
            held &= sessions <= pd.Timestamp(row.until)
        found = found.mask(held, spell(row.instrument))
    return found.astype("str")


def settled_tickers(names: Sequence[TickerName], spell: Callable[[str], str]) -> frozenset[str]:
    """Instruments of which someone has said what they were called; no gap in them is suspect."""
    return frozenset(spell(row.instrument) for row in names)
