"""Names of columns that cross a border between two stages."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

TS = "ts"
INSTRUMENT = "instrument"
KNOWN_AT = "known_at"
SINCE, UNTIL = "since", "until"

# Every time of every table: microseconds, UTC.
UTC_MICROSECONDS = "datetime64[us, UTC]"
# Dates, and times as a clock on a wall shows them: without a zone.
WALL_MICROSECONDS = "datetime64[us]"

OHLC = ("open", "high", "low", "close")
ADJ_CLOSE = "adj_close"
VOLUME = "volume"
VWAP = "vwap"
SECTOR = "sector"
BID = tuple(f"bid_{part}" for part in OHLC)
ASK = tuple(f"ask_{part}" for part in OHLC)

SOURCE = "_source"
RECEIVED_AT = "_received_at"
CONTENT_HASH = "_content_hash"
LINEAGE = (SOURCE, RECEIVED_AT, CONTENT_HASH)

# In place of the time at which an article or release was known, from a source that can only say that it was known when
# it came. The time itself would make a row that did not change look new each time it is delivered.
ON_RECEIPT = "on receipt"

# A column of a delivery of bars, and what it says: whether prices are divided by the splits up to their receipt.
PRICES, SPLIT_ADJUSTED, AS_TRADED = "prices", "split_adjusted", "as_traded"

# A column of a delivery of bars that was asked for only to compare other deliveries with it, and what it says.
ASKED_AS, SECOND_OPINION = "asked_as", "second_opinion"

# An attribute of a delivery: what is to be said of it beyond its rows, one sentence each.
NOTES = "notes"

REASON = "reason"
RULE = "rule"


# A horizon in bars; the star makes the pattern of the names over all horizons.
Horizon = int | Literal["*"]


def forward_return(horizon: Horizon) -> str:
    """Name of the forward return over ``horizon`` bars."""
    return f"forward_return_{horizon}"


def horizons_in(names: Iterable[str]) -> tuple[int, ...]:
    """Horizons over which there is a forward return among names of columns, ascending."""
    prefix = forward_return("*").removesuffix("*")
    found = (name.removeprefix(prefix) for name in names if name.startswith(prefix))
    return tuple(sorted(int(rest) for rest in found if rest.isdigit()))


def label(horizon: Horizon) -> str:
    """Name of the label over ``horizon`` bars."""
    return f"label_{horizon}"


def label_end(horizon: Horizon) -> str:
    """Name of the time at which the label over ``horizon`` bars is known."""
    return f"label_end_{horizon}"
