"""Commands about what the service has answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from finq_predictor.cli.options import root_option


@click.group()
def served() -> None:
    """Keep what the service has answered, in a file below the data or at FINQ_STORE_URL."""


@served.command()
@root_option
def drain(root: Path) -> None:
    """Store what was recorded and is not stored yet, and what became of it, where no service does so."""
    import os

    from finq_predictor.serving.keeper import Keeper, hold_keeping, open_store_of

    lock = hold_keeping(root)
    if lock is None:
        raise click.ClickException(f"A service keeps {root} and stores all by itself.")
    try:
        keeper = Keeper(root, lambda: open_store_of(root))
        standing = keeper.run_once()
    finally:
        os.close(lock)
    if standing.problem:
        raise click.ClickException(f"{standing.waiting:,} lines wait: {standing.problem}")
    click.echo(f"{standing.kept:,} lines stored; {standing.spoilt:,} could not be read.")


@served.command()
@root_option
@click.option("--older-than", "days", type=click.IntRange(min=31), required=True, help="Days that are kept.")
@click.option("--users-older-than", "user_days", type=click.IntRange(min=31), help="Days who asked is kept.")
@click.confirmation_option(prompt="What is removed is lost. Go on?")
def prune(root: Path, days: int, user_days: int | None) -> None:
    """Remove stored predictions, outcomes and feedback, by whole months."""
    from finq_predictor.serving.keeper import open_store_of

    store, now = open_store_of(root), datetime.now(UTC)
    store.open()
    done = store.prune(now - timedelta(days=days), now - timedelta(days=user_days or days))
    what = "months" if store.engine.dialect.name == "postgresql" else "rows"
    click.echo(", ".join(f"{name.replace('_', ' ')}: {count:,}" for name, count in done.items()) + f" ({what})")
