from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finq_predictor.adapters.sources.own_file import OwnFileSource
from finq_predictor.domain.errors import ConfigurationError, MappingError, UnknownNameError
from finq_predictor.domain.ingestion.bars import clean_bars
from finq_predictor.domain.ingestion.dates_written import day_comes_first
from finq_predictor.domain.ingestion.recognition import recognise
from finq_predictor.domain.market.calendars import get_calendar
from finq_predictor.domain.market.markets import MARKETS
from synthetic_market_files import market_frames
from synthetic_own_tables import hourly_bars

BARS, _ = market_frames(3)


def dirty_bars() -> pd.DataFrame:
    """One of each kind of dirt, at a known place."""
    bars = BARS.assign(volume=BARS["volume"].astype(float))
    dates = sorted(bars["date"].unique())

    def at(name: str, day: int) -> pd.Series:
        return (bars["symbol"] == name) & (bars["date"] == dates[day])

    bars.loc[at("S00", 5), "open"] = np.nan
    bars.loc[at("S01", 6), "volume"] = 0.0
    bars.loc[at("S02", 7), "high"] = 1.0
    bars.loc[at("S00", 40), ["open", "high", "low", "close", "adj_close"]] *= 1.7
    bars = bars[~at("S01", 20) & ~at("S01", 21) & ~at("S02", 30)]
    return pd.concat([bars, bars[at("S02", 50).reindex(bars.index)]], ignore_index=True)


# What a table is -----------------------------------------------------------------------------------------------------


def test_daily_bars_of_stocks_need_no_rule_at_all():
    found = recognise(BARS).recognition
    assert (found.market, found.rows, found.instruments, found.bar_minutes) == ("equity", len(BARS), 3, 1440)
    assert found.reading == {}
    assert (found.times.best.calendar, found.times.best.present, found.times.best.outside) == ("XNYS", 1.0, 0.0)
    assert "XNYS, 100.0% of its sessions are there" in found.text()


@pytest.mark.parametrize("marks", ["open", "close"])
@pytest.mark.parametrize(
    ("code", "zone", "names"),
    [
        ("XNYS", "Europe/Berlin", ("AAA", "BBB")),
        ("XNYS", "America/New_York", ("AAA", "BBB")),
        ("XLON", "America/New_York", ("VOD",)),
        ("XTKS", "Asia/Tokyo", ("7203",)),
        ("24/5", "UTC", ("EURUSD",)),
        ("24/5", "America/New_York", ("EUR/USD", "USD/JPY")),
        ("24/5", "Europe/Athens", ("EURUSD",)),
    ],
)
def test_the_moments_of_intraday_bars_are_told_by_the_open_hours(code, zone, names, marks):
    recognised = recognise(hourly_bars(code, zone, names, marks=marks))
    found = recognised.recognition
    assert found.times.best.calendar == code
    assert found.bar_minutes == 60
    assert found.market == ("fx" if code == "24/5" else "equity")
    # What matters is not what the zone is called, but that every bar begins when it began.
    silver = clean_bars(recognised.frame, recognised.rules).silver
    truth = hourly_bars(code, "UTC", names)
    begun = pd.to_datetime(truth["time"]).dt.tz_localize("UTC").unique()
    assert sorted(silver["ts"].unique()) == sorted(begun + pd.Timedelta(hours=1))
    assert found.times.sure in ("sure", "likely")


def test_a_zone_and_a_mark_that_give_the_same_moments_are_named():
    found = recognise(hourly_bars("XNYS", "Europe/Berlin", ["AAA"], marks="close")).recognition
    same = {(fit.timezone, fit.marks) for fit in (found.times.best, *found.times.equal)}
    assert ("Europe/Berlin", "close") in same
    assert "the same moments: " in found.text()


def test_what_is_said_is_not_guessed():
    bars = hourly_bars("XNYS", "Europe/Berlin", ["AAA"])
    found = recognise(bars, timezone="Europe/Paris", calendar="XETR", bar_minutes=30, time_marks="close").recognition
    assert found.reading == {
        "calendar": "XETR",
        "bar_minutes": 30,
        "timezone": "Europe/Paris",
        "time_marks": "close",
    }


