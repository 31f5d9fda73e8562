"""When a market is open: one file per kind of calendar, one way to ask."""

from __future__ import annotations

from functools import lru_cache

from finq_predictor.domain.market.calendars.always_open import AlwaysOpen
from finq_predictor.domain.market.calendars.base import FIRST_YEAR, LAST_YEAR, Calendar
from finq_predictor.domain.market.calendars.exchange import ExchangeCalendar
from finq_predictor.domain.market.calendars.foreign_exchange import ForeignExchangeWeek
from finq_predictor.domain.market.calendars.inferred import InferredCalendar

ALWAYS_OPEN = "24/7"
OPEN_ON_WEEKDAYS = "24/5"
INFERRED = "inferred"
NEW_YORK = "XNYS"
"""The exchange in New York, for sources that deliver its sessions whatever market asks."""
OWN_CODES = (ALWAYS_OPEN, OPEN_ON_WEEKDAYS, INFERRED)
# Calendars that a table of bars is compared with when nobody has said which one holds.
USUAL_CODES = (
    "XNYS", "XLON", "XETR", "XPAR", "XSWX", "XTSE", "XTKS", "XHKG", "XASX", "XBOM", OPEN_ON_WEEKDAYS, ALWAYS_OPEN,
)  # fmt: skip


@lru_cache(maxsize=64)
def get_calendar(code: str, *, timezone: str = "UTC", close_time: str = "16:00") -> Calendar:
    """Look a calendar up by its code.

    Args:
        code: A code of ``exchange_calendars``, such as ``XNYS``; ``24/5``, the week of foreign exchange; ``24/7``; or
            ``inferred``, the dates in the data.
        timezone: Zone of the sessions of ``inferred``.
        close_time: Time of day at which they close.

    Raises:
        UnknownNameError: If there is no such calendar; near misses are suggested.
    """
    if code == ALWAYS_OPEN:
        return AlwaysOpen(code)
    if code == OPEN_ON_WEEKDAYS:
        return ForeignExchangeWeek(code)
    if code == INFERRED:
        return InferredCalendar(code, timezone, close_time)
    return ExchangeCalendar.named(code, beside=OWN_CODES)


__all__ = ["FIRST_YEAR", "INFERRED", "LAST_YEAR", "NEW_YORK", "USUAL_CODES", "Calendar", "get_calendar"]
