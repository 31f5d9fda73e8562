"""The options that several commands take."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import click

from finq_predictor.adapters.environment.declared import LEVELS
from finq_predictor.adapters.log_lines import write_json_lines
from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.market.markets import MARKETS

DEFAULT_ROOT = Path("data")

root_option = click.option(
    "--root", type=click.Path(path_type=Path), default=DEFAULT_ROOT, show_default=True, help="Folder of the data."
)
state_option = click.option(
    "--state",
    envvar="FINQ_STATE_ROOT",
    type=click.Path(path_type=Path),
    help="Folder that the service writes into, or FINQ_STATE_ROOT.  [default: that of the data]",
)
env_option = click.option("--env", help="Environment whose parameters hold, such as own.")
market_option = click.option("--market", type=click.Choice(sorted(MARKETS)), help="Only this market.")


def _set_level(context: click.Context, option: click.Parameter, level: str) -> str:  # noqa: ARG001 - click's signature
    """At debug level let everybody speak in the long form; the short one is what conf/logging.yml says."""
    if level == "DEBUG":
        for name in ("finq_predictor", "finq_predictor.hooks", "kedro", "kedro.runner"):
            logger = logging.getLogger(name)
            logger.setLevel(logging.INFO if name.startswith("kedro") else logging.DEBUG)
            logger.handlers.clear()
            logger.propagate = True
        for handler in logging.getLogger().handlers:
            handler.setLevel(logging.NOTSET)
    elif level != "INFO":
        logging.getLogger("finq_predictor").setLevel(level)
    try:
        write_json_lines()
    except ConfigurationError as error:
        raise click.UsageError(str(error)) from None
    return level


def log_level_option(command: Any) -> Any:
    """Let a command or group take ``--log-level``, or ``FINQ_LOG_LEVEL`` from the environment."""
    return click.option(
        "--log-level",
        envvar=["FINQ_LOG_LEVEL", "LOG_LEVEL"],
        type=click.Choice(LEVELS, case_sensitive=False),
        default="INFO",
        show_default=True,
        is_eager=True,
        callback=_set_level,
        help="DEBUG adds the lines of Kedro and the traceback of an error; WARNING and ERROR leave lines out.",
    )(command)
