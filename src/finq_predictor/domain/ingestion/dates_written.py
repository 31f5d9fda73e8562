"""Whether dates such as 03/04/2020 name the day or the month first."""

from __future__ import annotations

import pandas as pd

_SLASHED = r"^\s*(\d{1,2})[./-](\d{1,2})[./-](\d{4})"


def day_comes_first(stamps: pd.Series) -> bool | None:
    """Tell the order of day and month by all dates of a column together.

    A first number above 12 can only be a day, a second one only the other way round. Where every date allows both, the
    reading that puts fewer of them on a week-end is taken, and of two alike that with the month first.

    Args:
        stamps: Dates or times as delivered.

    Returns:
        None where no date is written so.
    """
    if pd.api.types.is_numeric_dtype(stamps) or pd.api.types.is_datetime64_any_dtype(stamps.dtype):
        return None
    parts = pd.Series(stamps.dropna().astype("str").unique(), dtype="str").str.extract(_SLASHED).dropna().astype(int)
    if parts.empty:
        return None
    if (parts[0] > 12).any() or (parts[1] > 12).any():
        return bool((parts[0] > 12).sum() > (parts[1] > 12).sum())
    return _weekends(parts[2], parts[1], parts[0]) < _weekends(parts[2], parts[0], parts[1])


def _weekends(year: pd.Series, month: pd.Series, day: pd.Series) -> int:
    dates = pd.to_datetime(pd.DataFrame({"year": year, "month": month, "day": day}), errors="coerce")
    return int((dates.dt.day_of_week >= 5).sum() + dates.isna().sum())
