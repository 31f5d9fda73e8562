from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finq_predictor.domain.errors import (
    FeatureSetMismatchError,
    PredictionRefusedError,
    StoreError,
)
from finq_predictor.domain.features import compute_features
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.modelling.decisions import ALSO, AbstentionRules
from finq_predictor.domain.modelling.prediction import Predictor, _ticks, predict_rows
from serving import small_market

COLUMNS = ["ts", "instrument", "score", "probability", "prediction", "confidence", "decision", "reason", *ALSO]
EQUITY = MARKETS["equity"]


@pytest.fixture(scope="module")
def tables():
    return small_market.silver(EQUITY, bars=330, seed=3)


@pytest.fixture(scope="module")
def panel(tables):
    return small_market.panel_of(EQUITY, tables)


@pytest.fixture(scope="module")
def bundle(panel):
    return small_market.train(EQUITY, panel)


@pytest.fixture(scope="module")
def predictor(bundle, panel):
    return Predictor(bundle, panel)


def test_one_bar_equals_the_batch_bit_by_bit(predictor, bundle, panel):
    gold = compute_features(panel, bundle.feature_set)
    batch = bundle.predict(gold).set_index(["ts", "instrument"])["probability"]
    for ts in panel.ts[[-1, -5, -30, 0]]:
        table = predictor.predict_at(ts).dropna(subset="probability").set_index(["ts", "instrument"])["probability"]
        assert len(table)
        assert (table == batch.loc[table.index]).all()
        assert len(table) == (gold["ts"] == ts).sum()


@pytest.mark.parametrize(
    "rules", [AbstentionRules(), AbstentionRules(conformal="act", coverage=0.6, guard_false_alarms=0.2)]
)
def test_sets_and_refusals_of_one_bar_are_those_of_the_batch(rules, bundle, panel):
    """What gold keeps is narrower than what is computed live; a limit must not fall between the two."""
    gold = compute_features(panel, bundle.feature_set)
    narrow = gold.astype(dict.fromkeys(bundle.feature_set.names, "float32"))
    batch = predict_rows(bundle, narrow, rules).set_index(["ts", "instrument"])
    assert batch["flags"].str.split().explode().nunique() > (1 if rules.conformal == "act" else 0)
    for ts in panel.ts[-40::3]:
        live = Predictor(bundle, panel, rules).predict_at(ts).dropna(subset="probability")
        live = live.set_index(["ts", "instrument"])
        pd.testing.assert_frame_equal(live, batch.loc[live.index], check_exact=True)


def test_table_has_one_row_per_instrument(predictor, panel):
    table = predictor.predict_at(panel.ts[-1])
    assert list(table.columns) == COLUMNS
    assert tuple(table["instrument"]) == panel.instruments
    known = table.dropna(subset="probability")
    assert ((known["probability"] > 0.5) == known["prediction"]).all()
    assert np.allclose(known["confidence"], 2 * np.abs(known["probability"] - 0.5))


def test_absent_instrument_abstains_with_its_last_bar(predictor, panel):
    row = predictor.predict_at(panel.ts[-1]).set_index("instrument").loc[small_market.LEAVER]
    assert row["decision"] == "abstain"
    assert row["prediction"] is pd.NA
    assert panel.ts[-4].isoformat() in row["reason"]


def test_instrument_without_history_abstains(predictor, panel):
    row = predictor.predict_at(panel.ts[0]).set_index("instrument").loc[small_market.NEWCOMER]
    assert row["reason"].endswith("it has no earlier bar")


def test_missing_features_abstain_and_are_never_filled(bundle, panel):
    strict = Predictor(bundle, panel, AbstentionRules(max_missing_share=0.0))
    loose = Predictor(bundle, panel, AbstentionRules(max_missing_share=1.0))
    ts, name = panel.ts[-1], small_market.NEWCOMER
    assert strict.predict_at(ts).set_index("instrument").loc[name, "reason"].startswith("missing features:")
    row = loose.predict_at(ts).set_index("instrument").loc[name]
    assert (row["decision"], row["reason"]) == ("predict", None)


