"""Commands of the project, as ``finq COMMAND`` and as ``kedro COMMAND``.

Every command imports what it needs when it runs, so that ``kedro --help`` stays quick.
"""

from __future__ import annotations

import sys

import click

from finq_predictor.cli import audit, docs, predict
from finq_predictor.domain.errors import FinqError


@click.group()
def cli() -> None:
    """Predictions that can be trusted from the notebook to the API."""


cli.add_command(predict.predict)
cli.add_command(audit.audit)
cli.add_command(docs.docs_of(cli))


def main() -> None:
    """Run a command; errors of the product are shown as one message, without a traceback."""
    try:
        cli(standalone_mode=True)
    except FinqError as error:
        click.echo(f"Error: {error}", err=True)
        sys.exit(1)
