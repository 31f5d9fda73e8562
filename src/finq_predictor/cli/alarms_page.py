"""The reference page of alarms: rules, kinds of channels and settings."""

from __future__ import annotations

from collections.abc import Iterator

from finq_predictor.cli.parameters_page import sections


def alarms_markdown() -> str:
    """Write the page."""
    from finq_predictor.adapters.alarms.settings import AlarmSettings

    return "\n".join(
        [
            "# Alarms\n\nWhat rings when, whom it tells and what to do. The same rules are judged by Prometheus, from "
            "`deploy/prometheus/rules/finq.yml`, and by `finq alarms check` without one.\n",
            *_rules(),
            "## Settings\n\n`conf/base/alarms.yml`, and above it the file of that name in `conf/local` or in the "
            "environment that `--env` names. An unknown key is refused.\n",
            *(part.replace("## settings\n\n", "", 1) for part in sections("settings", AlarmSettings, set())),
            *_channels(),
            "What rules may name: [metrics](metrics.md).",
        ]
    )


def _rules() -> Iterator[str]:
    from finq_predictor.domain.alarms.expressions import prometheus_time
    from finq_predictor.domain.alarms.rules import ALARM_RULES

    yield "## Rules\n\n`limits` in the settings sets another limit, `silenced` lets one tell nobody.\n"
    yield "| rule | severity | told | limit | lasts | told again after | runbook |"
    yield "|---|---|---|---|---|---|---|"
    for rule in ALARM_RULES.values():
        limit = f"{rule.sense.value} {rule.limit:.10g} {rule.unit}".strip().replace("<", "&lt;")
        times = f"{prometheus_time(rule.hold)} | {prometheus_time(rule.cool_down)}"
        page = f"[{rule.runbook}](../runbooks/{rule.runbook}.md)"
        yield f"| `{rule.name}` | {rule.severity.value} | `{rule.audience.value}` | {limit} | {times} | {page} |"
    yield ""
    for rule in ALARM_RULES.values():
        hushed = f" Silent while {' or '.join(f'`{name}`' for name in rule.hushed_by)} rings." if rule.hushed_by else ""
        yield f"### {rule.name}\n\n{rule.summary} {rule.description}{hushed}\n\n```promql\n{rule.promql()}\n```\n"


def _channels() -> Iterator[str]:
    from finq_predictor.adapters.channels import CHANNEL_KINDS

    yield "## Kinds of channels\n"
    yield "Each channel has a `kind` and the keys of that kind. What is secret stands in `FINQ_CHANNEL_<NAME>`, in the "
    yield "file that `FINQ_CHANNEL_<NAME>_FILE` names, or in the vault, at `FINQ_CHANNEL_<NAME>_VAULT`.\n"
    for name, kind in CHANNEL_KINDS.items():
        (page,) = sections(name, kind.options, set())
        page = page.replace("## ", "### ", 1)
        if not kind.options.model_fields:
            page = page.partition("| key |")[0].rstrip() + "\n"
        yield page