def test_bars_after_the_asked_one_do_not_matter(bundle, tables, panel):
    ts = panel.ts[-30]
    cut = {name: table[table["ts"] <= ts] for name, table in tables.items()}
    earlier = small_market.panel_of(EQUITY, cut)
    then = Predictor(bundle, earlier).predict_at(ts).dropna(subset="probability").set_index("instrument")
    now = Predictor(bundle, panel).predict_at(ts).dropna(subset="probability").set_index("instrument")
    assert (then["probability"] == now["probability"]).all()


def test_bar_at_dates_and_times(predictor, panel):
    friday = pd.Timestamp("2022-03-11T21:00Z")
    assert predictor.bar_at(None) == panel.ts[-1]
    assert predictor.bar_at(dt.date(2022, 3, 11)) == predictor.bar_at(dt.date(2022, 3, 13)) == friday
    assert predictor.bar_at(dt.datetime(2022, 3, 11, 21, 0)) == friday
    assert predictor.bar_at(dt.datetime(2022, 3, 11, 20, 59)) == friday - pd.Timedelta(days=1)
    zone = dt.timezone(dt.timedelta(hours=-5))
    assert predictor.bar_at(dt.datetime(2022, 3, 11, 16, 0, tzinfo=zone)) == friday


@given(st.datetimes(min_value=dt.datetime(2021, 1, 5), max_value=dt.datetime(2022, 4, 8, 23)))
def test_bar_at_never_looks_ahead(predictor, moment):
    bar = predictor.bar_at(moment)
    assert bar <= pd.Timestamp(moment, tz="UTC")
    later = predictor.panel.ts[predictor.panel.ts > bar]
    assert not len(later) or later[0] > pd.Timestamp(moment, tz="UTC")


@pytest.mark.parametrize("asked", [dt.date(2020, 12, 31), dt.date(2022, 4, 9), dt.date.max, dt.date.min])
def test_dates_without_bars_are_refused_with_the_range(predictor, asked):
    with pytest.raises(PredictionRefusedError, match="2021-01-04 to 2022-04-08"):
        predictor.bar_at(asked)


@given(
    moment=st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2250, 1, 1), timezones=st.just(dt.UTC)),
    beyond=st.integers(0, 999),
    unit=st.sampled_from(["s", "ms", "us", "ns"]),
)
def test_a_moment_is_counted_down_to_whole_units_of_the_bars(moment, beyond, unit):
    """One that is counted up would find the bar that closes after it."""
    asked = pd.Timestamp(moment).as_unit("ns") + pd.Timedelta(nanoseconds=beyond)
    size = pd.Timedelta(1, unit=unit).value
    assert 0 <= asked.value - _ticks(asked, unit) * size < size
    assert _ticks(moment, unit) == _ticks(pd.Timestamp(moment), unit)


def test_a_time_that_is_no_bar_is_refused(predictor):
    with pytest.raises(PredictionRefusedError, match="No bar of equity closed at"):
        predictor.predict_at(pd.Timestamp("2022-03-12T21:00Z"))


def test_other_definitions_other_market_or_other_inputs_are_refused(bundle, panel):
    changed = type(bundle.feature_set).from_dict(bundle.feature_set.to_dict() | {"definitions_hash": "0" * 64})
    other = replace(bundle)
    object.__setattr__(other, "feature_set", changed)
    with pytest.raises(FeatureSetMismatchError):
        Predictor(other, panel)
    fx = MARKETS["fx"]
    with pytest.raises(StoreError, match="'fx'"):
        Predictor(bundle, small_market.panel_of(fx, small_market.silver(fx, 50, 1)))
    lost = next(name for name in bundle.feature_set.inputs if name in panel.fields and name != "close")
    fields = {name: values for name, values in panel.fields.items() if name != lost}
    with pytest.raises(StoreError, match=f"needs {lost}"):
        Predictor(bundle, replace(panel, fields=fields))
