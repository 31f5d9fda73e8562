"""Tables that are not one row per bar: an index that carries the dates, and a column for each instrument."""

from __future__ import annotations

import pandas as pd

from finq_predictor.domain.columns import LINEAGE, OHLC
from finq_predictor.domain.ingestion.column_mapping import ALIASES, normalise

_TIMES = frozenset(ALIASES["bars"]["time"])
_PRICES = {alias: ours for ours in (*OHLC, "adj_close", "volume") for alias in ALIASES["bars"][ours]}
_FIELDS = frozenset(_PRICES)
# A column of a price has a name of its own; an instrument may be called V, so that one letter proves nothing.
_PROVES_A_FIELD = frozenset(name for name in _FIELDS if len(name) > 1)


def with_index_as_columns(frame: pd.DataFrame) -> pd.DataFrame:
    """Make an index that carries something, such as the dates, a column; any other index is dropped."""
    named = isinstance(frame.index, pd.MultiIndex) or frame.index.name is not None
    return frame.reset_index() if named or isinstance(frame.index, pd.DatetimeIndex) else frame.reset_index(drop=True)


def is_wide(frame: pd.DataFrame) -> bool:
    """Whether a table has one row per date and the closes of at least two instruments side by side.

    Args:
        frame: A table with dates in a column.
    """
    table = _without_lineage(frame)
    prices = _instruments_of(table)
    return len(prices) >= 2 and len(prices) == table.shape[1] - 1


def unpivoted(frame: pd.DataFrame) -> pd.DataFrame:
    """One row per bar of a table of closes, or of one whose columns name a price and an instrument.

    Args:
        frame: A table for which `is_wide` holds, or with columns of two levels as download tools deliver them.

    Returns:
        Of closes: ``date, instrument, open, high, low, close``, all four prices the close, without empty cells. Of two
        levels: a column for each price, without rows that have no price at all.
    """
    if isinstance(frame.columns, pd.MultiIndex):
        return _stacked(frame)
    table = _without_lineage(frame)
    (time,) = set(table.columns) - set(_instruments_of(table))
    long = table.melt(id_vars=[time], var_name="instrument", value_name="close").dropna(subset=["close"])
    prices = dict.fromkeys(OHLC, long["close"])
    columns = {"date": long[time], "instrument": long["instrument"].astype("str"), **prices}
    return pd.DataFrame(columns).reset_index(drop=True)


def level_of_prices(columns: pd.MultiIndex) -> int | None:
    """The level of two whose names are those of prices; None where neither is."""
    if columns.nlevels != 2:
        return None
    for level in (0, 1):
        if {"close", "open"} <= {_PRICES.get(normalise(name)) for name in columns.get_level_values(level)}:
            return level
    return None


def _without_lineage(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.drop(columns=list(LINEAGE), errors="ignore")


def _stacked(frame: pd.DataFrame) -> pd.DataFrame:
    level = level_of_prices(frame.columns)
    other = 1 - (level or 0)
    named = frame.rename_axis(index="date").rename_axis(
        columns=["instrument" if number == other else "price" for number in (0, 1)]
    )
    return named.stack(level=other).dropna(how="all").reset_index().rename_axis(columns=None)


def _instruments_of(frame: pd.DataFrame) -> list[object]:
    """Columns of numbers whose names mean no price, beside exactly one column that means the time."""
    if isinstance(frame.columns, pd.MultiIndex):
        return []
    folded = {name: normalise(name) for name in frame.columns}
    if _PROVES_A_FIELD & set(folded.values()):
        return []
    times = [name for name, word in folded.items() if word in _TIMES]
    numbers = [name for name in frame.columns if pd.api.types.is_numeric_dtype(frame[name]) and name not in times]
    return numbers if len(times) == 1 else []
