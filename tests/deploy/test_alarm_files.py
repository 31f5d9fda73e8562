"""The files of Prometheus and Alertmanager: up to date, accepted by their own tools, and judged as we judge."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from alarm_samples import expanded, rings_at, values_at
from finq_predictor.adapters.alarms.deploy_files import (
    ALERTMANAGER,
    PROMETHEUS,
    RULES,
    TESTS,
    alertmanager_file,
    deploy_files,
    write_deploy_files,
)
from finq_predictor.adapters.alarms.settings import AlarmSettings, read_settings
from finq_predictor.domain.alarms.metrics import require_known
from finq_predictor.domain.alarms.rule import Severity
from finq_predictor.domain.alarms.rules import ALARM_RULES
from finq_predictor.domain.errors import UnknownNameError
from prometheus_servers import amtool, promtool

EVERYTHING = {
    "channels": {
        "log": {"kind": "log"},
        "chat": {"kind": "slack"},
        "mail": {
            "kind": "email",
            "host": "mail.example.org",
            "user": "finq",
            "sender": "finq@example.org",
            "recipients": ["team@example.org"],
        },
        "pager": {"kind": "pagerduty"},
        "hook": {"kind": "webhook", "url": "https://hooks.example.org/finq"},
    },
    "audiences": {"on_call": ["pager", "chat", "log"], "team": ["chat", "mail", "hook"]},
    "quiet": {"start": "22:00", "end": "07:00", "zone": "Europe/Berlin"},
}


def tool(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, timeout=120)


@pytest.fixture
def deployed(tmp_path):
    write_deploy_files(tmp_path, AlarmSettings(**EVERYTHING))
    return tmp_path


def test_what_is_committed_is_what_the_rules_say(project_path):
    for name, content in deploy_files(read_settings(project_path / "conf", "stack")).items():
        assert (project_path / "deploy" / name).read_text(encoding="utf-8") == content, "run: make alarms"


def test_the_tools_of_prometheus_accept_what_is_committed(project_path, tmp_path):
    deploy, key = tmp_path / "deploy", tmp_path / "key"
    for part in ("prometheus", "alertmanager"):
        shutil.copytree(project_path / "deploy" / part, deploy / part)
    # The tool wants to see the key that a container is given.
    key.touch()
    file = deploy / PROMETHEUS
    file.write_text(file.read_text(encoding="utf-8").replace("/run/secrets/metrics_key", str(key)), encoding="utf-8")
    for words in (("check", "config", PROMETHEUS), ("check", "rules", RULES), ("test", "rules", TESTS)):
        done = tool(promtool(), *words[:2], deploy / words[2])
        assert done.returncode == 0, done.stdout + done.stderr
    done = tool(amtool(), "check-config", deploy / ALERTMANAGER)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_has_a_test_that_fires_and_one_that_does_not(project_path):
    tests = yaml.safe_load((project_path / "deploy" / TESTS).read_text())["tests"]
    for name in ALARM_RULES:
        expected = [
            bool(one["exp_alerts"]) for test in tests for one in test["alert_rule_test"] if one["alertname"] == name
        ]
        assert set(expected) == {True, False}, name


@pytest.mark.parametrize("name", ALARM_RULES)
def test_a_changed_limit_or_condition_fails_the_tests_of_a_rule(name, deployed):
    """Each rule is tested by its own examples: turned round, they fail."""
    file = deployed / RULES
    text = yaml.safe_load(file.read_text())
    (rule,) = [each for each in text["groups"][0]["rules"] if each["alert"] == name]
    sense = ALARM_RULES[name].sense.value
    head, _, limit = rule["expr"].rpartition(f" {sense} ")
    rule["expr"] = f"{head} {'<' if sense == '>' else '>'} {limit}"
    text["groups"][0]["rules"] = [rule]
    file.write_text(yaml.safe_dump(text))
    done = tool(promtool(), "test", "rules", deployed / TESTS)
    assert done.returncode != 0
    assert f"alertname: {name}," in done.stdout + done.stderr


def test_a_broken_query_is_refused(deployed):
    file = deployed / RULES
    file.write_text(file.read_text().replace("min by (instance) (", "min by instance (", 1))
    assert tool(promtool(), "check", "rules", file).returncode != 0


def test_a_misspelt_metric_passes_their_tool_and_not_ours(deployed):
    file = deployed / RULES
    file.write_text(file.read_text().replace("finq_disk_free_ratio", "finq_disc_free_ratio"))
    assert tool(promtool(), "check", "rules", file).returncode == 0
    queries = " ".join(rule["expr"] for rule in yaml.safe_load(file.read_text())["groups"][0]["rules"])
    with pytest.raises(UnknownNameError, match="finq_disk_free_ratio"):
        require_known(queries)


def test_alertmanager_accepts_every_kind_of_channel_and_refuses_a_mistake(deployed):
    file = deployed / ALERTMANAGER
    done = tool(amtool(), "check-config", file)
    assert done.returncode == 0, done.stdout + done.stderr
    file.write_text(file.read_text().replace("- name: team", "- name: theteam"))
    assert tool(amtool(), "check-config", file).returncode != 0


@pytest.mark.parametrize("rule", ALARM_RULES.values(), ids=lambda rule: rule.name)
def test_each_alarm_is_routed_to_its_audience(rule, deployed):
    labels = [f"alertname={rule.name}", f"severity={rule.severity.value}"]
    where = f"--config.file={deployed / ALERTMANAGER}"
    done = tool(amtool(), "config", "routes", "test", where, f"--verify.receivers={rule.audience.value}", *labels)
    assert done.returncode == 0, done.stdout + done.stderr


def test_cool_downs_quiet_hours_and_explanations_are_those_of_the_rules():
    made = alertmanager_file(AlarmSettings(**EVERYTHING))
    for rule in ALARM_RULES.values():
        (route,) = [each for each in made["route"]["routes"] if rule.name in _names(each["matchers"][0])]
        assert ("mute_time_intervals" in route) == (rule.severity is not Severity.CRITICAL)
    hushed = {_names(one["target_matchers"][0])[0] for one in made["inhibit_rules"]}
    assert hushed == {rule.name for rule in ALARM_RULES.values() if rule.hushed_by}
    (span,) = made["time_intervals"][0]["time_intervals"]
    assert span["times"] == [
        {"start_time": "22:00", "end_time": "24:00"},
        {"start_time": "00:00", "end_time": "07:00"},
    ]


def test_no_secret_is_written_into_a_file(deployed, monkeypatch):
    monkeypatch.setenv("FINQ_CHANNEL_CHAT", "https://hooks.slack.com/services/T/B/verysecret")
    assert "verysecret" not in "".join(deploy_files(AlarmSettings(**EVERYTHING)).values())


def _names(matcher: str) -> list[str]:
    return matcher.partition('"')[2].rstrip('"').split("|")


def _random_series(rule, chance: random.Random) -> dict[str, str]:
    """The series of the rule's examples, with values on both sides of the limit; they go away and begin anew."""
    series: dict[str, set[float]] = {}
    for example in (*rule.rings, *rule.silent):
        for name, values in example.series.items():
            series.setdefault(name, set()).update(value for value in expanded(values)[:30] if value is not None)
    counts = any(ending in next(iter(series)) for ending in ("_total", "_bucket"))
    floor = [0.0] * 14
    made = {}
    for name in sorted(series, key=_bound):
        value, values = chance.choice(sorted(series[name])), []
        for place in range(14):
            if counts:
                value = 0.0 if chance.random() < 0.07 else value + chance.choice([0, 0, 1, 5, 40, 300])
            elif chance.random() < 0.15:
                value = chance.choice(sorted(series[name]))
            if "_bucket" in name:
                # What is counted in a smaller bucket is counted in this one too.
                value = floor[place] = max(floor[place], value)
            values.append("stale" if chance.random() < 0.04 else f"{value:.12g}")
        made[name] = " ".join(values)
    return made


