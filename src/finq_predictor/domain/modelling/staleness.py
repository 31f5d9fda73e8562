"""When the newest bar of a market is too old to act upon, for the API and for what is scheduled."""

from __future__ import annotations

import pandas as pd

STALE = "stale"


def why_stale(newest: pd.Timestamp, hours: float, limit: float) -> str | None:
    """Why the newest bar answers nothing that may be acted upon; None where it does.

    Args:
        newest: Its close (UTC).
        hours: Since then, counted while the market is open.
        limit: At most.
    """
    if hours <= limit:
        return None
    return f"{STALE}: the newest bar closed at {newest.isoformat()}, {hours:.1f} trading hours ago; at most {limit:g}"
