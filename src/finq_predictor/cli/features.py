"""Commands about features: their sets, what is in one, their machine code, and the store of their values."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from finq_predictor.cli import stored_features
from finq_predictor.cli.options import DEFAULT_ROOT, env_option, market_option
from finq_predictor.domain.market.markets import MARKETS

if TYPE_CHECKING:
    from finq_predictor.domain.features.sets import NamedSet
    from finq_predictor.domain.registry import Registry


@click.group()
def features() -> None:
    """Which features there are and in which sets, and the store that keeps their values."""


for _command in (stored_features.materialize, stored_features.get, stored_features.history, stored_features.feast):
    features.add_command(_command)


@features.command()
@market_option
@env_option
def sets(market: str | None, env: str | None) -> None:
    """List the sets by name: those of the product, and your own by the parameters of a market."""
    from finq_predictor.domain.features._registry import REGISTRY
    from finq_predictor.domain.features.sets import members_of

    for name in [market] if market else sorted(MARKETS):
        there = _sets(name, env)
        for each in there.values():
            members = members_of(each.name, there)
            count = sum(spec.suits(MARKETS[name]) and spec in members for spec in REGISTRY.values())
            source = f" {each.source}." if each.source else ""
            click.echo(f"{name}: {each.name:10} {count:4}  {each.description}{source}")


@features.command(name="list")
@click.option("--set", "wanted", default="house", show_default=True, help="Name of the set.")
@click.option("--market", type=click.Choice(sorted(MARKETS)), required=True, help="The market that would use it.")
@env_option
def list_(wanted: str, market: str, env: str | None) -> None:
    """List what is in a set, with the bars that decide each value and what has to be delivered."""
    from finq_predictor.domain.features._registry import REGISTRY
    from finq_predictor.domain.features.sets import members_of

    members = members_of(wanted, _sets(market, env))
    found = [spec for spec in REGISTRY.values() if spec.suits(MARKETS[market]) and spec in members]
    width = max((len(spec.name) for spec in found), default=0)
    for spec in found:
        click.echo(
            f"{spec.name:{width}} {spec.lookback:4}  {', '.join(spec.inputs) or 'the clock'}: {spec.description}"
        )


@features.command(name="compile")
def compile_() -> None:
    """Turn the functions behind features into machine code ahead of the first run, on all processors."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context
    from time import perf_counter

    from finq_predictor.domain.features.warming import compute_each

    start, count = perf_counter(), os.cpu_count() or 1
    # A library compiles one function at a time in a process, whatever its threads do.
    with ProcessPoolExecutor(count, mp_context=get_context("spawn")) as pool:
        done = sum(pool.map(compute_each, range(count), [count] * count))
    click.echo(f"what {done} features need is compiled, in {perf_counter() - start:.1f} s.")


def _sets(market: str, env: str | None) -> Registry[NamedSet]:
    from finq_predictor.pipelines.features.params import FeaturesParams
    from finq_predictor.replay.project import load_parameters, open_catalog

    given = load_parameters(open_catalog(Path.cwd(), DEFAULT_ROOT, env), MARKETS[market], FeaturesParams, "features")
    return given.known_sets()
