"""Commands about the champion of a market: who it is and was, going back, approving, and checking the log of it all."""

from __future__ import annotations

import shlex
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from finq_predictor.cli.options import root_option
from finq_predictor.domain.market.markets import MARKETS

if TYPE_CHECKING:
    from finq_predictor.adapters.invocation import Invocation
    from finq_predictor.adapters.model_registry import ModelRegistry
    from finq_predictor.domain.promotion.log import LoggedModel, LogRecord

_market = click.argument("market", type=click.Choice(sorted(MARKETS)))
_DATE = click.DateTime(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])
_conf = click.option("--conf", type=click.Path(path_type=Path), default=Path("conf"), show_default=True)
_env = click.option("--env", help="Environment whose alarms.yml says who is told.  [default: local]")
_DAY = timedelta(days=1)


@click.command()
@_market
@root_option
@click.option("--at", type=_DATE, help="As it was then (UTC); a date alone is the end of that day.  [default: now]")
@click.option("--history", is_flag=True, help="Every decision instead of the champion.")
@click.option("--json", "as_json", is_flag=True, help="The records as JSON, one a line.")
def champion(market: str, root: Path, at: datetime | None, history: bool, as_json: bool) -> None:
    """Say who is the champion of MARKET, or was at a moment, since when and why, with figures and hashes."""
    from finq_predictor.adapters.promotion_log import PromotionLogFile
    from finq_predictor.adapters.typed_json import plain
    from finq_predictor.domain.promotion.log import canonical

    log = PromotionLogFile(root, market).read().until(_end_of(at))
    if not log.records:
        when = "yet" if at is None else f"by {at}"
        raise click.ClickException(f"Nothing was decided about {market} {when}, below {root}; run `make run`.")
    why = log.why_in_use()
    shown = log.records if history else tuple(filter(None, [why]))
    if as_json:
        for record in shown:
            click.echo(canonical(plain(record)))
        return
    if history:
        for record in log.records:
            click.echo(_line(record))
        return
    last = log.records[-1]
    if not last.in_use:
        click.echo(f"{market}: no model was in use.")
    elif why is None:
        click.echo(f"{market}: version {last.in_use} ({last.standing}) was in use before the log began.")
    else:
        _show(why, last.standing)
    if (waiting := log.waiting()) is not None:
        click.echo(f"Version {waiting.about} waits for an approval since {waiting.at}.")


@click.command()
@_market
@click.argument("version")
@root_option
@click.option("--by", required=True, help="Who decides: a name for the log.")
@click.option("--refuse", "refused", is_flag=True, help="Say no instead; --reason is then needed.")
@click.option("--reason", default="", help="Why, in your own words.")
@_conf
@_env
def approve(
    market: str, version: str, root: Path, by: str, refused: bool, reason: str, conf: Path, env: str | None
) -> None:
    """Put the candidate of MARKET with VERSION, which waits for an approval, into use; or refuse it."""
    from finq_predictor.adapters import champion_changes

    registry = _registry(root, market)
    if refused:
        record = champion_changes.refuse(registry, version, by=by, asked=_asked(), reason=reason)
    else:
        record = champion_changes.approve(registry, version, by=by, asked=_asked(), reason=reason)
    _told(record, conf, env)


@click.command()
@_market
@root_option
@click.option("--to", "version", help="Version of the registry.  [default: the champion before]")
@click.option("--reason", required=True, help="Why, in your own words.")
@_conf
@_env
def rollback(market: str, root: Path, version: str | None, reason: str, conf: Path, env: str | None) -> None:
    """Put a former champion of MARKET into use again; a service on this folder follows by itself."""
    from finq_predictor.adapters.champion_changes import roll_back

    _told(roll_back(_registry(root, market), version, reason=reason, asked=_asked()), conf, env)


