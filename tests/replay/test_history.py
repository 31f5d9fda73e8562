"""A history holds at each moment what was known then, to the microsecond."""

from __future__ import annotations

import pandas as pd
import pytest

from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.replay.history import History


@pytest.mark.parametrize("market", MARKETS.values(), ids=MARKETS)
def test_a_moment_holds_the_rows_that_were_known_then_in_order_of_delivery(market):
    moment = pd.Timestamp("2024-03-05 12:00", tz="UTC")
    second = pd.Timedelta(microseconds=1)
    known = pd.Series([moment + second, moment, pd.NaT, moment - second, moment + pd.Timedelta(days=1)], dtype=object)
    known = pd.to_datetime(known, utc=True)
    bronze = {"bars": pd.DataFrame({"row": range(5)}), "macro": pd.DataFrame({"row": range(5, 10)})}
    history = History(market, bronze, {"bars": known, "macro": known[::-1].reset_index(drop=True)})
    held = history.until(moment)
    assert {table: rows["row"].tolist() for table, rows in held.items()} == {"bars": [1, 3], "macro": [6, 8]}
    assert history.decision_of(moment) == moment + pd.Timedelta(hours=market.decision_hours)
