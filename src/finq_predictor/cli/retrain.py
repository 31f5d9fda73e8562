"""The command by which a person asks for another training, and sees what became of requests."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path

import click

from finq_predictor.cli.options import market_option
from finq_predictor.domain.market.markets import MARKETS


@click.command()
@click.option(
    "--root", type=click.Path(path_type=Path), help="Folder of the data.  [default: that of the configuration]"
)
@market_option
@click.option("--why", help="Ask for a training, for this reason.")
@click.option("--list", "listed", is_flag=True, help="Show what was asked for and what became of it.")
@click.option(
    "--open", "opened", is_flag=True, help="Say which request of --market is open; ends with 3 where none is."
)
def retrain(root: Path | None, market: str | None, why: str | None, listed: bool, opened: bool) -> None:
    """Ask for another training of a market; the next one takes the request, and a scheduler starts it early."""
    if [listed, opened, why is not None].count(True) != 1:
        raise click.UsageError("Give either --market and --why, --market and --open, or --list.")
    place = _folder(root)
    if listed:
        _show(place, market)
        return
    if market is None:
        raise click.UsageError(f"Give --market, one of {', '.join(sorted(MARKETS))}.")
    if opened:
        _say_open(place, market)
    else:
        _ask(place, market, why or "")


def _folder(root: Path | None) -> Path:
    """That of the data, where nobody names it: that of the runs of a scheduler, which its variables say."""
    if root is not None:
        return root
    from finq_predictor.adapters.scheduling.definition import Programs, data_root

    programs = Programs.of_environment()
    return data_root(programs.project, programs.environment, programs.params)


def _say_open(root: Path, market: str) -> None:
    from finq_predictor.adapters.retraining import open_requests

    found = open_requests(root).get(market)
    if found is None:
        click.echo(f"No request for a training of {market} is open.")
        sys.exit(3)
    click.echo(found)


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
