"""Age and validity of layers, with an input that trips each alarm; what is closed does not age."""

from __future__ import annotations

import pandas as pd
import pytest

from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.monitoring.freshness import Layer, measure_layers, resolve_as_of
from finq_predictor.domain.tables import FRESHNESS
from synthetic_crypto import CRYPTO

EQUITY, FX = get_market("equity"), get_market("fx")
FRIDAY = pd.Timestamp("2024-01-05T21:00Z")


NOW = pd.Timestamp("2024-02-01 10:00", tz="UTC")


def rows(*times):
    ts = pd.to_datetime(list(times), utc=True).astype("datetime64[us, UTC]")
    return pd.DataFrame({"ts": ts, "instrument": pd.Series(["AAA"] * len(times), dtype="str")})


def measured(market, latest, as_of, limit):
    layers = [Layer("silver", "ingestion", rows(latest))]
    return measure_layers(layers, pd.Timestamp(as_of), market.sessions, limit)


def test_as_of():
    assert resolve_as_of("latest", NOW, rows(FRIDAY)) == FRIDAY
    assert resolve_as_of(None, NOW, rows(FRIDAY)) == NOW
    assert resolve_as_of("2024-01-05 21:00", NOW, rows()) == FRIDAY
    assert resolve_as_of("2024-01-05T22:00+01:00", NOW, rows()) == FRIDAY
    with pytest.raises(ConfigurationError, match="run ingestion"):
        resolve_as_of("latest", NOW, rows())
    with pytest.raises(ConfigurationError, match="give 'latest' or an ISO time"):
        resolve_as_of("yesterday evening", NOW, rows(FRIDAY))


@pytest.mark.parametrize(
    ("limit", "market", "late"),
    [
        (13.0, EQUITY, "2024-01-10T15:00Z"),
        (2.0, FX, "2024-01-07T23:30Z"),
        (26.0, CRYPTO, "2024-01-07T00:00Z"),
    ],
)
def test_stale_data_trip_the_alarm_and_fresh_do_not(limit, market, late):
    fresh = measured(market, FRIDAY, FRIDAY, limit)
    stale = measured(market, FRIDAY, late, limit)
    assert (fresh["stale"].tolist(), stale["stale"].tolist()) == ([False], [True])
    assert fresh["valid"].all()
    assert stale["valid"].all()
    assert list(stale) == list(FRESHNESS.names)


@pytest.mark.parametrize(
    ("market", "latest", "as_of", "open_hours"),
    [
        (EQUITY, "2024-11-27T21:00Z", "2024-11-29T14:30Z", 0.0),  # Thanksgiving
        (EQUITY, "2024-11-27T21:00Z", "2024-12-02T14:30Z", 3.5),  # and the early close and the week-end after it
        (EQUITY, "2024-12-24T18:00Z", "2024-12-26T14:30Z", 0.0),  # Christmas
        (EQUITY, "2024-03-28T20:00Z", "2024-04-01T13:30Z", 0.0),  # Good Friday
        (FX, "2024-01-05T22:00Z", "2024-01-07T22:00Z", 0.0),  # a week-end in winter
        (FX, "2024-07-05T21:00Z", "2024-07-07T21:00Z", 0.0),  # and one in summer
        (FX, "2024-12-24T22:00Z", "2024-12-25T22:00Z", 0.0),  # Christmas
    ],
)
def test_a_holiday_or_week_end_is_no_staleness(market, latest, as_of, open_hours):
    layer = measured(market, latest, as_of, limit=4.0).iloc[0]
    assert layer["open_hours"] == open_hours
    assert layer["hours"] > 20
    assert not layer["stale"]


def test_the_week_end_of_currencies_ends_at_17_in_new_york_all_year():
    # One hour after it opens on Sunday: 22:00 UTC in summer, 23:00 in winter.
    summer = measured(FX, "2024-07-05T21:00Z", "2024-07-07T22:00Z", limit=0.5).iloc[0]
    winter = measured(FX, "2024-01-05T22:00Z", "2024-01-07T23:00Z", limit=0.5).iloc[0]
    assert (summer["open_hours"], winter["open_hours"]) == (1.0, 1.0)
    assert summer["stale"]
    assert winter["stale"]


def test_coins_never_rest():
    layer = measured(CRYPTO, "2024-12-24T00:00Z", "2024-12-26T00:00Z", limit=26.0).iloc[0]
    assert (layer["hours"], layer["open_hours"], layer["stale"]) == (48.0, 48.0, True)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        (rows(), "no rows"),
        (rows(FRIDAY, FRIDAY), "1 rows repeat"),
        (rows(FRIDAY, FRIDAY + pd.Timedelta(days=1)), "1 rows are later"),
    ],
)
def test_each_check_can_fail(table, problem):
    layer = measure_layers([Layer("gold", "features", table)], FRIDAY, EQUITY.sessions, 13).iloc[0]
    assert not layer["valid"]
    assert problem in layer["problem"]
    assert layer["stale"] == table.empty