def _bound(name: str) -> float:
    found = re.search(r'\ble="([^"]+)"', name)
    return float(found[1]) if found else 0.0


def _same_value(rule, series: dict[str, str], minutes: int) -> list[dict[str, object]]:
    """A test of Prometheus that it measures what we do, where it is one number of a window."""
    values = values_at(rule, series, 60.0 * minutes)
    if not rule.measure.window or len(values) != 1:
        return []
    ((labels, value),) = values.items()
    near = f"abs(({rule.measure.promql()}) - ({value!r})) < bool {1e-9 * max(1.0, abs(value)):.3g}"
    named = "{" + ", ".join(f'{name}="{text}"' for name, text in labels) + "}"
    return [{"expr": near, "eval_time": f"{minutes}m", "exp_samples": [{"labels": named, "value": 1}]}]


def test_prometheus_and_we_agree_on_whatever_is_measured(tmp_path):
    """Hundreds of series: what we say rings, and how large a rate is, written as what Prometheus has to say."""
    settings, chance, tests, rang = AlarmSettings(**EVERYTHING), random.Random(7), [], 0
    written = yaml.safe_load(deploy_files(settings)[RULES])
    for rule in ALARM_RULES.values():
        for number in range(25):
            series, minutes = _random_series(rule, chance), chance.randint(3, 13)
            found = rings_at(rule, series, 60.0 * minutes)
            rang += len(found)
            labels = {"severity": rule.severity.value, "audience": rule.audience.value}
            expected = [{"exp_labels": {**labels, **dict(alarm.labels)}} for alarm in found]
            tests.append(
                {
                    "name": f"{rule.name} {number}",
                    "interval": "1m",
                    "input_series": [{"series": name, "values": values} for name, values in series.items()],
                    "alert_rule_test": [{"eval_time": f"{minutes}m", "alertname": rule.name, "exp_alerts": expected}],
                    "promql_expr_test": _same_value(rule, series, minutes),
                }
            )
    for rule in written["groups"][0]["rules"]:
        del rule["annotations"]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(written))
    whole = {"rule_files": ["rules.yml"], "evaluation_interval": "1m", "tests": tests}
    (tmp_path / "tests.yml").write_text(yaml.safe_dump(whole))
    done = tool(promtool(), "test", "rules", tmp_path / "tests.yml")
    assert done.returncode == 0, (done.stdout + done.stderr)[:6000]
    assert 60 < rang < 400, f"{rang} alarms of {len(tests)} prove little"
    assert sum(bool(one["promql_expr_test"]) for one in tests) > 50


def _queries(value: object) -> list[str]:
    """Every ``expr`` of a dashboard or a file of rules, at any depth."""
    if isinstance(value, dict):
        own = [value["expr"]] if isinstance(value.get("expr"), str) else []
        return own + [query for each in value.values() for query in _queries(each)]
    return [query for each in value for query in _queries(each)] if isinstance(value, list) else []


def test_all_that_is_deployed_names_metrics_that_are_exposed(project_path):
    files = [*(project_path / "deploy").rglob("*.json"), *(project_path / "deploy" / "prometheus").rglob("*.yml")]
    queries = [query for file in files for query in _queries(yaml.safe_load(file.read_text(encoding="utf-8")))]
    assert len(queries) >= len(ALARM_RULES)
    for query in queries:
        require_known(query)
    dashboard = {"panels": [{"targets": [{"expr": "rate(finq_prediction_requests_totl[5m])"}]}]}
    with pytest.raises(UnknownNameError, match="finq_prediction_requests_total"):
        require_known(" ".join(_queries(dashboard)))
