"""Commands about the database that several people and programs share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from finq_predictor.cli.options import market_option, root_option
from finq_predictor.domain.market.markets import MARKETS

if TYPE_CHECKING:
    from sqlalchemy import Engine


@click.group()
def db() -> None:
    """Keep predictions, outcomes and decisions in a shared database, at FINQ_DATABASE_URL."""


@db.command()
def upgrade() -> None:
    """Make the tables, or bring them to the step that this code knows."""
    from finq_predictor.adapters.database.engine import name_of
    from finq_predictor.adapters.database.engine import upgrade as upgraded

    engine = _engine()
    click.echo(f"{name_of(engine)} stands at {upgraded(engine)}.")


@db.command()
def current() -> None:
    """Say at which step the database stands, and which one this code knows."""
    from finq_predictor.adapters.database.engine import current as found
    from finq_predictor.adapters.database.engine import name_of, newest

    engine = _engine()
    click.echo(f"{name_of(engine)} stands at {found(engine) or 'nothing'}; this code knows {newest()}.")


@db.command()
@click.option("--to", "step", required=True, help="The step to go back to; base removes every table.")
@click.confirmation_option(prompt="What the removed tables hold is lost. Go on?")
def downgrade(step: str) -> None:
    """Go back to an older step; what its tables do not have is lost."""
    from finq_predictor.adapters.database.engine import downgrade as downgraded
    from finq_predictor.adapters.database.engine import name_of

    engine = _engine()
    click.echo(f"{name_of(engine)} stands at {downgraded(engine, step) or 'nothing'}.")


@db.command()
@root_option
@market_option
def publish(root: Path, market: str | None) -> None:
    """Publish what the newest snapshots say: predictions, outcomes, features, decisions; twice does no harm."""
    from finq_predictor.adapters.database.publish import publish as published
    from finq_predictor.adapters.snapshots.store import markets_with

    markets = [market] if market else markets_with(root, "predictions")
    if not markets:
        raise click.ClickException(
            f"There are no predictions of any of {', '.join(MARKETS)} below {root}; run `make run`."
        )
    engine = _engine()
    for each in markets:
        new = published(engine, root, each)
        click.echo(
            f"{each}: of {new.snapshot} {new.predictions:,} predictions, {new.outcomes:,} outcomes, "
            f"{new.feature_values:,} feature values and {new.audit_events:,} decisions are new."
        )


def _engine() -> Engine:
    from finq_predictor.adapters.credentials_file import read_credentials
    from finq_predictor.adapters.database.engine import connect

    return connect(read_credentials(Path.cwd()).get("database"))
