"""Commands about what the service has answered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from finq_predictor.cli.options import market_option, root_option, state_option

if TYPE_CHECKING:
    from finq_predictor.domain.evaluation.realised import Figure
    from finq_predictor.domain.evaluation.score_cards import ScoreCard

_MOMENT = click.DateTime(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"])


@click.group()
def served() -> None:
    """Keep what the service has answered, in a file below the data or at FINQ_STORE_URL."""


@served.command()
@root_option
@state_option
def drain(root: Path, state: Path | None) -> None:
    """Store what was recorded and is not stored yet, and what became of it, where no service does so."""
    import os

    from finq_predictor.serving.chores import Chores
    from finq_predictor.serving.keeper import Keeper, hold_keeping, open_store_of

    place = state or root
    lock = hold_keeping(place)
    if lock is None:
        raise click.ClickException(f"A service keeps {place} and stores all by itself.")
    try:
        keeper = Keeper(place, lambda: open_store_of(place), chores=Chores(root, state=place).run_once)
        standing = keeper.run_once()
    finally:
        os.close(lock)
    if standing.problem:
        raise click.ClickException(f"{standing.waiting:,} lines wait: {standing.problem}")
    told = f"{standing.kept:,} lines stored; {standing.spoilt:,} could not be read"
    click.echo(f"{told}; {standing.outcomes:,} outcomes are new.")


@served.command()
@root_option
@state_option
@click.option("--older-than", "days", type=click.IntRange(min=31), required=True, help="Days that are kept.")
@click.option("--users-older-than", "user_days", type=click.IntRange(min=31), help="Days who asked is kept.")
@click.confirmation_option(prompt="What is removed is lost. Go on?")
def prune(root: Path, state: Path | None, days: int, user_days: int | None) -> None:
    """Remove stored predictions, outcomes and feedback, by whole months."""
    from finq_predictor.serving.keeper import open_store_of

    store, now = open_store_of(state or root), datetime.now(UTC)
    store.open()
    done = store.prune(now - timedelta(days=days), now - timedelta(days=user_days or days))
    what = "months" if store.engine.dialect.name == "postgresql" else "rows"
    click.echo(", ".join(f"{name.replace('_', ' ')}: {count:,}" for name, count in done.items()) + f" ({what})")


@click.command("score-card")
@root_option
@state_option
@market_option
@click.option("--model", help="Only this model.")
@click.option("--since", type=_MOMENT, help="Only bars that closed then or later (UTC).")
@click.option("--as-of", type=_MOMENT, help="As it was known then (UTC).  [default: now]")
def score_card(
    root: Path,
    state: Path | None,
    market: str | None,
    model: str | None,
    since: datetime | None,
    as_of: datetime | None,
) -> None:
    """Show how right each served version of a model was, beside what was promised when it was promoted."""
    from finq_predictor.adapters.database.served_store import is_open, store_engine
    from finq_predictor.serving.score_cards import score_cards

    engine = store_engine(state or root)
    if not is_open(engine):
        raise click.ClickException(
            f"Nothing that was served is stored for {state or root}. Let a service answer, then run: finq served drain"
        )
    limits = {"since": _utc(since), "as_of": _utc(as_of)}
    cards = score_cards(engine, root, datetime.now(UTC), market=market, model=model, **limits).cards
    for card in cards:
        click.echo(_sentences(card))
    if not cards:
        click.echo("Nothing was said that can be judged.")


def _sentences(card: ScoreCard) -> str:
    found, heard = card.counts, card.feedback
    lines = [
        f"{card.market}: {card.model} version {card.version} ({card.arm}), {card.horizon} bars ahead, bars from "
        f"{card.first_bar} to {card.last_bar}",
        f"    said {found.said:,}: {found.matured:,} matured on {found.days:,} days, {found.waiting:,} waiting, "
        f"{found.abstained:,} abstained, {found.ties:,} ties, {found.known_before:,} known before",
        f"    feedback {heard.given:,}: {heard.agreeing:,} agree with the data, {heard.conflicting:,} conflict, "
        f"{heard.open:,} open",
        *([f"    {card.note}"] if card.note else [_sentence(figure) for figure in card.figures]),
    ]
    return "\n".join(lines)


def _sentence(figure: Figure) -> str:
    value = "not defined" if figure.value is None else f"{figure.value:.4f}"
    interval = "" if figure.low is None or figure.high is None else f" [{figure.low:.4f}, {figure.high:.4f}]"
    promised = "" if figure.promised is None else f", promised {figure.promised:.4f}"
    return f"    {figure.name:<18} {value}{interval}{promised}"


def _utc(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(tzinfo=UTC)
