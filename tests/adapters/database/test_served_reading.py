"""What the database counts and groups is what plain Python says of the same rows, in SQLite and in PostgreSQL."""

from __future__ import annotations

import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finq_predictor.adapters.database.engine import downgrade
from finq_predictor.adapters.database.served_reading import feedback_about, speakers, statements
from finq_predictor.adapters.database.served_store import ServedStore, store_engine
from finq_predictor.serving.lines import prediction_line, read_line
from finq_predictor.serving.score_cards import compare_feedback
from postgres_server import running_postgres
from serving.test_spool import said

BARS = [datetime(2024, 1, day, 21, tzinfo=UTC) for day in (30, 31)]
NAMES, REQUESTS = ("AAPL", "MSFT"), ("r-1", "r-2", "nobody's")
GIVEN = datetime(2024, 3, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def postgres():
    with tempfile.TemporaryDirectory() as folder, running_postgres(Path(folder)) as url:
        yield url


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def worlds(request, tmp_path_factory):
    """A store, and names of markets that nobody has used."""
    address = {} if request.param == "sqlite" else {"FINQ_STORE_URL": request.getfixturevalue("postgres")}
    store = ServedStore(store_engine(tmp_path_factory.mktemp("worlds"), address))
    store.open()
    yield store, count()
    downgrade(store.engine)


def prediction(market: str, number: int, request: str, name: str, bar: datetime | None, **changed) -> dict:
    at = int(datetime(2024, 2, 2, 0, number % 60, tzinfo=UTC).timestamp() * 1e6)
    told = said(
        market=market, instrument=name, feature_ts=bar and bar.isoformat(), newest_ts=BARS[-1].isoformat(), **changed
    )
    row = read_line(prediction_line(f"{market}-{number}".encode(), f"{market}-{request}".encode(), at, b"null", told))
    return row.row


PREDICTION = st.tuples(st.sampled_from(REQUESTS[:2]), st.sampled_from(NAMES), st.none() | st.sampled_from(BARS))
FEEDBACK = st.tuples(
    st.sampled_from(["id", "request", "bar"]),
    st.sampled_from(REQUESTS) | st.integers(0, 6),
    st.none() | st.sampled_from(NAMES),
    st.sampled_from(BARS),
    st.booleans(),
)


def feedback_row(market: str, number: int, told) -> dict:
    kind, named, name, bar, outcome = told
    row = {
        "id": f"{market}-f{number}", "given_at": GIVEN + timedelta(hours=number), "given_by": None, "outcome": outcome,
        "forward_return": None, "comment": None, "request_id": None, "prediction_id": None, "market": None,
        "instrument": None, "ts": None,
    }  # fmt: skip
    if kind == "bar":
        return row | {"market": market, "instrument": name or NAMES[0], "ts": bar}
    if kind == "id":
        return row | {"prediction_id": f"{market}-{named}"}
    return row | {"request_id": f"{market}-{named}", "instrument": name}


def bar_meant(predictions: list[dict], row: dict) -> tuple | None:
    if row["ts"] is not None:
        return row["market"], row["instrument"], row["ts"]
    which = "prediction_id" if row["prediction_id"] else "request_id"
    named = [one for one in predictions if one["id" if which == "prediction_id" else which] == row[which]]
    bars = {
        (one["market"], one["instrument"], one["ts"]) for one in named if row["instrument"] in (None, one["instrument"])
    }
    (bar,) = bars if len(bars) == 1 else (None,)
    return bar if bar and bar[2] is not None else None


@settings(deadline=None, max_examples=25)
@given(
    predictions=st.lists(PREDICTION, min_size=1, max_size=7),
    heard=st.lists(FEEDBACK, max_size=8),
    hours=st.none() | st.integers(0, 8),
)
def test_feedback_is_about_the_bar_that_it_names_and_about_none_where_it_names_several(
    worlds, predictions, heard, hours
):
    store, numbers = worlds
    market = f"market-{next(numbers)}"
    kept = [prediction(market, number, *one) for number, one in enumerate(predictions)]
    rows = [feedback_row(market, number, one) for number, one in enumerate(heard)]
    store.keep(kept, rows)
    as_of = None if hours is None else GIVEN + timedelta(hours=hours)
    expected = Counter(
        (*bar, row["outcome"])
        for row in rows
        if (as_of is None or row["given_at"] <= as_of) and (bar := bar_meant(kept, row))
    )
    found = feedback_about(store.engine, market, as_of)
    assert Counter({tuple(row[:4]): row[4] for row in found.itertuples(index=False)}) == {
        (*key[:2], pd.Timestamp(key[2]), key[3]): number for key, number in expected.items()
    }
    assert len(found) <= 2 * len(NAMES) * len(BARS)


def test_what_each_said_together_is_what_was_said(worlds):
    store, numbers = worlds
    market = f"market-{next(numbers)}"
    voices = [("a", "1", 5), ("a", "2", 5), ("b", "1", 5), ("b", "1", 10)]
    rows = [
        prediction(market, place * 10 + number, "r", name, bar, model=model, version=version, horizon=horizon)
        for place, (model, version, horizon) in enumerate(voices)
        for number, (name, bar) in enumerate((name, bar) for name in NAMES for bar in BARS[place % 2 :])
    ]
    store.keep(rows, [])
    known = [{"horizon": 5, "instrument": "AAPL", "ts": bar, "forward_return": 0.1, "label": 1.0, "known_at": GIVEN}
             for bar in BARS]  # fmt: skip
    store.record_outcomes(market, "s", GIVEN, pd.DataFrame(known))
    found = speakers(store.engine, market)
    assert [(one.model, one.version, one.horizon) for one in found] == voices
    assert [one.first for one in found] == [BARS[0], BARS[1], BARS[0], BARS[1]]
    whole = statements(store.engine, market)
    each = pd.concat([statements(store.engine, speaker=one) for one in found])
    order = ["model", "version", "horizon", "ts", "instrument"]
    columns = list(whole.columns)
    pd.testing.assert_frame_equal(
        each.sort_values(order)[columns].reset_index(drop=True), whole.sort_values(order).reset_index(drop=True)
    )
    assert whole["label"].notna().sum() == 2 + 1 + 2
    assert speakers(store.engine, market, since=BARS[1] + timedelta(hours=1)) == []
    assert speakers(store.engine, market, as_of=BARS[0]) == []
    assert {one.first for one in speakers(store.engine, market, since=BARS[1])} == {BARS[1]}


@pytest.mark.parametrize("sets", [([0], [1]), ([0], None), (None, None)], ids=str)
def test_statements_with_and_without_a_set_are_read_together(worlds, sets):
    store, numbers = worlds
    market = f"market-{next(numbers)}"
    both = zip(NAMES, sets, strict=True)
    store.keep(
        [prediction(market, at, "r", name, BARS[0], prediction_set=one) for at, (name, one) in enumerate(both)], []
    )
    assert tuple(statements(store.engine, market)["prediction_set"]) == sets


def test_feedback_of_many_is_counted_as_many():
    rows = pd.DataFrame({"instrument": ["AAPL", "MSFT", "IBM"], "ts": BARS[0], "label": [1.0, 1.0, float("nan")]})
    told = [("AAPL", True, 5), ("MSFT", True, 2), ("MSFT", False, 3), ("IBM", False, 4), ("NOBODY", True, 9)]
    given = pd.DataFrame(told, columns=["instrument", "outcome", "given"]).assign(ts=BARS[0])
    counts = compare_feedback(rows, given)
    assert (counts.given, counts.agreeing, counts.conflicting, counts.open) == (14, 5, 5, 4)
