"""Small tables as users hold them: daily closes of stocks, and bars of the open hours of a market in any zone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from finq_predictor.domain.market.calendars import get_calendar


def hourly_bars(
    code: str, zone: str, instruments: Sequence[str], *, marks: str = "open", first="2023-01-03", last="2023-06-30"
) -> pd.DataFrame:
    """One bar for each begun hour of each session; times are text without a zone."""
    rng, calendar, hour = np.random.default_rng(0), get_calendar(code), pd.Timedelta(hours=1)
    opens, closes = (each(pd.Timestamp(first), pd.Timestamp(last)) for each in (calendar.opens, calendar.closes))
    sessions = [pd.date_range(*span, freq="h", inclusive="left") for span in zip(opens, closes, strict=True)]
    begun = sessions[0].append(sessions[1:])
    shown = (begun + (hour if marks == "close" else 0 * hour)).tz_convert(zone).strftime("%Y-%m-%d %H:%M")
    parts = []
    for name in instruments:
        close = 1.1 * np.exp(rng.normal(0, 0.001, len(begun)).cumsum())
        prices = {"open": close, "high": close * 1.002, "low": close * 0.998, "close": close * 1.001}
        parts.append(pd.DataFrame({"symbol": name, "time": shown, **prices, "volume": 100}))
    return pd.concat(parts, ignore_index=True)
