"""Commands about models that are tried beside a champion, and what came of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from finq_predictor.cli.options import root_option, state_option
from finq_predictor.domain.market.markets import MARKETS

if TYPE_CHECKING:
    from finq_predictor.adapters.challengers import Challenger
    from finq_predictor.domain.modelling.bundle import ModelBundle

_one_market = click.option("--market", type=click.Choice(sorted(MARKETS)), required=True, help="Whose champion.")
_mode = click.option(
    "--mode",
    type=click.Choice(["shadow", "ab"]),
    default="shadow",
    show_default=True,
    help="Only recorded, or answering a share of the callers.",
)
_step = click.option(
    "--step",
    "steps",
    multiple=True,
    metavar="TIME=SHARE",
    help="From when on it answers which share; in order of time.",
)


@click.group()
def challenger() -> None:
    """Try models beside the champion of a market."""


@challenger.command()
@root_option
@_one_market
@click.option("--version", help="A version of the registry.")
@click.option("--bundle", type=click.Path(path_type=Path, file_okay=False), help="Folder of a bundle.")
@click.option("--name", help="Of the challenger.  [default: model and version]")
@click.option("--experiment", help="Callers are divided anew under another name.  [default: that of the challenger]")
@_mode
@_step
def add(
    root: Path,
    market: str,
    version: str | None,
    bundle: Path | None,
    name: str | None,
    experiment: str | None,
    mode: str,
    steps: tuple[str, ...],
) -> None:
    """Try a version of the registry, or a bundle such as a candidate of a run."""
    from finq_predictor.adapters.bundle_store import load_bundle
    from finq_predictor.adapters.challengers import Mode, add_challenger, step_of

    if (version is None) == (bundle is None):
        raise click.UsageError("Give either --version or --bundle.")
    model = _registered(root, market, version) if version is not None else load_bundle(str(bundle))
    found = add_challenger(
        root,
        market,
        model,
        name=name,
        experiment=experiment,
        mode=Mode(mode),
        steps=tuple(map(step_of, steps)),
    )
    click.echo(f"{market}: {_sentence(found)}")


@challenger.command("list")
@root_option
@_one_market
def list_(root: Path, market: str) -> None:
    """Show what is tried."""
    from finq_predictor.adapters.challengers import read_experiment

    found = read_experiment(root, market).challengers
    for one in found:
        click.echo(_sentence(one))
    if not found:
        click.echo(f"Nothing is tried in {market}.")


@challenger.command()
@root_option
@_one_market
@click.argument("name")
@_mode
@_step
def change(root: Path, market: str, name: str, mode: str, steps: tuple[str, ...]) -> None:
    """Say anew what the challenger NAME does; steps of the roll-out are added to those before."""
    from finq_predictor.adapters.challengers import Mode, change_challenger, step_of

    found = change_challenger(root, market, name, Mode(mode), tuple(map(step_of, steps)))
    click.echo(f"{market}: {_sentence(found)}")


@challenger.command()
@root_option
@_one_market
@click.argument("name")
def remove(root: Path, market: str, name: str) -> None:
    """Try the challenger NAME no longer; what it said stays in the store."""
    from finq_predictor.adapters.challengers import remove_challenger

    remove_challenger(root, market, name)
    click.echo(f"{market}: {name} is not tried any more.")


@click.group()
def experiment() -> None:
    """Find out what came of trying challengers."""


@experiment.command()
@root_option
@state_option
@_one_market
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def report(root: Path, state: Path | None, market: str, as_json: bool) -> None:
    """Compare each challenger with the champion on what both said and what became of it, and keep the result."""
    from finq_predictor.adapters.database.served_store import is_open, store_engine
    from finq_predictor.adapters.live_trials import write_report
    from finq_predictor.adapters.typed_json import to_json
    from finq_predictor.serving.experiment_report import report_experiment, table_of

    engine = store_engine(state or root)
    if not is_open(engine):
        raise click.ClickException(
            f"Nothing that was served is stored for {state or root}. Let a service answer, then run: finq served drain"
        )
    found = report_experiment(engine, root, market, datetime.now(UTC))
    write_report(state or root, found)
    click.echo(to_json(found) if as_json else table_of(found))


def _registered(root: Path, market: str, version: str) -> ModelBundle:
    from finq_predictor.adapters.layout import Layout
    from finq_predictor.adapters.model_registry import ModelRegistry
    from finq_predictor.adapters.tracking import tracking_uri_of

    layout = Layout(root)
    registry = ModelRegistry(market, tracking_uri_of(layout), layout.artifacts, layout.champion(market))
    return registry.load_version(version)


def _sentence(one: Challenger) -> str:
    steps = "".join(f", {step.share:g} from {step.since}" for step in one.steps)
    return f"{one.name}: {one.model} version {one.version}, {one.mode} in {one.experiment}{steps}"
