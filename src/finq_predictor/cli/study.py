"""The command that runs all families of models over horizons, seeds and ways of dividing the rows."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import click

from finq_predictor.cli.options import env_option, root_option
from finq_predictor.domain.market.markets import MARKETS

_KINDS = ("expanding", "rolling", "combinatorial")


@click.command()
@click.argument("market", type=click.Choice(sorted(MARKETS)))
@root_option
@env_option
@click.option("--horizons", help="Horizons in bars, such as 1,5,20.  [default: as configured]")
@click.option("--seeds", type=click.IntRange(min=1), help="Seeds, counted from the configured one.  [default: 5]")
@click.option("--protocol", type=click.Choice(_KINDS), help="How rows are divided.  [default: expanding]")
@click.option("--window-bars", type=click.IntRange(min=1), help="Window of a rolling protocol, in bars.")
@click.option("--window-years", type=click.FloatRange(min=0, min_open=True), help="Or in years.")
@click.option("--groups", type=click.IntRange(min=2), help="Groups of a combinatorial protocol.  [default: 6]")
@click.option("--test-groups", type=click.IntRange(min=1), help="Groups tested at a time.  [default: 2]")
def study(
    market: str, root: Path, env: str | None, horizons: str | None, seeds: int | None, protocol: str | None, **told: Any
) -> None:
    """Run all families of models of MARKET over horizons and seeds, and write one table and a page.

    What is finished is kept, piece by piece: a study that was killed goes on, and ends with the same bits. Every
    configuration is entered in the ledger of trials. Nothing is promoted by it.
    """
    from datetime import UTC, datetime

    from finq_predictor.adapters.invocation import current_user
    from finq_predictor.adapters.snapshots.writer import one_snapshot
    from finq_predictor.replay.project import open_catalog
    from finq_predictor.study.project import Asked, load_material, study_market

    changes: dict[str, Any] = {} if seeds is None else {"seeds": seeds}
    if horizons is not None:
        changes["horizons"] = _numbers(horizons)
    named = {"window_bars": "window_bars", "window_years": "window_years"}
    named |= {"groups": "n_groups", "test_groups": "n_test_groups"}
    divided = {named[name]: value for name, value in told.items() if value is not None}
    catalog = open_catalog(Path.cwd(), root, env)
    asked = Asked(datetime.now(UTC).isoformat(), current_user(), shlex.join(["finq", *sys.argv[1:]]))
    with one_snapshot(root, market):
        material = load_material(catalog, MARKETS[market], changes, protocol, divided)
        found, page = study_market(catalog, root, material, asked, click.echo)
    click.echo(f"{found.made} pieces made, {found.known} were there; {page}")


def _numbers(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise click.BadParameter(
            f"{text!r}; give whole numbers of bars, such as 1,5,20.", param_hint="--horizons"
        ) from None
