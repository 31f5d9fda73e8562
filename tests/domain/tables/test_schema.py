from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.errors import DataError
from finq_predictor.domain.tables.schema import (
    ANY,
    COUNT,
    NARROW,
    NUMBER,
    TEXT,
    TIME,
    Column,
    Layer,
    Table,
)

NARROW_TABLE = Table(
    "visits",
    Layer.SILVER,
    "ingestion",
    "A visit.",
    (
        Column("who", TEXT, "Who came."),
        Column("at", TIME, "When.", "UTC"),
        Column("count", COUNT, "How often.", low=1),
        Column("mood", NUMBER, "How it was.", optional=True, known=0.0),
        Column("shoes", TEXT, "What was worn.", optional=True),
    ),
    key=("who", "at"),
    not_below=(("count", "mood"),),
)
WIDE = Table(
    "wide",
    Layer.GOLD,
    "features",
    "Many columns.",
    (
        Column("key", TEXT, "Key."),
        Column("*", NARROW, "A feature."),
        Column("label_*", NUMBER, "A label."),
        Column("label_end_*", TIME, "Its end."),
        Column("raw_*", ANY, "Whatever."),
    ),
)


@pytest.fixture
def visits():
    times = pd.to_datetime(["2024-01-01", "2024-01-02"], utc=True).as_unit("us")
    return pd.DataFrame({"count": [1, 2], "who": ["a", "b"], "at": times})


def test_an_empty_table_has_the_columns_that_are_always_there_and_their_types():
    empty = NARROW_TABLE.empty()
    assert not len(empty)
    assert {name: str(kind) for name, kind in empty.dtypes.items()} == {"who": TEXT, "at": TIME, "count": COUNT}
    assert not NARROW_TABLE.misfits(empty)


def test_typed_orders_casts_and_leaves_out(visits):
    given = visits.assign(at=visits["at"].dt.as_unit("ns"), count=visits["count"].astype("int8"), extra=1, mood=[1, 2])
    typed = NARROW_TABLE.typed(given)
    assert list(typed) == ["who", "at", "count", "mood"]
    assert not NARROW_TABLE.misfits(typed)
    assert typed["mood"].dtype == NUMBER
    assert list(given) == ["count", "who", "at", "extra", "mood"], "the input stays as it is"


def test_typed_says_which_column_lacks_or_does_not_fit(visits):
    with pytest.raises(DataError, match="'visits' has no column at; it was given count, who"):
        NARROW_TABLE.typed(visits.drop(columns="at"))
    with pytest.raises(DataError, match="it needs count as int64"):
        NARROW_TABLE.typed(NARROW_TABLE.typed(visits).assign(count=[1.0, np.nan]))


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        (lambda table: table.drop(columns="who"), ("who", "the column is missing")),
        (lambda table: table.assign(hat=1), ("hat", "is not a declared column")),
        (lambda table: table[["at", "who", "count"]], ("at", "expected the order ['who', 'at', 'count']")),
        (lambda table: table.assign(count=1.5), ("count", "is float64, not int64")),
        (lambda table: table.assign(at=table["at"].dt.tz_localize(None)), ("at", f"is datetime64[us], not {TIME}")),
    ],
)
def test_misfits_name_the_column(visits, change, wrong):
    assert NARROW_TABLE.misfits(change(NARROW_TABLE.typed(visits))) == [wrong]


@pytest.mark.parametrize(
    ("name", "meant"),
    [("key", "key"), ("rsi_14", "*"), ("label_5", "label_*"), ("label_end_5", "label_end_*"), ("raw_x", "raw_*")],
)
def test_a_name_means_the_closest_pattern(name, meant):
    column = WIDE.column(name)
    assert column is not None
    assert column.name == meant
    assert WIDE.names == ("key",)
    assert NARROW_TABLE.column("hat") is None


def test_columns_of_patterns_stay_where_they_stand():
    ends = pd.to_datetime(["2024-01-01"], utc=True).as_unit("us")
    values = {"label_1": [1.0], "label_end_1": ends, "b": np.float32([1]), "key": ["k"], "raw_x": [object()]}
    frame = pd.DataFrame(values)
    assert list(WIDE.typed(frame)) == list(frame)
    assert not WIDE.misfits(frame.astype({"key": TEXT}))


def test_a_restricted_table_keeps_what_is_required_and_what_may_be_there():
    strict = NARROW_TABLE.restricted(["mood"])
    assert strict.names == ("who", "at", "count", "mood")
    assert strict.column("shoes") is None
    assert strict.not_below == NARROW_TABLE.not_below
    loose = NARROW_TABLE.restricted([], ["shoes"])
    assert loose.names == ("who", "at", "count")
    assert loose.column("shoes") is not None
    assert loose.not_below == (), "a rule about a column that is not there"
