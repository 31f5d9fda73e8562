"""The stretches of time over which it is said how right and how worthwhile signals were."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import pandas as pd

WINDOWS: Mapping[str, pd.Timedelta] = MappingProxyType(
    {f"{days}d": pd.Timedelta(days=days) for days in (1, 7, 30, 90, 365)}
)
"""Each by its name. One ends at the newest bar, which it holds, and began so long before, at a moment it does not."""
LONGEST = max(WINDOWS.values())


def within(times: pd.Series, as_of: pd.Timestamp, window: str) -> pd.Series:
    """Which times lie within a window; none that is missing does.

    Args:
        times: UTC.
        as_of: The newest bar.
        window: A key of ``WINDOWS``.
    """
    return (times > as_of - WINDOWS[window]) & (times <= as_of)
