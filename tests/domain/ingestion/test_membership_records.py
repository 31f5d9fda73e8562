"""Stays and lists of members become dated stays; what is not known yet does not count."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finq_predictor.domain.errors import GateError, MappingError
from finq_predictor.domain.ingestion import gates
from finq_predictor.domain.ingestion.known_time import known_times_of, later_values_of
from finq_predictor.domain.ingestion.membership_records import clean_membership
from finq_predictor.domain.ingestion.provenance import trace
from finq_predictor.domain.ingestion.rules import GateLimits, ReadingRules, Rules
from finq_predictor.domain.ingestion.tally import Delivery
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.membership import members_at
from finq_predictor.replay.history import History

EQUITY = get_market("equity")
RULES = Rules(EQUITY)
EVER = pd.Timestamp("2100-01-01", tz="UTC")


def close_of(day: str) -> pd.DatetimeIndex:
    return pd.DatetimeIndex([pd.Timestamp(f"{day} 16:00", tz="America/New_York").tz_convert("UTC")]).as_unit("us")


def members(raw: pd.DataFrame, day: str, rules: Rules = RULES) -> set[str]:
    """Who is a member at the close of a day."""
    silver = clean_membership(raw, rules).silver
    names = sorted(set(silver["instrument"]))
    return {name for name, is_one in zip(names, members_at(silver, close_of(day), names)[0], strict=True) if is_one}


def stays(*rows: tuple[str, str, str | None], **more: object) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["Symbol", "start_date", "end_date"]).assign(**more)


def received(*parts: tuple[str, pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(
        [part.assign(_received_at=pd.Timestamp(when, tz="UTC")) for when, part in parts], ignore_index=True
    )


ROWS = pd.DataFrame(
    {"date": ["2020-01-02"] * 3 + ["2020-02-03"] * 2, "ticker": ["$aapl", "MSFT", "IBM", "AAPL", "NVDA"]}
)
LISTS = pd.DataFrame({"date": ["2020-01-02", "2020-02-03"], "tickers": ["AAPL,MSFT; IBM", "['AAPL' 'NVDA']"]})
CELLS = pd.DataFrame(
    {"as_of": ["2020-01-02", "2020-02-03"], "Members": [["AAPL", "MSFT", "IBM"], np.array(["AAPL", "NVDA"])]}
)


@pytest.mark.parametrize("raw", [ROWS, LISTS, CELLS], ids=["rows", "text", "lists"])
def test_a_snapshot_holds_from_the_end_of_its_day_until_the_next_one(raw):
    assert members(raw, "2020-01-02") == set()
    assert members(raw, "2020-01-03") == members(raw, "2020-02-03") == {"AAPL", "MSFT", "IBM"}
    assert members(raw, "2020-02-04") == members(raw, "2026-01-05") == {"AAPL", "NVDA"}


def test_a_stay_counts_from_the_end_of_its_first_day_to_the_end_of_its_last():
    raw = stays(("AAPL", "2020-01-02", None), ("IBM", "2020-01-02", "2020-03-02"), ("KO", "2020-01-02", "9999-12-31"))
    assert members(raw, "2020-01-02") == set()
    assert members(raw, "2020-03-02") == {"AAPL", "IBM", "KO"}
    assert members(raw, "2020-03-03") == {"AAPL", "KO"}


def test_what_is_announced_counts_on_its_day():
    raw = stays(("IBM", "2020-01-02", "2020-03-02"), known_at="2019-12-20")
    assert members(raw, "2020-01-02") == {"IBM"}
    assert members(raw, "2020-03-02") == set()
    rules = replace(RULES, reading=ReadingRules(release_times={"membership": "09:30"}))
    assert members(stays(("IBM", "2020-01-02", None)), "2020-01-02", rules) == {"IBM"}


def test_a_file_that_is_older_than_a_change_knows_it():
    """A file of January that names the end of a stay in March says it before it comes, and so does not look ahead."""
    raw = received(("2020-01-20", stays(("IBM", "2020-01-02", "2020-03-02"))))
    cleaned = clean_membership(raw, RULES)
    assert not cleaned.tally.rules
    assert members(raw, "2020-02-28") == {"IBM"}
    assert members(raw, "2020-03-02") == set()


def test_another_end_in_a_later_delivery_was_known_when_it_came():
    raw = received(
        ("2020-01-20", stays(("IBM", "2010-01-04", None))), ("2020-05-11", stays(("IBM", "2010-01-04", "2020-03-02")))
    )
    assert members(raw, "2020-05-08") == {"IBM"}
    assert members(raw, "2020-05-12") == set()


def test_another_list_in_a_later_delivery_was_known_when_it_came():
    raw = received(("2020-02-20", ROWS), ("2020-03-10", ROWS[ROWS["ticker"] != "NVDA"]))
    assert members(raw, "2020-03-09") == {"AAPL", "NVDA"}
    assert members(raw, "2020-03-11") == {"AAPL"}


def test_a_list_that_comes_late_holds_until_the_next_one():
    raw = pd.DataFrame(
        {
            "date": ["2020-01-02", "2020-03-02", "2020-02-03"],
            "tickers": ["A,B", "A,B", "B,C"],
            "known_at": ["2020-01-02", "2020-03-02", "2020-04-01"],
        }
    )
    assert members(raw, "2020-02-10") == members(raw, "2020-04-10") == {"A", "B"}
    late = raw.assign(known_at=["2020-01-02", "2020-03-02", "2020-02-20"])
    assert members(late, "2020-02-10") == {"A", "B"}
    assert members(late, "2020-02-21") == {"B", "C"}
    assert members(late, "2020-03-03") == {"A", "B"}


def test_rows_that_cannot_be_used_are_set_aside_with_their_reason():
    raw = stays(
        ("AAPL", "2020-01-02", None),
        ("AAPL", "2020-01-02", None),
        ("", "2020-01-02", None),
        ("IBM", "soon", None),
        ("IBM", "2020-01-02", "later"),
        ("KO", "2020-01-02", "2019-01-02"),
    )
    cleaned = clean_membership(raw, RULES)
    assert list(cleaned.quarantine["rule"]) == [
        "duplicate",
        "no_instrument",
        "bad_time",
        "bad_time",
        "ends_before_it_begins",
    ]
    assert (cleaned.quarantine["reason"] != "").all()
    assert (cleaned.tally.kept, list(cleaned.silver["instrument"])) == (1, ["AAPL"])
    early = received(("2020-01-20", stays(("IBM", "2020-01-02", None), known_at="2021-01-01")))
    assert clean_membership(early, RULES).tally.rules == {"future": 1}
    past = replace(RULES, as_of=pd.Timestamp("2020-01-15", tz="UTC"))
    assert members(ROWS, "2020-03-02", past) == {"AAPL", "MSFT", "IBM"}


def test_a_table_that_is_none_says_what_was_expected():
    with pytest.raises(MappingError, match="neither `instrument` with `since`"):
        clean_membership(pd.DataFrame({"Symbol": ["AAPL"], "Sector": ["Tech"]}), RULES)
    assert clean_membership(pd.DataFrame(), RULES).silver.empty


def test_a_list_of_those_who_lasted_is_said_and_an_old_one_too():
    cleaned = clean_membership(stays(("AAPL", "1982-11-30", None)), RULES)
    assert "nobody ever leaves" in cleaned.tally.notes[1]
    bars = pd.DataFrame({"ts": close_of("2020-06-01"), "instrument": "AAPL"})
    tally = clean_membership(ROWS, RULES).tally
    notes = trace(bars, [Delivery("membership", "own:x", (), tally)]).notes["membership"]
    assert "the newest entry is of 2020-02-03, 119 days before the last bar" in notes[-1]
    fresh = bars.assign(ts=close_of("2020-03-02"))
    assert trace(fresh, [Delivery("membership", "own:x", (), tally)]).notes["membership"] == tally.notes


def test_the_gates_close_on_names_nobody_has_and_on_a_list_that_was_cut_off():
    silver = clean_membership(ROWS, RULES).silver
    bars = pd.DataFrame({"instrument": ["AAPL", "BRK-B"]})
    open_, closed = (gates.check_members(bars, silver, GateLimits(min_instruments=least)) for least in (1, 2))
    assert open_.passed
    assert not closed.passed
    with pytest.raises(GateError, match="BRK-B has bars only"):
        gates.judge([closed])
    cut_off = gates.check_leavers(silver, GateLimits())
    assert (cut_off.value, cut_off.passed) == (pytest.approx(2 / 3), False)
    assert "2 leave at 2020-02-03" in cut_off.rows[0]
    assert gates.check_leavers(silver, GateLimits(max_leaving_share=0.7)).passed
    assert gates.check_leavers(clean_membership(stays(("AAPL", "1982-11-30", None)), RULES).silver, GateLimits()).passed


# Laws ---------------------------------------------------------------------------------------------------------------

DAY = st.integers(0, 20)
NAME = st.sampled_from(["AAA", "BBB", "CCC"])
STAY = st.tuples(NAME, DAY, st.none() | st.integers(-1, 12))
LIST = st.tuples(DAY, st.frozensets(NAME, min_size=1))
TOLD = st.none() | DAY


def day_of(number: int) -> str:
    return f"{pd.Timestamp('2020-01-01') + pd.Timedelta(days=number):%Y-%m-%d}"


def delivery_of(rows, told) -> pd.DataFrame:
    if rows and len(rows[0]) == 3:
        frame = stays(*((name, day_of(b), None if n is None else day_of(b + n)) for name, b, n in rows))
    else:
        frame = pd.DataFrame(
            {"date": [day_of(day) for day, _ in rows], "tickers": [",".join(sorted(x)) for _, x in rows]}
        )
    return frame if told is None else frame.assign(known_at=day_of(told))


FORM = st.one_of(st.lists(STAY, min_size=1, max_size=6), st.lists(LIST, min_size=1, max_size=5))


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_silver_up_to_a_moment_is_made_of_what_was_known_then(data):
    """Cut bronze by what was known, or take it whole: the rows of silver that were known at the cut are the same."""
    form = data.draw(st.sampled_from([st.lists(STAY, min_size=1, max_size=6), st.lists(LIST, min_size=1, max_size=5)]))
    first, second = data.draw(form), data.draw(st.none() | form)
    told = data.draw(TOLD) if second is None else None
    parts = [("2020-01-10 12:00", delivery_of(first, told))]
    if second is not None:
        parts.append(("2020-01-25 12:00", delivery_of(second, told)))
    raw = received(*parts)
    moment = pd.Timestamp("2020-01-01 21:00", tz="UTC") + pd.Timedelta(days=data.draw(st.integers(0, 40)))
    history = History.of(EQUITY, {"membership": raw}, RULES)
    whole = clean_membership(raw, RULES).silver
    past = clean_membership(history.until(moment)["membership"], RULES).silver
    expected = whole[whole["known_at"] <= moment].reset_index(drop=True)
    pd.testing.assert_frame_equal(past, expected)
    again = clean_membership(history.until(EVER)["membership"], RULES).silver
    pd.testing.assert_frame_equal(again, whole)


def test_a_stay_that_was_announced_whole_is_not_opened_again_by_who_repeats_it():
    said = stays(("AAA", "2020-01-12", "2020-01-13"))
    raw = received(("2020-01-10 12:00", said), ("2020-01-25 12:00", said))
    (row,) = clean_membership(raw, RULES).silver.itertuples()
    assert (row.known_at, row.until.date().isoformat()) == (pd.Timestamp("2020-01-10 12:00", tz="UTC"), "2020-01-13")


def test_an_end_is_known_later_than_the_row_it_stands_in():
    raw = stays(("AAPL", "2020-01-02", None), ("IBM", "2020-01-02", "2020-03-02")).set_axis([5, 7])
    known, later = known_times_of(raw, "membership", RULES), later_values_of(raw, "membership", RULES)
    assert list(known.index) == list(later["end_date"].index) == [5, 7]
    assert f"{known[7]:%Y-%m-%d}" == "2020-01-03"
    assert f"{later['end_date'][7]:%Y-%m-%d}" == "2020-03-03"
    assert pd.isna(later["end_date"][5])
    assert later_values_of(raw, "macro", RULES) == {}
