"""Commands about what is stored: which snapshots there are, whether they are whole, and how to go back."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from finq_predictor.cli.options import market_option, root_option
from finq_predictor.domain.market.markets import MARKETS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from finq_predictor.adapters.snapshots.store import SnapshotStore

_one_market = click.option("--market", type=click.Choice(sorted(MARKETS)), required=True, help="Which market.")


@click.group()
def data() -> None:
    """Look after the stored data: list snapshots, check them, go back to one."""


@data.command()
@root_option
@market_option
def versions(root: Path, market: str | None) -> None:
    """List the snapshots that are kept, the newest last, and what is new in each."""
    for store in _stores(root, market):
        newest, before = store.newest().id, dict[str, str]()
        for name in store.ids():
            manifest = store.open(name).manifest
            held = {each: entry.content for each, entry in manifest.entries.items()}
            new = [each for each, content in held.items() if before.get(each) != content]
            what = f"as {manifest.rolled_back_to}" if manifest.rolled_back_to else _shortly(new)
            mark = "*" if name == newest else " "
            click.echo(f"{mark} {store.market:7s} {name}  {manifest.published_at[:19]}  {what}")
            before = held


@data.command()
@root_option
@market_option
@click.option("--every", is_flag=True, help="Every snapshot that is kept instead of the newest.")
def verify(root: Path, market: str | None, every: bool) -> None:
    """Compare every stored file with the hash it was stored under; one that is gone or damaged fails.

    What is older than that which it was made from is told as well, and is no failure.
    """
    bad = False
    for store in _stores(root, market):
        ids = store.ids() if every else [store.newest().id]
        for name in ids:
            snapshot = store.open(name)
            found = snapshot.damaged()
            bad |= bool(found)
            for dataset, what in found.items():
                click.echo(f"{store.market} {name}: {dataset}: {what}")
            if not found:
                click.echo(f"{store.market} {name}: all {len(snapshot.manifest.entries)} datasets are whole")
            for behind in filter(None, map(snapshot.behind, snapshot.manifest.entries)):
                click.echo(f"{store.market} {name}: {behind}")
    if bad:
        sys.exit(1)


@data.command()
@root_option
@_one_market
@click.option("--to", "name", required=True, help="Id of a snapshot, or its number.")
def rollback(root: Path, market: str, name: str) -> None:
    """Publish again what an older snapshot holds; the champion stays, which has a rollback of its own."""
    from finq_predictor.adapters.snapshots.manifest import CHAMPION

    (store,) = _stores(root, market)
    newest = store.newest()
    kept = {each: newest.manifest.entries[each] for each in (CHAMPION,) if newest.has(each)}
    found = store.open(name)
    if damage := found.damaged():
        raise click.ClickException(f"{found.id} is not whole: {'; '.join(damage.values())}. Take another one.")
    by = shlex.join(["finq", "data", "rollback", "--market", market, "--to", name])
    back = store.roll_back(found.id, by, kept)
    click.echo(f"{market}: {back.id} is published, with the data of {found.id}; it was {newest.id}.")


@data.command()
@root_option
@_one_market
@click.argument("dataset")
def path(root: Path, market: str, dataset: str) -> None:
    """Say where the newest version of DATASET lies, such as silver_bars or gold."""
    from finq_predictor.adapters.layout import Layout
    from finq_predictor.adapters.snapshots.store import path_of

    # An unknown name is an error of its own, with the nearest ones.
    Layout(root).place(market, dataset)
    click.echo(path_of(root, market, dataset))


@data.command()
@root_option
@market_option
def docs(root: Path, market: str | None) -> None:
    """Write the Data Docs: what is stored beside what is declared about it, and what the gates found."""
    from finq_predictor.adapters.quality.data_docs import write_data_docs

    for store in _stores(root, market):
        click.echo(f"{store.market}: {write_data_docs(root, store.market)}")


def _stores(root: Path, market: str | None) -> Iterator[SnapshotStore]:
    from finq_predictor.adapters.snapshots.store import SnapshotStore

    stores = [SnapshotStore(root, name) for name in ([market] if market else sorted(MARKETS))]
    there = [store for store in stores if store.pointer.exists()]
    if not there:
        raise click.ClickException(f"Nothing was published below {root}; run `make run` or give --root.")
    return iter(there)


def _shortly(names: list[str]) -> str:
    shown = ", ".join(names[:6])
    return shown + (f" and {len(names) - 6} more" if len(names) > 6 else "")