def test_dates_that_no_calendar_knows_are_sessions_themselves():
    days = pd.date_range("2023-01-01", "2023-12-31", freq="W-SAT").strftime("%Y-%m-%d")
    rows = pd.DataFrame({"symbol": "ART", "date": days, "open": 1.0, "high": 1.0, "low": 1.0, "close": 1.0})
    found = recognise(rows).recognition
    assert found.reading == {"calendar": "inferred", "bar_minutes": 7 * 1440}
    assert "none fits (nearest: " in found.text()


def test_a_pair_in_the_name_of_the_file_makes_quotes_of_it():
    quotes = hourly_bars("24/5", "UTC", ["x"]).drop(columns="symbol").assign(_source="own:usdsgd_2023.csv#1")
    recognised = recognise(quotes)
    assert recognised.recognition.market == "fx"
    assert "all rows are taken for USD_SGD" in recognised.recognition.text()
    assert recognised.recognition.prices is None, "pairs pay no dividends"


def test_bid_and_ask_make_quotes_of_any_name():
    quotes = hourly_bars("24/5", "UTC", ["GOLD"])
    sides = {f"{side}_{part}": quotes[part] for side in ("bid", "ask") for part in ("open", "high", "low", "close")}
    assert recognise(quotes.assign(**sides)).recognition.market == "fx"


def test_names_that_are_no_usual_ones_are_guessed_and_written_down():
    theirs = {
        "symbol": "Stock Id",
        "date": "Trading Date",
        "open": "PX_OPEN",
        "close": "PX_LAST",
        "volume": "PX_VOLUME",
    }
    found = recognise(BARS.rename(columns=theirs)).recognition
    assert found.reading["columns"]["bars"] == {
        "instrument": "Stock Id", "time": "Trading Date", "open": "PX_OPEN", "close": "PX_LAST", "volume": "PX_VOLUME",
    }  # fmt: skip
    assert "please check: PX_LAST, PX_OPEN" in found.text()


def test_two_columns_with_the_same_word_are_not_guessed_between():
    with pytest.raises(MappingError, match=r"(?s)Missing: close\..*PX_LAST_A"):
        recognise(BARS.rename(columns={"close": "PX_LAST_A"}).assign(PX_LAST_B=1.0))


def test_an_unknown_rule_and_an_unknown_calendar_are_errors():
    with pytest.raises(UnknownNameError, match=r"Unknown reading rule 'zone'.*'timezone'"):
        recognise(BARS, zone="UTC")
    with pytest.raises(ConfigurationError, match=r"time_marks: .*'open' or 'close'"):
        recognise(BARS, time_marks="end")
    with pytest.raises(UnknownNameError, match="XNYS"):
        recognise(BARS, calendar="XNYC")


def test_a_decimal_comma_is_refused_before_it_is_read_as_one_of_thousands():
    commas = BARS.assign(close=BARS["close"].map(lambda price: f"{price:.2f}".replace(".", ",")))
    with pytest.raises(ConfigurationError, match=r"'close' writes numbers with a decimal comma, such as '\d+,\d\d'"):
        recognise(commas)
    thousands = BARS.assign(volume=BARS["volume"].map("{:,}".format))
    assert recognise(thousands).recognition.rows == len(BARS)


@pytest.mark.parametrize(
    ("dates", "day_first"),
    [
        (["13/02/2020", "01/02/2020"], True),
        (["02.13.2020", "02.01.2020"], False),
        (["04/05/2020", "05/05/2020", "06/05/2020"], True),  # 4 May 2020 was a Monday, 5 April a Sunday
        (["2020-02-13"], None),
        ([20200213], None),
    ],
)
def test_the_order_of_day_and_month_is_told_by_all_dates(dates, day_first):
    assert day_comes_first(pd.Series(dates)) is day_first


# Splits and dividends ------------------------------------------------------------------------------------------------


def _split(bars: pd.DataFrame, name: str, factor: float) -> pd.DataFrame:
    late = (bars["symbol"] == name) & (bars["date"] >= "2023-04-03")
    prices = ["open", "high", "low", "close"]
    return bars.assign(**{part: bars[part].where(~late, bars[part] / factor) for part in prices})


