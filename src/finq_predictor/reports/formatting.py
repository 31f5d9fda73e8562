"""Numbers, times and settings as a reader sees them; what is not finite is a dash."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

UNKNOWN = "–"


def number(value: float, digits: int = 2, *, sign: bool = False) -> str:
    """A number with so many decimals."""
    return f"{value:{'+' if sign else ''}.{digits}f}" if math.isfinite(value) else UNKNOWN


def percent(value: float, digits: int = 1, *, sign: bool = False) -> str:
    """A fraction as a percentage."""
    return f"{number(100.0 * value, digits, sign=sign)} %" if math.isfinite(value) else UNKNOWN


def points(value: float, digits: int = 1, *, sign: bool = False) -> str:
    """A fraction in percentage points, without their name."""
    return number(100.0 * value, digits, sign=sign)


def thousands(value: float) -> str:
    """A whole number with its thousands apart."""
    return f"{value:,.0f}" if math.isfinite(value) else UNKNOWN


def short(value: float) -> str:
    """A limit as it was written: no more decimals than it has."""
    return f"{value:g}" if math.isfinite(value) else UNKNOWN


def setting(value: Any) -> str:
    """A setting of a model."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def moment(value: Any) -> str:
    """A date in words."""
    return _written(value, "%d %B %Y")


def day(value: Any) -> str:
    """A date in digits."""
    return _written(value, "%Y-%m-%d")


def minute(value: Any) -> str:
    """A date and a time in digits."""
    return _written(value, "%Y-%m-%d %H:%M")


def listed(names: Sequence[str], most: int = 8) -> str:
    """Names one after the other, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _written(value: Any, form: str) -> str:
    time = pd.Timestamp(value)
    return UNKNOWN if pd.isna(time) else f"{time:{form}}"


FILTERS: dict[str, Callable[..., str]] = {
    form.__name__: form for form in (number, percent, points, thousands, short, setting, moment, day, minute, listed)
}
"""What templates can write behind a ``|``."""
