"""Kedro's own command ``run``, with short lines and errors that say what to do."""

from __future__ import annotations

from typing import Any

import click
from kedro.framework.cli.project import run as kedro_run
from kedro.framework.project import pipelines

from finq_predictor.cli.options import log_level_option
from finq_predictor.domain.errors import UnknownNameError


@click.pass_context
def _run(context: click.Context, /, log_level: str, **given: Any) -> Any:  # noqa: ARG001 - its option has set it
    for name in filter(None, [given["pipeline"], *given["pipelines"]]):
        if name not in pipelines:
            raise UnknownNameError("pipeline", name, pipelines)
    return context.invoke(kedro_run, **given)


run = log_level_option(click.Command("run", callback=_run, params=list(kedro_run.params), help=kedro_run.help))
