"""What a running service tells is what is declared, no more and no less."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from finq_predictor.domain.alarms.metrics import METRICS, samples
from finq_predictor.domain.metrics import Kind
from finq_predictor.domain.metrics.service import CONFIDENCE, LOOKUPS, MODEL_AGE, OF_SERVICE, PREDICTIONS, RETRIEVAL
from finq_predictor.serving.metrics import Mark, Metrics, histogram
from serving.conftest import wait_until


def _told(client):
    return {family.name: family for family in text_string_to_metric_families(client.get("/metrics").text)}


def test_every_metric_is_declared_as_it_comes_out(client):
    client.post("/predict", {"instrument": "AAPL"})
    client.post("/predict", {"instrument": "NOPE"})
    # Beside its own, prometheus_client tells of each when it began.
    told = {name: one for name, one in _told(client).items() if name.startswith("finq_") and "_created" not in name}
    assert set(told) == {metric.name for metric in OF_SERVICE}
    for metric in OF_SERVICE:
        family = told[metric.name]
        assert (family.type, family.documentation) == (metric.kind.value, metric.text)
        assert METRICS[metric.name] == metric
        for sample in family.samples:
            assert sample.name in samples()
            assert set(sample.labels) - {"le"} == set(metric.labels)
    assert {metric.kind for metric in OF_SERVICE} == set(Kind)


def test_the_time_of_features_and_the_age_of_the_model_are_told(client):
    client.post("/predict", {"instrument": "AAPL"})

    def counted() -> float:
        return sum(one.value for one in _told(client)[RETRIEVAL.name].samples if one.name.endswith("_count"))

    wait_until(lambda: counted() >= 1.0, 20)
    before = counted()
    client.post("/predict", {"instrument": "AAPL"})
    assert counted() == before, "a remembered bar was counted"
    ages = {one.labels["market"]: one.value for one in _told(client)[MODEL_AGE.name].samples}
    assert set(ages) == {"equity", "fx"}
    assert all(0.0 <= age < 5.0 for age in ages.values())


def _sum(client, metric, **labels):
    found = _told(client)[metric.name].samples
    wanted = metric.samples[-1] if metric.kind is Kind.HISTOGRAM else metric.samples[0]
    return sum(one.value for one in found if one.name == wanted and labels.items() <= one.labels.items())


def test_each_answer_is_counted_once_by_how_sure_it_is(client):
    sure, given = _sum(client, CONFIDENCE, market="fx"), _sum(client, PREDICTIONS, market="fx")
    remembered = _sum(client, LOOKUPS, market="fx", found="remembered")
    for _ in range(3):
        assert client.post("/predict", {"instrument": "EUR_USD"}).status_code == 200
    assert client.post("/predict", {"instrument": "eur/usd", "market": "fx"}).status_code == 200
    assert client.post("/batch_predict", {"instruments": ["EUR_USD", "GBP_USD"], "market": "fx"}).status_code == 200
    assert _sum(client, CONFIDENCE, market="fx") - sure == 6.0
    assert _sum(client, PREDICTIONS, market="fx") - given == 6.0
    assert _sum(client, LOOKUPS, market="fx", found="remembered") - remembered == 5.0


def test_a_bar_that_nobody_asked_for_was_computed(client):
    bars = client.store.get("fx").predictor.panel.ts
    before = _sum(client, LOOKUPS, market="fx", found="computed")
    asked = {"instrument": "EUR_USD", "prediction_date": bars[-30].isoformat()}
    assert client.post("/predict", asked).status_code == 200
    assert _sum(client, LOOKUPS, market="fx", found="computed") - before == 1.0


@given(values=st.lists(st.floats(0.0, 1.0) | st.sampled_from([0.1, 0.3, 1.0]), max_size=60))
def test_what_is_counted_together_is_what_is_counted_one_after_the_other(values):
    metrics, registry = Metrics(), CollectorRegistry()
    plain = histogram(CONFIDENCE, registry, tuple(number / 10 for number in range(1, 11))).labels("fx", "logistic")
    for value in values:
        plain.observe(value)
        metrics.answered(Mark("fx", "logistic", value))
    metrics.settle()

    def told(of):
        return {
            (one.name, one.labels.get("le")): one.value
            for family in of.collect() if family.name == CONFIDENCE.name
            for one in family.samples if not one.name.endswith("_created")
        }  # fmt: skip

    if values:
        assert told(metrics.registry) == pytest.approx(told(registry))
