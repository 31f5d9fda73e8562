"""How many nights a position is carried over between two bars, as dealers of currencies count them.

A position that is open at 17:00 New York is moved to the next value date. Spot is settled after two days, so that the
roll-over of a Wednesday skips the week-end and counts three nights; a week has seven.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Vector

NIGHTS_PER_YEAR = 365.0
_ZONE = "America/New_York"
_UNTIL_MIDNIGHT = pd.Timedelta(hours=7)
_MONDAY = pd.Timestamp("1969-12-29")
# A day begins at 17:00 of the one before: nights paid so far when Monday, Tuesday ... Sunday begin.
_COUNTED = np.array([0.0, 1.0, 2.0, 5.0, 6.0, 7.0, 7.0])


def nights_between(ts: pd.DatetimeIndex) -> Vector:
    """Nights for which a position is paid that is held from one time to the next.

    Args:
        ts: Ascending times, UTC (T).

    Returns:
        Of each time, the nights since the one before (T); 0 of the first. A time at 17:00 New York itself has paid.
    """
    if not len(ts):
        return np.zeros(0)
    days = (ts.tz_convert(_ZONE).tz_localize(None) + _UNTIL_MIDNIGHT).normalize()
    weeks, day = np.divmod(((days - _MONDAY) // pd.Timedelta(days=1)).to_numpy(np.int64), 7)
    counted = 7.0 * weeks + _COUNTED[day]
    return np.concatenate([[0.0], np.diff(counted)])