def test_a_split_that_only_the_adjusted_close_knows_is_named():
    prices = recognise(_split(BARS, "S01", 2.0)).recognition.prices
    assert (prices.adjusted, prices.splits, prices.examples) == (True, 1, ("S01 2023-04-03",))
    assert "takes out jumps of close" in prices.text()


def test_without_an_adjusted_close_what_looks_like_a_split_is_named():
    prices = recognise(_split(BARS, "S01", 3.0).drop(columns="adj_close")).recognition.prices
    assert (prices.adjusted, prices.splits) == (False, 1)
    assert "S01 2023-04-03" in prices.text()
    assert recognise(BARS.drop(columns="adj_close")).recognition.prices.splits == 0


# Dirt ----------------------------------------------------------------------------------------------------------------


def test_each_kind_of_dirt_is_counted_and_named():
    found = recognise(dirty_bars()).recognition
    dates = sorted(BARS["date"].unique())
    assert {each.name: (each.count, each.examples) for each in found.dirt if each.count} == {
        "rows with a missing value": (1, (f"S00 {dates[5]}",)),
        "rows with zero volume": (1, (f"S01 {dates[6]}",)),
        "rows that repeat an instrument and time": (1, (f"S02 {dates[50]}",)),
        "rows whose high or low contradicts open or close": (1, (f"S02 {dates[7]}",)),
        "missing sessions in 2 holes of up to 2": (3, (f"S01 before {dates[22]} (2)", f"S02 before {dates[31]} (1)")),
        "returns beyond 40%": (2, (f"S00 {dates[40]}", f"S00 {dates[41]}")),
    }


def test_a_price_that_nobody_updates_is_stale():
    bars = BARS.copy()
    dates = sorted(bars["date"].unique())[10:16]
    still = (bars["symbol"] == "S00") & bars["date"].isin(dates)
    bars.loc[still, ["open", "high", "low", "close"]] = 50.0
    found = recognise(bars).recognition
    assert (found.count("equal closes"), found.count("four prices are one")) == (6, 6)


def test_a_holiday_is_outside_and_a_missing_hour_is_a_gap():
    holiday = BARS.iloc[:1].assign(date="2023-01-16")
    assert recognise(pd.concat([BARS, holiday])).recognition.count("outside the sessions of XNYS") == 1
    quotes = hourly_bars("24/5", "UTC", ["EURUSD"])
    assert recognise(quotes.drop(index=[500, 501, 900])).recognition.count("missing bars in 2 holes") == 3


def test_dirt_is_asked_for_by_a_name_that_is_one():
    with pytest.raises(ConfigurationError, match="names 0 kinds"):
        recognise(BARS).recognition.count("mud")


# Laws ----------------------------------------------------------------------------------------------------------------


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), columns=st.permutations(list(BARS.columns)))
def test_the_order_of_rows_and_columns_says_nothing(seed, columns):
    bars = dirty_bars()
    shuffled = bars.sample(frac=1, random_state=seed)[columns]
    assert recognise(shuffled).recognition == recognise(bars).recognition


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_hours_in_some_zone_says_nothing(seed):
    bars = hourly_bars("XNYS", "Europe/Berlin", ["AAA", "BBB"], last="2023-04-28")
    shuffled = bars.sample(frac=1, random_state=seed)[list(reversed(bars.columns))]
    assert recognise(shuffled).recognition == recognise(bars).recognition


def test_the_table_is_not_changed():
    bars = dirty_bars()
    before = bars.copy()
    recognise(bars)
    pd.testing.assert_frame_equal(bars, before)


# Real data, against what was measured when they were collected -------------------------------------------------------

