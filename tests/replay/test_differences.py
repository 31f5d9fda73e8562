from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from finq_predictor.replay.differences import first_difference

BAR = pd.Timestamp("2024-03-01 21:00", tz="UTC")
TABLE = pd.DataFrame(
    {
        "ts": pd.to_datetime(["2024-01-02", "2024-01-02", "2024-01-03", "2024-01-03"], utc=True),
        "instrument": ["A", "B", "A", "B"],
        "close": [1.0, 2.0, np.nan, 4.0],
        "word": ["x", None, "y", "z"],
    }
)


def compare(live, batch=TABLE):
    return first_difference(live, batch, ("ts", "instrument"), layer="silver", table="silver_bars", bar=BAR)


def test_equal_tables_do_not_differ_whatever_their_order():
    assert compare(TABLE) is None
    assert compare(TABLE.iloc[::-1]) is None
    assert compare(TABLE.assign(close=TABLE["close"] * (1 + 1e-10))) is None
    assert compare(TABLE.assign(close=TABLE["close"] * (1 + 3e-9))).column == "close"
    assert compare(TABLE.iloc[:0], TABLE.iloc[:0]) is None


@pytest.mark.parametrize(
    ("row", "column", "value", "live", "batch"),
    [
        (1, "close", 2.1, "2.1", "2"),
        (2, "close", 0.0, "0", "nan"),
        (3, "close", np.nan, "nan", "4"),
        (0, "word", "w", "w", "x"),
    ],
)
def test_a_value_is_named_with_its_place(row, column, value, live, batch):
    changed = TABLE.copy()
    changed.loc[row, column] = value
    found = compare(changed)
    assert (found.column, found.instrument, found.live, found.batch) == (column, TABLE["instrument"][row], live, batch)
    assert found.ts == TABLE["ts"][row].isoformat()
    assert found.sentence.startswith(
        f"silver: silver_bars.{column} of {found.instrument} at {found.ts} was {live} at the"
    )


def test_the_earliest_difference_is_named():
    changed = TABLE.assign(close=[1.0, 2.0, 3.0, 5.0], word=["x", "v", "y", "z"])
    assert compare(changed).column == "word"
    assert compare(TABLE.assign(close=[9.0, 2.0, np.nan, 5.0]).drop(index=2)).ts == TABLE["ts"][0].isoformat()


def test_a_row_that_is_on_one_side_only():
    found = compare(TABLE.drop(index=2))
    assert (found.column, found.instrument, found.live, found.batch) == ("", "A", "absent", "there")
    found = compare(TABLE, TABLE.drop(index=0))
    assert (found.instrument, found.live, found.batch) == ("A", "there", "absent")
    twice = pd.concat([TABLE, TABLE.iloc[[1]]])
    assert compare(twice).instrument == "B"


def test_a_column_that_is_on_one_side_only():
    found = compare(TABLE.assign(more=1.0))
    assert (found.column, found.live, found.batch) == ("more", "there", "absent")
