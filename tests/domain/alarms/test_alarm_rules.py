"""Every rule rings when it has to, stays silent otherwise, names metrics that are there, and leads to a page."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alarm_samples import expanded, rings_at
from finq_predictor.domain.alarms.expressions import Largest, Latest, Quantile, Rate, prometheus_time
from finq_predictor.domain.alarms.metrics import METRICS, require_known, samples
from finq_predictor.domain.alarms.rule import Example, Sense
from finq_predictor.domain.alarms.rules import ALARM_RULES
from finq_predictor.domain.alarms.samples import History, Scrape, labels_of
from finq_predictor.domain.errors import ConfigurationError, UnknownNameError
from finq_predictor.domain.metrics import Kind, Metric
from finq_predictor.domain.metrics.service import DURATION, READY, REQUESTS

RULES = list(ALARM_RULES.values())


def _name(rule):
    return rule.name


@pytest.mark.parametrize("rule", RULES, ids=_name)
def test_it_rings_on_its_examples_and_only_on_those(rule):
    for example in rule.rings:
        found = rings_at(rule, example.series, example.at.total_seconds(), example.interval.total_seconds())
        assert sorted(alarm.labels for alarm in found) == sorted(labels_of(of) for of in example.rings)
    for example in rule.silent:
        assert not rings_at(rule, example.series, example.at.total_seconds(), example.interval.total_seconds())


@pytest.mark.parametrize("rule", RULES, ids=_name)
def test_it_would_not_ring_on_the_other_side_of_its_limit(rule):
    turned = replace(rule, sense=Sense.BELOW if rule.sense is Sense.ABOVE else Sense.ABOVE)
    for example in rule.rings:
        found = rings_at(turned, example.series, example.at.total_seconds())
        assert {alarm.labels for alarm in found}.isdisjoint(labels_of(of) for of in example.rings)


@pytest.mark.parametrize("rule", RULES, ids=_name)
def test_it_does_not_ring_before_it_has_lasted(rule):
    example = rule.rings[0]
    at = example.at.total_seconds()
    slow = replace(rule, hold=example.at + timedelta(minutes=1))
    assert not rings_at(slow, example.series, at)


@pytest.mark.parametrize("rule", RULES, ids=_name)
def test_its_runbook_is_there_and_names_it(rule, project_path):
    page = project_path / "docs" / "runbooks" / f"{rule.runbook}.md"
    assert page.is_file(), f"the rule {rule.name} leads to {page.name}, which is not there"
    text = page.read_text(encoding="utf-8")
    for part in ("**Symptom.**", "**Check.**", "**Do.**", "**Verify.**"):
        assert part in text, f"{page.name} has no {part}"
    assert f"`{rule.name}`" in text, f"{page.name} does not say that the rule {rule.name} leads to it"


@pytest.mark.parametrize("rule", RULES, ids=_name)
def test_its_metrics_are_exposed_and_its_sentences_fit(rule):
    require_known(rule.promql())
    for metric in rule.measure.metrics:
        assert METRICS[metric.name] is metric or METRICS[metric.name] == metric
    filled = rule.said(labels_of(rule.rings[0].rings[0]))
    assert "{" not in filled, f"a label of the summary is no label of the alarm: {filled}"
    assert rule.summary.endswith(".")
    assert rule.description.endswith(".")
    assert set(rule.hushed_by) <= set(ALARM_RULES)
    assert rule.hold < rule.cool_down <= timedelta(days=1)


def test_each_file_of_a_rule_is_listed(project_path):
    files = {path.stem for path in (project_path / "src/finq_predictor/domain/alarms/rules").glob("*.py")}
    assert files - {"__init__"} == {name.replace("-", "_") for name in ALARM_RULES}
    assert all(rule.name == name for name, rule in ALARM_RULES.items())


def test_the_limits_of_the_documents_are_the_defaults():
    assert (ALARM_RULES["api-slow"].limit, ALARM_RULES["api-errors"].limit) == (1.0, 0.1)
    assert ALARM_RULES["feature-store-slow"].limit == 0.5


@pytest.mark.parametrize("query", ["rate(finq_prediction_request_total[5m])", "finq_redy", "finq_prediction_requests"])
def test_a_misspelt_metric_is_refused(query):
    with pytest.raises(UnknownNameError, match="Did you mean 'finq_"):
        require_known(query)


def test_what_stands_in_a_label_is_no_metric():
    require_known('up{job="finq_nothing"} + sum by (route) (rate(finq_prediction_requests_total{route="finq_x"}[5m]))')


def test_a_metric_is_listed_once_and_named_as_it_should_be():
    assert len(samples()) == sum(len(metric.samples) for metric in METRICS.values())
    for metric in METRICS.values():
        assert metric.text
        assert re.fullmatch(r"[a-z][a-z0-9_]*", metric.name)
        if metric.unit == "seconds":
            assert metric.name.endswith("_seconds")
    with pytest.raises(ConfigurationError, match="begin its name with finq_"):
        Metric("requests", Kind.GAUGE, "Not ours.")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Latest(REQUESTS), "is a counter; take its Rate"),
        (lambda: Rate(READY), "only counters have a Rate"),
        (lambda: Quantile(READY), "only histograms"),
        (lambda: Rate(REQUESTS, {"path": "/"}), "has no label 'path'; it has route, status"),
        (lambda: Latest(READY, {"market": "a"}), "it has none"),
    ],
)
def test_an_expression_that_cannot_be_is_refused(make, says):
    with pytest.raises(ConfigurationError, match=says):
        make()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "Api slow"}, "small letters"),
        ({"cool_down": timedelta(0)}, "no cool-down"),
        ({"hold": timedelta(seconds=-1)}, "below 0"),
        ({"silent": ()}, "needs an example"),
        ({"rings": (Example({"finq_ready": "1x3"}, timedelta(minutes=1)),)}, "needs an example"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(change, says):
    with pytest.raises(ConfigurationError, match=says):
        replace(RULES[0], **change)


def test_a_counter_that_began_anew_does_not_fall():
    values = enumerate((10, 70, 5, 35, 65, 95))
    scrapes = [Scrape(60.0 * n, {"finq_prediction_requests_total": {(): v}}) for n, v in values]
    (value,) = Rate(REQUESTS).values(History(tuple(scrapes))).values()
    assert value == pytest.approx((60 + 5 + 30 + 30 + 30) / 300)


def test_looks_that_are_rarer_than_the_window_see_a_rate_all_the_same():
    scrapes = [Scrape(at, {"finq_prediction_requests_total": {(): at}}) for at in (0.0, 900.0)]
    assert Rate(REQUESTS).values(History(tuple(scrapes))) == {(): pytest.approx(1.0)}
    far = [Scrape(at, {"finq_prediction_requests_total": {(): at}}) for at in (0.0, 9000.0)]
    assert not Rate(REQUESTS).values(History(tuple(far)))


@given(st.lists(st.integers(0, 50), min_size=5, max_size=5), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_a_quantile_lies_within_the_bucket_that_holds_it(counts, q):
    bounds = (0.1, 0.5, 1.0, 2.5, math.inf)
    totals = [sum(counts[: n + 1]) for n in range(5)]

    def at(moment, share):
        series = {labels_of({"le": str(bound)}): total * share for bound, total in zip(bounds, totals, strict=True)}
        return Scrape(moment, {"finq_prediction_duration_seconds_bucket": series})

    found = Quantile(DURATION, q=q).values(History((at(0.0, 0.0), at(60.0, 1.0))))
    if not totals[-1]:
        assert not found
        return
    (value,) = found.values()
    place = next(n for n, total in enumerate(totals) if total >= q * totals[-1] - 1e-9)
    assert (bounds[place - 1] if place else 0.0) - 1e-9 <= value <= min(bounds[place], 2.5) + 1e-9


def test_nan_never_rings():
    rule = replace(
        ALARM_RULES["old-model"], measure=Largest(Latest(METRICS["finq_model_age_ratio"])), hold=timedelta(0)
    )
    history = History((Scrape(0.0, {"finq_model_age_ratio": {(): math.nan}}),))
    assert not rule.is_alarm(math.nan)
    assert math.isnan(next(iter(rule.measure.values(history).values())))


def test_lengths_of_time_are_written_as_prometheus_writes_them():
    assert [prometheus_time(timedelta(seconds=s)) for s in (0, 90, 300, 7200)] == ["0s", "90s", "5m", "2h"]
    assert expanded("0+1x3 _ 7 2x1") == [0, 1, 2, 3, None, 7, 2, 2]
