"""The command by which a person asks for another training, and sees what became of requests."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from finq_predictor.cli.options import market_option, root_option
from finq_predictor.domain.market.markets import MARKETS


@click.command()
@root_option
@market_option
@click.option("--why", help="Ask for a training, for this reason.")
@click.option("--list", "listed", is_flag=True, help="Show what was asked for and what became of it.")
def retrain(root: Path, market: str | None, why: str | None, listed: bool) -> None:
    """Ask for another training of a market; the next one takes the request, and `finq schedule` starts it early."""
    if listed == (why is not None):
        raise click.UsageError("Give either --market and --why, or --list.")
    if listed:
        _show(root, market)
        return
    if market is None:
        raise click.UsageError(f"Give --market, one of {', '.join(sorted(MARKETS))}.")
    _ask(root, market, why or "")


def _ask(root: Path, market: str, why: str) -> None:
    from finq_predictor.adapters.invocation import current_user
    from finq_predictor.adapters.retraining import RetrainLog, own_reason
    from finq_predictor.domain.monitoring.retraining import Reason, ReasonKind

    log = RetrainLog(root, market)
    reason = Reason(ReasonKind.ASKED, own_reason(why))
    asked = log.ask([reason], current_user(), now=datetime.now(UTC))
    if asked is not None:
        click.echo(f"Asked for: {asked.request}. The next training of {market} takes it.")
        return
    waiting = log.open_request()
    if waiting is None:
        raise click.ClickException(
            f"A training of {market} is under way for the last request; see finq retrain --list."
        )
    raise click.ClickException(f"A request is open already: {waiting.request}, {waiting.why}.")


def _show(root: Path, market: str | None) -> None:
    from finq_predictor.adapters.retraining import RetrainLog

    told = False
    for name in [market] if market else sorted(MARKETS):
        for entry in RetrainLog(root, name).entries():
            told = True
            about = entry.why or entry.note
            request = entry.request or f"{name}, nobody asked"
            click.echo(f"{entry.at}  {entry.event:<10}  {request}  by {entry.by}" + (f": {about}" if about else ""))
    if not told:
        click.echo("Nothing was asked for.")
