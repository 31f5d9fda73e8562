"""What the registry promises: one definition, no doubles, hashes that see every change."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pandas as pd
import pytest

from finq_predictor.domain.errors import (
    ConfigurationError,
    DataError,
    FeatureSetMismatchError,
    UnknownNameError,
)
from finq_predictor.domain.features import (
    FAMILIES,
    REGISTRY,
    FeatureSet,
    compute_features,
    feature,
    left_out_features,
    make_feature_set,
    select_features,
)
from finq_predictor.domain.features.reference import describe_features, features_markdown
from finq_predictor.domain.market.markets import get_market
from synthetic_silver import random_panel

EQUITY, FX = get_market("equity"), get_market("fx")
OHLCV = ("open", "high", "low", "close", "volume")


@pytest.fixture
def feature_set() -> FeatureSet:
    return make_feature_set(select_features(EQUITY, OHLCV))


def test_one_feature_per_window_with_its_description(feature_set):
    spec = REGISTRY["ret_20"]
    assert (spec.family, spec.window, spec.lookback) == ("momentum", (20,), 21)
    assert spec.description == "Simple return over n bars."
    assert spec.source == "Jegadeesh and Titman (1993)"
    assert {"ret_1", "ret_5", "macd_12_26", "vol_20"} <= set(feature_set.names)


def test_every_feature_says_what_it_is():
    for spec in REGISTRY.values():
        assert spec.description.endswith((".", "more.")), spec.name
        assert spec.unit, spec.name
        assert spec.source[-5:-1].isdigit(), spec.name
        assert spec.family in FAMILIES


def test_fx_has_the_features_that_were_asked_for():
    available = {*OHLCV, "bid_close", "ask_close", "cross_section"}
    names = {spec.name for spec in select_features(FX, available)}
    asked = {"ret_1", "ret_5", "vol_20", "spread_pct", "zscore_20", "ewma_short", "ewma_long", "high_vol_regime"}
    assert asked | {"asian_session", "london_session", "new_york_session"} <= names


def test_a_second_feature_of_the_same_name_is_refused():
    def ret(bars: object, n: int) -> object:
        """Another return."""
        return bars

    with pytest.raises(ConfigurationError, match="a feature 'ret_5' already"):
        feature(inputs=("close",), windows=(5,), lookback=5, unit="", source="")(ret)


def test_a_feature_without_a_description_or_with_an_unknown_need_is_refused():
    with pytest.raises(ConfigurationError, match="docstring"):
        feature(inputs=("close",), lookback=1, unit="", source="")(lambda bars: bars)

    def described(bars: object) -> object:
        """Described."""
        return bars

    with pytest.raises(UnknownNameError, match="Did you mean 'quotes'"):
        feature(inputs=("close",), lookback=1, unit="", source="", needs=("quote",))(described)
    with pytest.raises(ConfigurationError, match="lookback of 0"):
        feature(inputs=("close",), lookback=0, unit="", source="")(described)
    assert "described" not in REGISTRY


def test_features_without_their_inputs_are_left_out_and_recorded():
    specs = select_features(EQUITY, ("close",))
    left_out = left_out_features(EQUITY, ("close",))
    assert {"volume_ratio_5", "beta_60", "news_tone_5", "macro_zscore"} <= set(left_out)
    assert not {spec.name for spec in specs} & set(left_out)
    record = make_feature_set(specs, left_out)
    assert record.left_out == left_out
    assert record.inputs == ("close",)


def test_macro_features_exist_once_per_series():
    specs = select_features(EQUITY, ("macro_cpi", "macro_cpi.std", "macro_dgs10"), families=["macro"])
    assert {"macro_zscore_cpi", "macro_zscore_dgs10", "macro_shift_cpi_20"} <= {spec.name for spec in specs}
    assert make_feature_set(specs).inputs == ("macro_cpi", "macro_dgs10")
    assert make_feature_set(specs).specs() == specs


def test_families_can_be_chosen_and_typos_are_corrected():
    assert {spec.family for spec in select_features(EQUITY, OHLCV, families=["trend", "volume"])} == {"trend", "volume"}
    with pytest.raises(UnknownNameError, match="Did you mean 'momentum'"):
        select_features(EQUITY, OHLCV, families=["momentun"])
    with pytest.raises(ConfigurationError, match="No feature of equity can be computed"):
        select_features(EQUITY, (), families=["momentum"])


def test_a_set_is_of_one_market():
    with pytest.raises(ConfigurationError, match="of one market"):
        make_feature_set(list(REGISTRY.values()))
    with pytest.raises(ConfigurationError, match="none"):
        make_feature_set([])


def test_a_set_survives_json(feature_set):
    again = FeatureSet.from_dict(json.loads(json.dumps(feature_set.to_dict())))
    assert again == feature_set
    again.verify()
    with pytest.raises(FeatureSetMismatchError, match="cannot be read"):
        FeatureSet.from_dict({"names": ["ret_1"]})


@contextmanager
def redefined(**changes: object) -> Iterator[None]:
    """`ret_5` as it might be after an edit."""
    spec = replace(REGISTRY["ret_5"], **changes)
    with REGISTRY.trial():
        REGISTRY.remove("ret_5")
        REGISTRY.add("ret_5", spec)
        yield


def test_verification_sees_a_changed_definition(feature_set):
    feature_set.verify()
    with redefined(lookback=7), pytest.raises(FeatureSetMismatchError, match="defined differently"):
        feature_set.verify()


def test_verification_sees_a_changed_formula(feature_set):
    def ret(bars, n):
        """Simple return over n bars."""
        return bars.change(n) * 2

    with redefined(function=ret), pytest.raises(FeatureSetMismatchError, match="defined differently"):
        feature_set.verify()


def test_verification_names_a_feature_that_is_gone(feature_set):
    with REGISTRY.trial():
        REGISTRY.remove("ret_5")
        with pytest.raises(FeatureSetMismatchError, match=r"'ret_5' of equity does not exist.*Did you mean"):
            feature_set.verify()


def test_the_order_of_columns_is_part_of_the_definition():
    specs = select_features(EQUITY, OHLCV)
    assert make_feature_set(specs).definitions_hash != make_feature_set(specs[::-1]).definitions_hash


def test_another_process_computes_the_same_hash(feature_set):
    code = (
        "from finq_predictor.domain.features import *; from finq_predictor.domain.market.markets import get_market;"
        f"s = make_feature_set(select_features(get_market('equity'), {OHLCV!r})); print(s.definitions_hash);"
        "import sys; assert 'numba' not in sys.modules"
    )
    env = {**os.environ, "PYTHONHASHSEED": "7"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert done.stdout.strip() == feature_set.definitions_hash


@pytest.mark.parametrize("family", FAMILIES)
def test_families_hold_features_only(family):
    """The hash covers each function and the shared modules; a helper or constant of a family would escape it."""
    module = importlib.import_module(f"finq_predictor.domain.features.{family}")
    for statement in ast.parse(inspect.getsource(module)).body:
        if isinstance(statement, ast.FunctionDef):
            assert [ast.unparse(d).partition("(")[0] for d in statement.decorator_list] == ["feature"], statement.name
        else:
            assert isinstance(statement, ast.Import | ast.ImportFrom | ast.Expr), ast.unparse(statement)


def test_a_panel_of_another_market_or_without_inputs_is_refused(feature_set):
    fx = random_panel(FX, length=30)
    with pytest.raises(DataError, match="of 'equity', the panel is of 'fx'"):
        compute_features(fx, feature_set)
    panel = random_panel(EQUITY, length=30)
    with pytest.raises(DataError, match="No bar of equity closed at 1999"):
        compute_features(panel, feature_set, at=pd.DatetimeIndex(["1999-01-01"], tz="UTC"))
    bare = replace(panel, fields={"close": panel.fields["close"]})
    with pytest.raises(DataError, match="lacks high, low, open, volume"):
        compute_features(bare, feature_set)


def test_nothing_wanted_is_an_empty_table(feature_set):
    panel = random_panel(EQUITY, length=30)
    table = compute_features(panel, feature_set, at=panel.ts[:0])
    assert list(table.columns) == ["ts", "instrument", *feature_set.names]
    assert len(table) == 0


def test_rows_are_where_an_instrument_has_a_close(feature_set):
    panel = random_panel(EQUITY, length=60)
    table = compute_features(panel, feature_set)
    assert len(table) == (panel.fields["close"] > 0).sum()
    assert table["ts"].dtype == "datetime64[us, UTC]"
    assert table["instrument"].dtype == "str"
    assert table[["ts", "instrument"]].equals(table[["ts", "instrument"]].sort_values(["ts", "instrument"]))


def test_the_reference_page_has_every_feature():
    page = features_markdown()
    for name in REGISTRY:
        assert f"| `{name}` |" in page
    table = describe_features(REGISTRY.values())
    assert table["name"].is_unique
    assert (table["lookback"] > 0).all()
