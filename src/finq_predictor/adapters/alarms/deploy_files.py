"""The files of Prometheus and Alertmanager that follow from the rules and the settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from finq_predictor.adapters.alarms.settings import AlarmSettings
from finq_predictor.adapters.atomic_file import write_text_atomically
from finq_predictor.adapters.channels.email import EmailOptions, Security
from finq_predictor.adapters.channels.pagerduty import PagerDutyOptions
from finq_predictor.adapters.channels.webhook import WebhookOptions
from finq_predictor.domain.alarms.expressions import prometheus_time
from finq_predictor.domain.alarms.rule import Audience, Example, Rule, Severity

WRITTEN = "# Written by `finq alarms files`; change the rules or conf/base/alarms.yml instead.\n"
RULES = "prometheus/rules/finq.yml"
TESTS = "prometheus/tests/finq.yml"
PROMETHEUS = "prometheus/prometheus.yml"
ALERTMANAGER = "alertmanager/alertmanager.yml"
_SECRET = "/run/secrets/channel_{name}"
_KEY = "/run/secrets/metrics_key"
_NOBODY = "nobody"
_INTERVAL = "15s"


def deploy_files(settings: AlarmSettings) -> dict[str, str]:
    """The content of each file, by its place below ``deploy``."""
    return {
        RULES: _yaml(rules_file(settings)),
        TESTS: _yaml(tests_file(settings)),
        PROMETHEUS: _yaml(prometheus_file(settings)),
        ALERTMANAGER: _yaml(alertmanager_file(settings)),
    }


def write_deploy_files(folder: Path, settings: AlarmSettings) -> list[Path]:
    """Write them.

    Returns:
        The files.
    """
    written = []
    for name, content in deploy_files(settings).items():
        write_text_atomically(folder / name, content)
        written.append(folder / name)
    return written


def rules_file(settings: AlarmSettings) -> dict[str, Any]:
    """The alerting rules."""
    return {"groups": [{"name": "finq", "rules": [_alert(rule, settings) for rule in settings.rules.values()]}]}


def _alert(rule: Rule, settings: AlarmSettings) -> dict[str, Any]:
    hold = {"for": prometheus_time(rule.hold)} if rule.hold else {}
    return {
        "alert": rule.name,
        "expr": rule.promql(),
        **hold,
        "labels": {"severity": rule.severity.value, "audience": rule.audience.value},
        "annotations": _annotations(rule, settings),
    }


def _annotations(rule: Rule, settings: AlarmSettings) -> dict[str, str]:
    labels = {name: f"{{{{ $labels.{name} }}}}" for metric in rule.measure.metrics for name in metric.labels}
    summary = rule.said(tuple(labels.items()))
    return {
        "title": rule.title,
        "summary": summary,
        "description": rule.description,
        "runbook_url": f"{settings.runbooks.rstrip('/')}/{rule.runbook}.md",
    }


def tests_file(settings: AlarmSettings) -> dict[str, Any]:
    """The unit tests of the rules: the examples of each, with the limits that the rules have by themselves."""
    tests = [
        _test(rule, example, settings) for rule in settings.rules.values() for example in (*rule.rings, *rule.silent)
    ]
    return {"rule_files": ["../rules/finq.yml"], "evaluation_interval": "1m", "tests": tests}


def _test(rule: Rule, example: Example, settings: AlarmSettings) -> dict[str, Any]:
    labels = {"severity": rule.severity.value, "audience": rule.audience.value}
    annotations = _annotations(rule, settings)
    expected = [
        {
            "exp_labels": {**labels, **of},
            "exp_annotations": {**annotations, "summary": rule.said(tuple(of.items()))},
        }
        for of in example.rings
    ]
    return {
        "name": f"{rule.name} {'rings' if example.rings else 'is silent'}",
        "interval": prometheus_time(example.interval),
        "input_series": [{"series": name, "values": values} for name, values in example.series.items()],
        "alert_rule_test": [{"eval_time": prometheus_time(example.at), "alertname": rule.name, "exp_alerts": expected}],
    }


def prometheus_file(settings: AlarmSettings) -> dict[str, Any]:
    """What Prometheus scrapes and whom it tells."""
    jobs: dict[tuple[str, str, str, bool], list[str]] = {}
    for target in settings.targets:
        parts = urlsplit(target.url)
        jobs.setdefault((target.job, parts.scheme, parts.path, target.key), []).append(parts.netloc)
    scraped: list[dict[str, Any]] = [
        {
            "job_name": job,
            "scheme": scheme,
            "metrics_path": path,
            **({"authorization": {"credentials_file": _KEY}} if key else {}),
            "static_configs": [{"targets": targets}],
        }
        for (job, scheme, path, key), targets in jobs.items()
    ]
    # What lies in text files, or was pushed, has labels of its own, such as the job of a schedule, which have to stay.
    labelled = {"node": settings.node_exporter, "push": settings.push_gateway}
    scraped += [
        {"job_name": job, "honor_labels": True, "static_configs": [{"targets": [place]}]}
        for job, place in labelled.items()
        if place is not None
    ]
    scraped += [
        {"job_name": job, "static_configs": [{"targets": [place]}]} for job, place in settings.exporters.items()
    ]
    return {
        "global": {"scrape_interval": _INTERVAL, "evaluation_interval": _INTERVAL},
        "rule_files": ["rules/*.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [settings.alertmanager]}]}]},
        "scrape_configs": scraped,
    }


def alertmanager_file(settings: AlarmSettings) -> dict[str, Any]:
    """Who is told by Alertmanager: the same audiences, cool-downs, quiet hours and explanations."""
    quiet = _quiet(settings)
    mute = {"mute_time_intervals": [quiet["name"]]} if quiet else {}
    routes = []
    for audience in Audience:
        for severity in Severity:
            matched = [
                rule for rule in settings.rules.values() if (rule.audience, rule.severity) == (audience, severity)
            ]
            cool_downs = sorted({rule.cool_down for rule in matched})
            routes += [_route(audience, severity, cool_down, matched, mute) for cool_down in cool_downs]
    return {
        "route": {
            "receiver": _NOBODY,
            "group_by": ["alertname"],
            "group_wait": "10s",
            "group_interval": "1m",
            "repeat_interval": "4h",
            "routes": routes,
        },
        "inhibit_rules": list(_inhibitions(settings.rules.values())),
        **({"time_intervals": [quiet]} if quiet else {}),
        "receivers": [
            {"name": _NOBODY},
            *({"name": audience.value, **_receiver(audience, settings)} for audience in Audience),
        ],
    }


def _route(
    audience: Audience, severity: Severity, cool_down: timedelta, matched: Iterable[Rule], mute: Mapping[str, Any]
) -> dict[str, Any]:
    names = "|".join(rule.name for rule in matched if rule.cool_down == cool_down)
    return {
        "matchers": [f'alertname=~"{names}"'],
        "receiver": audience.value,
        "repeat_interval": prometheus_time(cool_down),
        **({} if severity is Severity.CRITICAL else mute),
    }


def _inhibitions(rules: Iterable[Rule]) -> Iterable[dict[str, Any]]:
    for rule in rules:
        if rule.hushed_by:
            yield {
                "source_matchers": [f'alertname=~"{"|".join(rule.hushed_by)}"'],
                "target_matchers": [f'alertname="{rule.name}"'],
            }


def _quiet(settings: AlarmSettings) -> dict[str, Any] | None:
    if settings.quiet is None:
        return None
    start, end = (f"{moment:%H:%M}" for moment in (settings.quiet.start, settings.quiet.end))
    times = (
        [{"start_time": start, "end_time": end}]
        if settings.quiet.start < settings.quiet.end
        # A span of Alertmanager ends with its day.
        else [
            {"start_time": start, "end_time": "24:00"},
            *([{"start_time": "00:00", "end_time": end}] if end != "00:00" else []),
        ]
    )
    return {"name": "quiet", "time_intervals": [{"times": times, "location": settings.quiet.zone}]}


def _receiver(audience: Audience, settings: AlarmSettings) -> dict[str, Any]:
    """What Alertmanager itself can tell an audience by; channels that it does not know are left out."""
    found: dict[str, list[dict[str, Any]]] = {}
    for name in settings.audiences[audience]:
        given = settings.channels[name]
        secret = _SECRET.format(name=name)
        match given["kind"]:
            case "slack":
                found.setdefault("slack_configs", []).append(_slack(secret, settings))
            case "pagerduty":
                found.setdefault("pagerduty_configs", []).append(_pagerduty(given, secret, settings))
            case "email":
                found.setdefault("email_configs", []).append(_email(given, secret, settings))
            case "webhook":
                options = WebhookOptions(**_options(given))
                found.setdefault("webhook_configs", []).append({"url": options.url, **_resolved(settings)})
    return found


def _slack(secret: str, settings: AlarmSettings) -> dict[str, Any]:
    return {
        "api_url_file": secret,
        "title": "{{ .Status }}: {{ (index .Alerts 0).Annotations.title }}",
        "text": "{{ range .Alerts }}{{ .Annotations.summary }}\n{{ end }}"
        "{{ (index .Alerts 0).Annotations.description }}\nRunbook: {{ (index .Alerts 0).Annotations.runbook_url }}",
        **_resolved(settings),
    }


def _pagerduty(given: Mapping[str, Any], secret: str, settings: AlarmSettings) -> dict[str, Any]:
    options = PagerDutyOptions(**_options(given))
    return {
        "routing_key_file": secret,
        "url": options.url,
        "severity": "{{ .CommonLabels.severity }}",
        "description": "{{ (index .Alerts 0).Annotations.title }}: {{ (index .Alerts 0).Annotations.summary }}",
        **_resolved(settings),
    }


def _email(given: Mapping[str, Any], secret: str, settings: AlarmSettings) -> dict[str, Any]:
    options = EmailOptions(**_options(given))
    signing_in = {"auth_username": options.user, "auth_password_file": secret} if options.user else {}
    return {
        "to": ", ".join(options.recipients),
        "from": options.sender,
        "smarthost": f"{options.host}:{options.port}",
        "require_tls": options.security is not Security.NONE,
        "headers": {"Subject": "{{ .Status }}: {{ (index .Alerts 0).Annotations.title }}"},
        "text": "{{ range .Alerts }}{{ .Annotations.summary }}\n{{ end }}"
        "{{ (index .Alerts 0).Annotations.description }}\nRunbook: {{ (index .Alerts 0).Annotations.runbook_url }}\n",
        "html": "",
        **signing_in,
        **_resolved(settings),
    }


def _resolved(settings: AlarmSettings) -> dict[str, Any]:
    return {"send_resolved": settings.resolved}


def _options(given: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if key != "kind"}


def _yaml(value: dict[str, Any]) -> str:
    return WRITTEN + yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120)
