from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from kedro.validation import DataValidationError, ValidatorSpec, resolve_validator

from finq_predictor.adapters.quality.validator import SuiteValidator
from finq_predictor.domain.errors import UnknownNameError


@pytest.fixture
def equity():
    ts = pd.date_range("2024-01-02 21:00", periods=4, tz="UTC", unit="us").repeat(2)
    price = pd.Series(np.arange(8.0) + 10)
    return pd.DataFrame(
        {
            "instrument": pd.Series(["A", "B"] * 4, dtype="str"),
            "ts": ts,
            "open": price,
            "high": price + 1,
            "low": price - 1,
            "close": price,
            "adj_close": price,
            "volume": 0.0,
            "known_at": ts,
        }
    )


@pytest.fixture
def fx(equity):
    quotes = {
        f"{side}_{part}": equity[part] + shift
        for side, shift in (("bid", -0.1), ("ask", 0.1))
        for part in ("open", "high", "low", "close")
    }
    return equity.drop(columns="adj_close").assign(**quotes)


@pytest.fixture
def gold(equity):
    return equity[["ts", "instrument"]].assign(
        momentum=1.0, forward_return_1=0.1, label_1=[1.0, 0.0] * 3 + [np.nan, np.nan], label_end_1=equity["ts"]
    )


def check(frame, suite="silver", market="equity", table="bars"):
    return SuiteValidator(suite, market, table).validate(frame)


def test_good_frames_come_back_as_they_are(equity, fx, gold):
    assert check(equity) is equity
    assert check(fx, market="fx") is fx
    no_quotes = fx.assign(**{name: np.nan for name in fx if name.startswith(("bid", "ask"))})
    assert check(no_quotes, market="fx") is no_quotes
    assert check(gold, "gold", table="gold") is gold
    raw = pd.DataFrame({"a": [1], "b": [1], "_source": ["own:x"]})
    assert check(raw, "bronze") is raw


@pytest.mark.parametrize(
    ("row", "column", "value", "rule"),
    [
        (3, "close", -1.0, "column_values_to_be_between"),
        (3, "close", np.nan, "column_values_to_not_be_null"),
        (3, "high", 1.0, "column_pair_values_a_to_be_greater_than_b"),
        (3, "volume", -5.0, "column_values_to_be_between"),
        (3, "known_at", pd.Timestamp("2020-01-01", tz="UTC"), "column_pair_values_a_to_be_greater_than_b"),
    ],
)
def test_bad_value_in_silver_names_frame_rule_and_row(equity, row, column, value, rule):
    equity.loc[row, column] = value
    with pytest.raises(DataValidationError, match="The silver bars of equity are not as expected") as error:
        check(equity)
    failure = next(failure for failure in error.value.failures if failure.column == column and failure.check == rule)
    assert any(f"row {row}: B 2024-01-03" in example for example in failure.failure_examples)


def test_key_twice(equity):
    with pytest.raises(DataValidationError, match="compound_columns_to_be_unique"):
        check(pd.concat([equity, equity.tail(1)]))


def test_crossed_quote(fx):
    fx.loc[2, "bid_close"] = fx.loc[2, "ask_close"] + 1
    with pytest.raises(DataValidationError, match="ask_close"):
        check(fx, market="fx")


def test_time_without_zone(equity):
    with pytest.raises(DataValidationError, match=r"ts: is datetime64.us., not datetime64.us, UTC."):
        check(equity.assign(ts=equity["ts"].dt.tz_localize(None)))


def test_column_that_lacks(fx):
    with pytest.raises(DataValidationError, match="bid_open"):
        check(fx.drop(columns="bid_open"), market="fx")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda gold: gold.iloc[::-1], "to_be_increasing"),
        (lambda gold: gold.assign(label_1=0.5), "to_be_in_set"),
        (lambda gold: gold.assign(momentum=np.inf), "to_be_between"),
        (lambda gold: gold.assign(momentum=[1.0] + [np.nan] * 7), "to_not_be_null"),
        (lambda gold: gold.iloc[:0], "row_count"),
    ],
)
def test_bad_gold(gold, change, what):
    with pytest.raises(DataValidationError, match=what):
        check(change(gold), "gold", table="gold")


def test_empty_delivery_of_a_needed_table(equity):
    with pytest.raises(DataValidationError, match="row_count"):
        check(equity.assign(_source="own:x").iloc[:0], "bronze")
    empty = pd.DataFrame({"_source": pd.Series([], dtype="str")})
    assert check(empty, "bronze", table="articles") is empty


def test_works_as_kedros_validator(equity):
    spec = {
        "class": "finq_predictor.adapters.quality.validator.SuiteValidator",
        "on": ["save"],
        "options": {"suite": "silver", "market": "equity", "table": "bars"},
    }
    validator = resolve_validator(ValidatorSpec.from_dataset_config("equity.silver_bars", spec))
    assert validator.validate(equity) is equity


def test_unknown_suite():
    with pytest.raises(UnknownNameError, match="Did you mean 'silver'"):
        SuiteValidator("sliver", "equity", "bars")
