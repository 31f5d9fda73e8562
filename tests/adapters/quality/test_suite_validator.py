from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from kedro.validation import DataValidationError, ValidatorSpec, resolve_validator

from finq_predictor.adapters.quality.validator import SuiteValidator
from finq_predictor.domain.errors import UnknownNameError
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.tables import get_table


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
    return equity.assign(**quotes)[list(MARKETS["fx"].bars_table.names)]


@pytest.fixture
def gold(equity):
    return equity[["ts", "instrument"]].assign(
        momentum=np.float32(1.0),
        forward_return_1=0.1,
        label_1=[1.0, 0.0] * 3 + [np.nan, np.nan],
        label_end_1=equity["ts"],
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
        (lambda gold: gold.assign(momentum=np.float32(np.inf)), "to_be_between"),
        (lambda gold: gold.assign(momentum=np.array([1.0] + [np.nan] * 7, dtype="float32")), "to_not_be_null"),
        (lambda gold: gold.iloc[:0], "row_count"),
    ],
)
def test_bad_gold(gold, change, what):
    with pytest.raises(DataValidationError, match=what):
        check(change(gold), "gold", table="gold")


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda gold: gold.assign(momentum=1.0), "momentum: is float64, not float32"),
        (lambda gold: gold.assign(label_1="1"), "label_1: is str, not float64"),
        (lambda gold: gold.assign(instrument=gold["instrument"].astype(object)), "instrument: is object, not str"),
        (lambda gold: gold.drop(columns="instrument"), "instrument: the column is missing"),
    ],
)
def test_columns_and_types_are_those_declared(gold, change, what):
    with pytest.raises(DataValidationError, match=what):
        check(change(gold), "gold", table="gold")


def test_a_column_that_nobody_declared_is_refused(equity):
    with pytest.raises(DataValidationError, match="bid_open: is not a declared column"):
        check(equity.assign(bid_open=1.0))
    assert len(check(equity.assign(sector=pd.Series(["Energy"] * 8, dtype="str"))))


def test_columns_in_another_order_are_refused(equity):
    with pytest.raises(DataValidationError, match="expected the order"):
        check(equity[["ts", "instrument", *equity.columns[2:]]])


@pytest.mark.parametrize("wide", [3, 300])
def test_of_many_features_only_the_bad_one_is_named(gold, wide):
    values = np.ones((8, wide), dtype="float32")
    values[3, 1] = -np.inf
    features = pd.DataFrame(values, columns=[f"f{number}" for number in range(wide)])
    with pytest.raises(DataValidationError, match="f1: column_values_to_be_between") as error:
        check(pd.concat([gold, features], axis=1), "gold", table="gold")
    assert [failure.column for failure in error.value.failures] == ["f1"]
    assert "row 3" in error.value.failures[0].failure_examples[0]


def test_any_declared_table_can_be_checked():
    folds = get_table("folds").empty()
    assert check(folds, "models", table="folds") is folds
    trials = pd.DataFrame(
        {"trial": [0, 0], "model": "m", "objective": "auc", "value": [0.5, np.nan], "duration_s": [1.0, -1.0]}
    ).assign(state="complete", params="{}")
    with pytest.raises(DataValidationError, match="duration_s: column_values_to_be_between") as error:
        check(get_table("trials").typed(trials), "models", table="trials")
    assert {failure.check for failure in error.value.failures} == {
        "compound_columns_to_be_unique",
        "column_values_to_be_between",
    }


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


def test_unknown_table():
    with pytest.raises(UnknownNameError, match="Did you mean 'silver_articles'"):
        SuiteValidator("silver", "equity", "article")


def test_unknown_suite():
    with pytest.raises(UnknownNameError, match="Did you mean 'silver'"):
        SuiteValidator("sliver", "equity", "bars")
