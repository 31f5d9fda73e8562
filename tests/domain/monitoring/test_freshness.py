"""Freshness, missing rates and validity, with an input that trips each alarm, and text that Prometheus can read."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.monitoring.freshness import (
    FRESHNESS_COLUMNS,
    Gauge,
    Layer,
    measure_layers,
    measure_missing_rates,
    monitoring_gauges,
    open_hours_between,
    prometheus_text,
    resolve_as_of,
)

EQUITY, FX = get_market("equity"), get_market("fx")
FRIDAY = pd.Timestamp("2024-01-05T21:00Z")


def rows(*times):
    ts = pd.to_datetime(list(times), utc=True).astype("datetime64[us, UTC]")
    return pd.DataFrame({"ts": ts, "instrument": pd.Series(["AAA"] * len(times), dtype="str")})


@pytest.mark.parametrize(
    ("market", "start", "end", "hours"),
    [
        (EQUITY, "2024-01-05T21:00Z", "2024-01-08T21:00Z", 24),  # Friday to Monday
        (EQUITY, "2024-01-02T21:00Z", "2024-01-04T21:00Z", 48),
        (EQUITY, "2024-01-06T05:00Z", "2024-01-06T09:00Z", 0),  # a Saturday
        (EQUITY, "2024-01-05T21:00Z", "2024-01-22T21:00Z", 17 * 24 - 6 * 24),
        (FX, "2024-01-05T21:00Z", "2024-01-07T23:00Z", 2),  # the market closes at 22:00 and opens at 22:00
        (FX, "2024-01-03T01:00Z", "2024-01-03T05:00Z", 4),
        (FX, "2024-01-03T05:00Z", "2024-01-03T01:00Z", -4),
    ],
)
def test_week_ends_do_not_age_data(market, start, end, hours):
    assert open_hours_between(pd.Timestamp(start), pd.Timestamp(end), market) == hours


@given(st.integers(0, 20_000), st.integers(0, 20_000), st.sampled_from([EQUITY, FX]))
def test_open_hours_add_up(first, second, market):
    middle, end = FRIDAY + pd.Timedelta(hours=first), FRIDAY + pd.Timedelta(hours=first + second)
    total = open_hours_between(FRIDAY, middle, market) + open_hours_between(middle, end, market)
    assert open_hours_between(FRIDAY, end, market) == pytest.approx(total)


def test_as_of():
    assert resolve_as_of("latest", rows(FRIDAY)) == FRIDAY
    assert resolve_as_of("2024-01-05 21:00", rows()) == FRIDAY
    assert resolve_as_of("2024-01-05T22:00+01:00", rows()) == FRIDAY
    with pytest.raises(ConfigurationError, match="run ingestion"):
        resolve_as_of("latest", rows())
    with pytest.raises(ConfigurationError, match="give 'latest' or an ISO time"):
        resolve_as_of("yesterday evening", rows(FRIDAY))


@pytest.mark.parametrize(
    ("limit", "market", "late"), [(48.0, EQUITY, "2024-01-10T22:00Z"), (2.0, FX, "2024-01-07T23:30Z")]
)
def test_stale_data_trip_the_alarm_and_fresh_do_not(limit, market, late):
    fresh = measure_layers([Layer("silver", "ingestion", rows(FRIDAY))], FRIDAY, market, limit)
    stale = measure_layers([Layer("silver", "ingestion", rows(FRIDAY))], pd.Timestamp(late), market, limit)
    assert (fresh["stale"].tolist(), stale["stale"].tolist()) == ([False], [True])
    assert fresh["valid"].all()
    assert stale["valid"].all()
    assert list(stale) == list(FRESHNESS_COLUMNS)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        (rows(), "no rows"),
        (rows(FRIDAY, FRIDAY), "1 rows repeat"),
        (rows(FRIDAY, FRIDAY + pd.Timedelta(days=1)), "1 rows are later"),
    ],
)
def test_each_check_can_fail(table, problem):
    layer = measure_layers([Layer("gold", "features", table)], FRIDAY, EQUITY, 48).iloc[0]
    assert not layer["valid"]
    assert problem in layer["problem"]
    assert layer["stale"] == table.empty


def test_missing_values_trip_the_alarm_when_there_are_more_than_in_training():
    current = pd.DataFrame({"a": [1.0, np.nan], "b": [1.0, 2.0], "c": [np.nan, np.nan]})
    table = measure_missing_rates(current, ["a", "b", "c", "d"], {"a": 0.47, "b": 0.0, "c": 0.5}, tolerance=0.05)
    assert table["missing_ratio"].tolist() == [0.5, 0.0, 1.0, 1.0]
    assert table["alert"].tolist() == [False, False, True, True]


def tables():
    freshness = measure_layers([Layer("silver", "ingestion", rows(FRIDAY))], FRIDAY, EQUITY, 48)
    missing = measure_missing_rates(pd.DataFrame({"a": [1.0, np.nan]}), ["a"], {"a": 0.0}, 0.05)
    drift = pd.DataFrame(
        {
            "kind": ["feature", "prediction"],
            "name": ["a", "probability"],
            "psi": [0.3, 0.1],
            "ks": [0.2, np.nan],
            "js": [0.1, 0.2],
            "kl": [np.nan, 0.4],
            "drifted": [True, True],
        }
    )
    return freshness, missing, drift


def test_the_names_promised_are_there_and_prometheus_reads_them():
    parser = pytest.importorskip("prometheus_client.parser", reason="prometheus-client is not installed")
    text = prometheus_text(monitoring_gauges("equity", *tables()))
    samples = {s.name: (s.labels, s.value) for f in parser.text_string_to_metric_families(text) for s in f.samples}
    assert samples["finq_data_freshness_hours"] == (
        {"market": "equity", "layer": "silver", "pipeline": "ingestion"},
        0.0,
    )
    assert samples["finq_validation_status"][1] == 1.0
    assert samples["finq_feature_missing_ratio"] == ({"market": "equity", "feature": "a"}, 0.5)
    assert samples["finq_feature_drift_psi"] == ({"market": "equity", "feature": "a"}, 0.3)
    assert samples["finq_prediction_drift_kl"] == ({"market": "equity"}, 0.4)
    assert text.count("# TYPE") == text.count("# HELP") == len(samples)


NASTY = st.text(st.characters(codec="utf-8", exclude_characters="\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"), max_size=20)


@given(NASTY, NASTY, st.floats(width=64))
def test_any_label_and_value_survive(label, text, value):
    parser = pytest.importorskip("prometheus_client.parser", reason="prometheus-client is not installed")
    (family,) = parser.text_string_to_metric_families(
        prometheus_text([Gauge("finq_x", text, [({"name": label}, value)])])
    )
    (sample,) = family.samples
    assert sample.labels == {"name": label}
    assert sample.value == value or (np.isnan(sample.value) and np.isnan(value))


def test_a_gauge_without_labels_and_one_without_samples():
    assert prometheus_text([Gauge("finq_a", "A.", [({}, 1)]), Gauge("finq_b", "B.", [])]) == (
        "# HELP finq_a A.\n# TYPE finq_a gauge\nfinq_a 1.0\n"
    )
    assert prometheus_text([]) == ""