MEASURED = [
    # file, market, rows, missing value, zero volume, repeated, impossible, missing sessions or bars, beyond 40 %
    ("equities/sp500_adj_2012-12_2017-12.parquet", "equity", 608_160, 538, 628, 2, 28, 0, 63),
    # Jumps were not counted for the next two, but those that were named are among them: BAX, EBAY, NI, LNT twice.
    ("equities/sp500_5yr_unadj_2013-02_2018-02.parquet", "equity", 619_040, 11, 4, 0, 12, 51, 11),
    ("equities/acl18_stocknet_prices_2012-09_2017-09.parquet", "equity", 108_592, 3, 111, 0, 0, 0, 1),
    # "No volume" is a zero in each row. "135 intra-week gaps" are steps of more than one and less than 24 hours by the
    # clock, see below; the calendar counts 3,317 hours in 237 holes, 157 of them at a week-end, and none between rows
    # that lie outside of the week.
    ("fx/EUR_USD_H1_2000-05_2015-12.tsv.gz", "fx", 94_011, 0, 94_011, 0, 0, 3317, 0),
    ("fx/USD_SGD_H1_mid_bid_ask_2025-01_2025-06.ndjson.gz", "fx", 3_075, 0, 0, 0, 0, 0, 0),
    # "One 195-day hole": 139 trading days, and nine more holes of a day or two.
    ("fx/USD_SGD_D1_2006_2023.csv.gz", "fx", 4_265, 0, 0, 0, 0, 147, 0),
]
KINDS = (
    "missing value", "zero volume", "repeat", "contradicts", "missing sessions", "missing bars", "beyond 40%",
)  # fmt: skip


def _recognised(shared_data, file):
    source = OwnFileSource(shared_data / file, "bars")
    return recognise(source.read().assign(_source=f"own:{source.source_id}")).recognition


@pytest.mark.slow
@pytest.mark.parametrize("measured", MEASURED, ids=lambda row: row[0].split("/")[1].split(".")[0])
def test_the_dirt_of_real_tables_is_what_was_measured(shared_data, measured):
    file, market, rows, *counts = measured
    found = _recognised(shared_data, file)
    counted = {each.name: each.count for each in found.dirt}
    ours = [sum(count for name, count in counted.items() if kind in name) for kind in KINDS]
    ours[4:6] = [ours[4] + ours[5]]
    assert (found.market, found.rows, ours) == (market, rows, counts)


@pytest.mark.slow
def test_jumps_and_flat_bars_of_real_tables_are_where_they_were_seen(shared_data):
    bars = pd.read_parquet(shared_data / "equities/sp500_5yr_unadj_2013-02_2018-02.parquet")
    seen = bars[bars["symbol"].isin(["BAX", "EBAY", "NI", "LNT"])]
    (jumps,) = (each for each in recognise(seen).recognition.dirt if "beyond 40%" in each.name)
    assert jumps.count == 5
    assert set(jumps.examples) == {"BAX 2015-07-01", "NI 2015-07-02", "EBAY 2015-07-20"}, "the first three by date"
    found = _recognised(shared_data, "fx/EUR_USD_H1_2000-05_2015-12.tsv.gz")
    assert found.count("four prices are one") == 296
    assert found.count("missing bars in 237 holes of up to 360") == 3317, "the longest hole is one of 23 days"


@pytest.mark.slow
def test_gaps_by_the_clock_are_those_that_were_measured(shared_data):
    quotes = OwnFileSource(shared_data / "fx/EUR_USD_H1_2000-05_2015-12.tsv.gz", "bars").read()
    hours = quotes["TIME"].sort_values().diff() / 3600
    assert ((hours > 1) & (hours < 24)).sum() == 135
    assert hours.max() == 23 * 24 + 1


@pytest.mark.slow
def test_real_tables_need_hardly_a_rule(shared_data):
    for file in ("fx/USD_SGD_H1_mid_bid_ask_2025-01_2025-06.ndjson.gz", "fx/EUR_USD_H1_2000-05_2015-12.tsv.gz"):
        assert _recognised(shared_data, file).reading == {}, "the provider's times mark the open, in UTC"
    assert _recognised(shared_data, "fx/USD_SGD_D1_2006_2023.csv.gz").reading == {"bar_minutes": 1440}


def test_every_usual_calendar_exists():
    from finq_predictor.domain.market.calendars import USUAL_CODES

    assert [get_calendar(code).code for code in USUAL_CODES] == list(USUAL_CODES)
    assert {market.calendar for market in MARKETS.values()} <= set(USUAL_CODES)
