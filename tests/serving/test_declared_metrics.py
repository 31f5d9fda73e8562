"""What a running service tells is what is declared, no more and no less."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from finq_predictor.domain.alarms.metrics import METRICS, samples
from finq_predictor.domain.metrics import Kind
from finq_predictor.domain.metrics.service import MODEL_AGE, OF_SERVICE, RETRIEVAL
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