@click.command("verify-log")
@click.argument("market", type=click.Choice(sorted(MARKETS)), required=False)
@root_option
@click.option("--anchor", "anchors", multiple=True, help="Hash of a record, such as from a printed report.")
@click.option("--begin-anew", "anew", is_flag=True, help="Set a broken log aside and begin one that says so.")
@click.option("--by", default="", help="Who has dealt with it.")
@click.option("--reason", default="", help="What was found and done.")
@_conf
@_env
def verify_log(
    market: str | None,
    root: Path,
    anchors: tuple[str, ...],
    anew: bool,
    by: str,
    reason: str,
    conf: Path,
    env: str | None,
) -> None:
    """Check the log of decisions of MARKET, or of all: the chain, and every hash of it that was noted elsewhere.

    Ends with 1 where it is broken. Nothing is repaired by itself: restore the file from a backup, or let a person
    begin anew.
    """
    from finq_predictor.adapters import champion_changes

    if anew:
        if market is None:
            raise click.UsageError("Say of which market the log begins anew.")
        registry = _registry(root, market)
        _told(champion_changes.begin_anew(registry, root, by=by, reason=reason, asked=_asked()), conf, env)
        return
    broken = False
    for name in [market] if market else sorted(MARKETS):
        found = champion_changes.verify(_registry(root, name), root, anchors)
        for problem in found.problems:
            click.echo(f"{name}: BROKEN. {problem}")
        for note in found.notes:
            click.echo(f"{name}: {note}")
        if not found.problems:
            head = f", the last one {found.head}" if found.head else ""
            click.echo(
                f"{name}: {found.records} records are whole{head}; {found.anchors} hashes noted elsewhere agree."
            )
        broken |= bool(found.problems)
    if broken:
        click.echo("What to do: docs/runbooks/broken-promotion-log.md", err=True)
        sys.exit(1)


def _registry(root: Path, market: str) -> ModelRegistry:
    from finq_predictor.adapters.layout import Layout
    from finq_predictor.adapters.model_registry import ModelRegistry
    from finq_predictor.adapters.tracking import tracking_uri_of

    layout = Layout(root)
    return ModelRegistry(market, tracking_uri_of(layout), layout.artifacts, layout.champion(market))


def _asked() -> Invocation:
    """Who typed this command, and which it was."""
    from finq_predictor.adapters.invocation import Invocation, current_user

    return Invocation(user=current_user(), typed=shlex.join(["finq", *sys.argv[1:]]))


def _end_of(at: datetime | None) -> datetime | None:
    """A moment in UTC; of a date alone the last one of that day."""
    if at is None:
        return None
    moment = at.replace(tzinfo=UTC)
    return moment + _DAY - timedelta(microseconds=1) if moment.time() == datetime.min.time() else moment


def _told(record: LogRecord, conf: Path, env: str | None) -> None:
    """Say what was done, and tell whom it concerns."""
    from finq_predictor.adapters.alarms.decisions import in_words, tell_by_configuration

    for line in in_words(record):
        click.echo(line)
    tell_by_configuration(record, conf, env)


def _line(record: LogRecord) -> str:
    who = f"{record.by} ({record.approver})" if record.approver else record.by
    model = f"{record.candidate.model} " if record.candidate else ""
    version = f"version {record.about} " if record.about else ""
    use = f"in use {record.in_use} {record.standing}" if record.in_use else "none in use"
    return (
        f"{record.number:4d}  {record.at[:19]}  {record.act:<17}  {model}{version}by {who}; {use}  {record.hash[:16]}"
    )


def _show(record: LogRecord, standing: str) -> None:
    assert record.candidate is not None
    click.echo(
        f"{record.market}: version {record.about} ({record.candidate.model}), {standing}, since {record.at}, by "
        f"{record.act}."
    )
    for title, text in (
        ("why", record.reason),
        ("asked by", record.by + (f", {record.approver} decided" if record.approver else "")),
        ("command", record.run),
        ("data up to", record.decided_as_of),
    ):
        if text:
            click.echo(f"  {title:<12} {text}")
    _figures("figures", record.candidate)
    if record.champion is not None:
        _figures(f"before: {record.champion.version}", record.champion)
    for check in record.checks:
        verdict = "passed" if check.passed else "FAILED" if check.gating else "reported"
        value = "" if check.value is None else f" {check.value:.6g}"
        limit = "" if check.threshold is None else f" (limit {check.threshold:.6g})"
        click.echo(f"  {'check':<12} {check.name}: {verdict}{value}{limit}")
    hashes = {
        "model": record.candidate.model_hash,
        "data": record.data_hash,
        "features": record.feature_set_hash,
        "code": record.code_hash,
        "commit": record.git_commit,
        "seed": "" if record.seed is None else str(record.seed),
        "run": record.run_id,
        "trials": "" if record.judged is None else str(record.judged),
        "record": f"{record.number} {record.hash}",
    }
    for name, value in hashes.items():
        if value:
            click.echo(f"  {name:<12} {value}")


def _figures(title: str, model: LoggedModel) -> None:
    if model.figures:
        said = ", ".join(f"{name} {value:.4g}" for name, value in model.figures.items())
        click.echo(f"  {title:<12} {said}")
