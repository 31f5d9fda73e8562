"""The reference pages of the documentation that are generated from the code."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import click

WRITTEN = "<!-- Written by `make docs`; change the code instead. -->\n\n"


def pages(commands: click.Group) -> dict[str, Callable[[], str]]:
    """The pages by file name; each is made when it is asked for.

    Args:
        commands: The commands that the page of commands lists.
    """
    return {
        "features.md": _features,
        "tables.md": _tables,
        "columns.md": _columns,
        "parameters.md": _parameters,
        "errors.md": _errors,
        "alarms.md": _alarms,
        "metrics.md": _metrics,
        "log-lines.md": _log_lines,
        "api.md": _api,
        "environment.md": _environment,
        "commands.md": partial(_commands, commands),
    }


def write_pages(target: Path, commands: click.Group) -> list[Path]:
    """Write every page into a folder.

    Args:
        target: The folder; it is made when it is not there.
        commands: The commands that the page of commands lists.

    Returns:
        The files that were written.
    """
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for name, make in pages(commands).items():
        page = target / name
        page.write_text(WRITTEN + make().rstrip() + "\n")
        written.append(page)
    return written


def _features() -> str:
    from finq_predictor.domain.features.reference import features_markdown

    return features_markdown()


def _tables() -> str:
    from finq_predictor.domain.tables import TABLES
    from finq_predictor.domain.tables.reference import tables_markdown

    return tables_markdown(TABLES)


def _columns() -> str:
    from finq_predictor.domain.ingestion.mapping_reference import mapping_markdown

    return mapping_markdown()


def _parameters() -> str:
    from finq_predictor.cli.parameters_page import parameters_markdown

    return parameters_markdown()


def _alarms() -> str:
    from finq_predictor.cli.alarms_page import alarms_markdown

    return alarms_markdown()


def _metrics() -> str:
    from finq_predictor.cli.metrics_page import metrics_markdown

    return metrics_markdown()


def _log_lines() -> str:
    import json

    from finq_predictor.adapters.log_lines import SCHEMA

    named = SCHEMA["properties"]
    rows = "\n".join(f"| `{name}` | {of.get('description', 'What went wrong.')} |" for name, of in named.items())
    return (
        "# Lines of the log\n\nEvery line of JSON of every part fits this schema; see "
        "[collect logs](../how-to/collect-logs.md). A line may say more, by names of its own.\n\n"
        f"| field | says |\n|---|---|\n{rows}\n\n```json\n{json.dumps(SCHEMA, indent=2)}\n```\n"
    )


def _errors() -> str:
    from finq_predictor.domain import errors

    tree = inspect.cleandoc(errors.__doc__ or "").partition("\n\n")[2]
    return (
        "# Errors\n\nEvery error the product raises on purpose is a `FinqError`. It says what was given, what was "
        f"expected and what to do.\n\n```text\n{tree}\n```\n"
    )


def _api() -> str:
    from finq_predictor import __name__ as package
    from finq_predictor.serving.openapi import document
    from finq_predictor.serving.routes import OPERATIONS

    described = document(OPERATIONS, "")
    rows = "\n".join(f"| {method} | `{path}` | {summary} |" for method, path, summary in _operations(described))
    return (
        "# HTTP API\n\n`make serve` answers on port 8000; the whole contract is at `/openapi.json`, "
        "readable at `/docs`. A path under `/v1` means the same without it.\n\n"
        f"| method | path | what it does |\n|---|---|---|\n{rows}\n\nThe routes live in `{package}.serving`.\n"
    )


def _operations(described: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    for path, operations in sorted(described["paths"].items()):
        for method, operation in sorted(operations.items()):
            yield method.upper(), path, operation.get("summary", "")


def _environment() -> str:
    from finq_predictor.cli.environment_page import environment_markdown

    return environment_markdown()


def _all(group: click.Group) -> Iterator[tuple[str, click.Command]]:
    """Every command with its name, those of groups with the group's before it."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from ((f"{name} {each}", within) for each, within in _all(command))
        else:
            yield name, command


def _commands(group: click.Group) -> str:
    rows = "\n".join(f"| `finq {name}` | {command.get_short_help_str(200)} |" for name, command in _all(group))
    return (
        "# Commands\n\nThe commands of the project, as `.venv/bin/finq COMMAND` and as `.venv/bin/kedro COMMAND`; "
        "`--help` lists the options. The targets of the Makefile: `make help`.\n\n"
        f"| command | what it does |\n|---|---|\n{rows}\n"
    )
