from __future__ import annotations

import pandas as pd
import pytest

from finq_predictor.domain.errors import ConfigurationError, UnknownNameError
from finq_predictor.domain.market.calendars import (
    calendar_zone,
    fx_market_closed,
    inferred_closes,
    session_closes,
    session_opens,
)

DAY = pd.Timestamp


def test_early_close_and_holidays():
    closes = session_closes("XNYS", DAY("2024-11-25"), DAY("2024-12-02"))
    assert DAY("2024-11-28") not in closes.index
    assert closes[DAY("2024-11-27")] == DAY("2024-11-27 21:00", tz="UTC")
    assert closes[DAY("2024-11-29")] == DAY("2024-11-29 18:00", tz="UTC")
    assert str(closes.dtype) == "datetime64[us, UTC]"
    assert closes.index.dtype == "datetime64[us]"


def test_summer_time():
    closes = session_closes("XNYS", DAY("2024-07-01"), DAY("2024-07-01", tz="UTC"))
    assert closes.tolist() == [DAY("2024-07-01 20:00", tz="UTC")]
    assert session_opens("XNYS", DAY("2024-07-01"), DAY("2024-07-01")).tolist() == [DAY("2024-07-01 13:30", tz="UTC")]


def test_other_exchanges_and_round_the_clock():
    assert len(session_closes("XLON", DAY("2024-12-23"), DAY("2024-12-27"))) == 3
    assert session_closes("24/5", DAY("2024-01-05"), DAY("2024-01-08")).tolist() == [
        DAY("2024-01-05 22:00", tz="UTC"),
        DAY("2024-01-08 22:00", tz="UTC"),
    ]
    assert session_closes("24/7", DAY("2024-01-06"), DAY("2024-01-06")).tolist() == [DAY("2024-01-07", tz="UTC")]


def test_sessions_from_the_data():
    dates = pd.Series(pd.to_datetime(["2024-01-04", "2024-01-02", "2024-01-02", None]))
    closes = inferred_closes(dates, "Asia/Tokyo", "15:00")
    assert closes.tolist() == [DAY("2024-01-02 06:00", tz="UTC"), DAY("2024-01-04 06:00", tz="UTC")]
    with pytest.raises(ConfigurationError, match="close_time"):
        inferred_closes(dates, "UTC", "tea")


def test_unknown_calendar_suggests():
    with pytest.raises(UnknownNameError, match="XNYS"):
        session_closes("XNYSE", DAY("2024-01-01"), DAY("2024-01-02"))


def test_zones():
    assert calendar_zone("XNYS") == "America/New_York"
    assert calendar_zone("24/5") == "America/New_York"
    assert calendar_zone("inferred") == "UTC"


@pytest.mark.parametrize(
    ("start", "closed"),
    [
        ("2024-01-05 21:00", False),  # Friday 16:00 in New York, the last hour
        ("2024-01-05 22:00", False),  # within the grace after the close
        ("2024-01-05 23:00", True),
        ("2024-01-06 12:00", True),
        ("2024-01-07 20:00", True),  # Sunday 15:00
        ("2024-01-07 21:00", False),  # an hour before the open
        ("2024-01-07 22:00", False),
        ("2024-07-05 22:00", True),  # summer: an hour earlier in UTC
        ("2024-07-07 20:00", False),
        ("2024-01-09 03:00", False),
    ],
)
def test_week_end_of_foreign_exchange(start, closed):
    starts = pd.Series(pd.to_datetime([start], utc=True)).dt.as_unit("us")
    assert fx_market_closed(starts, pd.Timedelta(hours=1)).tolist() == [closed]


def test_daily_bars_of_foreign_exchange():
    days = pd.Series(pd.to_datetime(["2024-01-05", "2024-01-06", "2024-01-07", None], utc=True)).dt.as_unit("us")
    assert fx_market_closed(days, pd.Timedelta(days=1)).tolist() == [False, True, False, False]
