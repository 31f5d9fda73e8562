"""Each expectation that Great Expectations is given has been seen to fail, and to blame no other column.

A frame that fits is made of each declaration, and of each expectation a frame that does not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st

from finq_predictor.adapters.quality.clearing import is_clear
from finq_predictor.adapters.quality.engine import failing
from finq_predictor.adapters.quality.suites import _derived, declared, expectations_of, with_derived
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.tables import ANY, TABLES, Column, Layer, Table

ROWS = 8
TABLES_OF_MARKETS = {
    **{name: table for name, table in TABLES.items() if name != "silver_bars"},
    **{f"silver_bars of {name}": market.bars_table for name, market in MARKETS.items()},
    "bronze of a needed table": declared(Layer.BRONZE, "equity", "bars"),
}
Spoil = Callable[[pd.DataFrame, dict[str, Any]], pd.DataFrame]


def fitting(table: Table) -> pd.DataFrame:
    """A frame as declared: times ascend, prices are all the same, what is a key differs."""
    frame = pd.DataFrame({c.name.replace("*", "any"): _values(c, c.name in table.key) for c in table.columns})
    return with_derived(table, table.typed(frame) if not any(c.dtype == ANY for c in table.columns) else frame)


def _values(column: Column, in_key: bool) -> Any:
    if column.choices:
        return [column.choices[row % len(column.choices)] for row in range(ROWS)]
    if column.dtype.startswith("datetime64"):
        zone = "UTC" if "UTC" in column.dtype else None
        return pd.date_range("2024-01-02", periods=ROWS, tz=zone).as_unit("us")
    if column.dtype in ("str", ANY):
        return [f"{column.name}{row}" for row in range(ROWS)]
    if column.dtype in ("bool", "boolean"):
        return [True] * ROWS
    if in_key and column.high is None:
        return np.arange(ROWS) + max(column.low or 0, 1)
    low = column.above if column.above is not None else column.low
    return [1.0 if low is None or low < 1 <= (column.high or 1) else low + 1] * ROWS


def _set(frame: pd.DataFrame, column: str, value: Any, rows: int = 1) -> pd.DataFrame:
    values = frame[column].astype(object).tolist()
    values[:rows] = [value] * rows
    dtype = frame[column].dtype if not (pd.isna(value) or frame[column].dtype.kind in "iub") else None
    return frame.assign(**{column: pd.Series(values, dtype=dtype)})


def _beyond(frame: pd.DataFrame, given: dict[str, Any]) -> pd.DataFrame:
    most = given.get("max_value", 1e300)
    least = given.get("min_value")
    low = least is not None and least > -1e300
    return _set(frame, given["column"], float(least - 1) if low else (np.inf if most >= 1e300 else float(most + 1)))


def _twice(frame: pd.DataFrame, given: dict[str, Any]) -> pd.DataFrame:
    for name in given.get("column_list") or [given["column"]]:
        frame = _set(frame, name, frame[name].iloc[0], 2)
    return frame


def _below(frame: pd.DataFrame, given: dict[str, Any]) -> pd.DataFrame:
    high, low = frame[given["column_A"]], frame[given["column_B"]].iloc[0]
    step = pd.Timedelta(days=1) if high.dtype.kind == "M" else 0.5
    return _set(frame, given["column_A"], low - step)


SPOILED: dict[str, Spoil] = {
    "expect_column_values_to_not_be_null": lambda frame, given: _set(frame, given["column"], None, ROWS),
    "expect_column_values_to_be_between": _beyond,
    "expect_column_values_to_be_in_set": lambda frame, given: _set(
        frame, given["column"], "other" if isinstance(given["value_set"][0], str) else 0.25
    ),
    "expect_column_values_to_be_unique": _twice,
    "expect_compound_columns_to_be_unique": _twice,
    "expect_column_values_to_be_increasing": lambda frame, given: frame.assign(
        **{given["column"]: frame[given["column"]].to_numpy()[::-1]}
    ),
    "expect_column_pair_values_a_to_be_greater_than_b": _below,
    "expect_table_row_count_to_be_between": lambda frame, given: frame.iloc[:0],
    "expect_table_column_count_to_be_between": lambda frame, given: frame.iloc[:, :1],
}


def _spoiled(table: Table, good: pd.DataFrame, kind: str, given: dict[str, Any]) -> pd.DataFrame:
    """A frame that fails an expectation; what is derived is spoiled where it comes from."""
    derived = next((each for each in table.within if given.get("column") in _derived(each)), None)
    if derived is None:
        return SPOILED[kind](good, given)
    above = given["column"] == _derived(derived)[0]
    return with_derived(table, _set(good, derived.columns[0], 5.0 if above else 0.1))


def _kept(table: Table, frame: pd.DataFrame) -> pd.DataFrame:
    """Without what is derived."""
    return frame[[name for name in frame if table.column(str(name)) is not None]]


def _named(expectation: Any) -> tuple[str, dict[str, Any]]:
    config = expectation.configuration if hasattr(expectation, "configuration") else expectation.expectation_config
    return str(config.type), {name: value for name, value in config.kwargs.items() if name != "batch_id"}


def _columns(given: dict[str, Any]) -> set[str]:
    single = {given[name] for name in ("column", "column_A", "column_B") if given.get(name)}
    return single | set(given.get("column_list") or ())


@pytest.mark.parametrize("name", TABLES_OF_MARKETS)
def test_every_expectation_of_a_table_fails_at_its_own_fault(name):
    table = TABLES_OF_MARKETS[name]
    good = fitting(table)
    wanted = expectations_of(table, good)
    assert failing(good, wanted, "BOOLEAN_ONLY") == [], "a frame as declared passes"
    assert is_clear(table, _kept(table, good))
    for expectation in wanted:
        kind, given = _named(expectation)
        assert kind in SPOILED, f"{kind} is new: say in SPOILED how a frame fails it"
        bad = _spoiled(table, good, kind, given)
        assert not is_clear(table, _kept(table, bad)), f"{kind} {given} of {name} is in no doubt:\n{bad}"
        (found,) = failing(bad, [expectation], "BOOLEAN_ONLY") or [None]
        assert found is not None, f"{kind} {given} of {name} let it pass:\n{bad}"


@pytest.mark.parametrize("name", ["silver_bars of equity", "gold", "silver_macro", "predictions"])
def test_what_fails_blames_its_own_columns(name):
    table = TABLES_OF_MARKETS[name]
    good = fitting(table)
    wanted = [each for each in expectations_of(table, good) if not _named(each)[0].startswith("expect_table")]
    for expectation in wanted:
        kind, given = _named(expectation)
        found = failing(SPOILED[kind](good, given), wanted, "BOOLEAN_ONLY")
        assert all(_columns(_named(each)[1]) & _columns(given) for each in found)


def test_a_declared_table_expects_something():
    loose = {name for name, table in TABLES_OF_MARKETS.items() if not expectations_of(table, fitting(table))}
    assert loose <= {"bronze_*"}, "nothing would be checked of them"


@settings(max_examples=40, deadline=None)
@drawn(st.data())
def test_what_is_in_no_doubt_passes_every_expectation(data):
    """Values that are at, around and beyond every limit, wherever they are put."""
    table = TABLES_OF_MARKETS[data.draw(st.sampled_from(["silver_bars of equity", "silver_sentiment", "trials"]))]
    frame = _kept(table, fitting(table))
    for name in data.draw(st.lists(st.sampled_from(list(frame)), max_size=2)):
        if frame[name].dtype.kind == "f":
            row = data.draw(st.integers(0, ROWS - 1))
            values = frame[name].to_numpy(copy=True)
            values[row] = data.draw(st.sampled_from([0.0, -0.0, -1.0, 1.0, 1.0001, 1.1, 1e15, np.inf, -np.inf, np.nan]))
            frame = frame.assign(**{name: values})
    found = failing(with_derived(table, frame), expectations_of(table, with_derived(table, frame)), "BOOLEAN_ONLY")
    assert is_clear(table, frame) == (not found)
