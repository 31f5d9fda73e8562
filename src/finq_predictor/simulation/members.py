"""An index of a simulated market: whoever is traded most, chosen anew at the end of each month."""

from __future__ import annotations

import pandas as pd


def largest_members(bars: pd.DataFrame, size: int) -> pd.DataFrame:
    """Choose the members of an index by what was traded in each month.

    Args:
        bars: ``symbol, date, close, volume``, as delivered; dirty rows move a median little.
        size: Members at a time; fewer where fewer are listed.

    Returns:
        ``date, symbol``: the members at the last session of each month, largest first. Whoever has no bar at that
        session, as a company that has ended, is none of them.
    """
    traded = bars.assign(_traded=bars["close"] * bars["volume"], _month=bars["date"].dt.to_period("M"))
    middle = traded.groupby(["_month", "symbol"])["_traded"].median().dropna()
    ends = traded.groupby("_month")["date"].max()
    listed = traded[traded["date"] == traded["_month"].map(ends)][["_month", "symbol"]].drop_duplicates()
    ranked = listed.join(middle, on=["_month", "symbol"], how="inner")
    ranked = ranked.sort_values(["_month", "_traded", "symbol"], ascending=[True, False, True])
    chosen = ranked.groupby("_month").head(size).reset_index(drop=True)
    return pd.DataFrame({"date": chosen["_month"].map(ends), "symbol": chosen["symbol"]})
