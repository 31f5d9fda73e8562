"""Commands about what is stored: which snapshots there are, whether they are whole, how to go back, and to share."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from finq_predictor.cli.options import market_option, root_option
from finq_predictor.cli.transfers import bytes_shown, store_at
from finq_predictor.domain.errors import SourceUnavailableError
from finq_predictor.domain.market.markets import MARKETS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from finq_predictor.adapters.object_store.store import ObjectStore
    from finq_predictor.adapters.snapshots.store import SnapshotStore

_one_market = click.option("--market", type=click.Choice(sorted(MARKETS)), required=True, help="Which market.")


@click.group()
def data() -> None:
    """Look after the stored data: list snapshots, check them, go back to one, push and pull them."""


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


@data.command()
@click.argument("datasets", nargs=-1, required=True)
@click.option(
    "--root", type=click.Path(path_type=Path), help="Folder of the data.  [default: that of the configuration]"
)
@click.option(
    "--env", envvar=["FINQ_KEDRO_ENV", "KEDRO_ENV"], default="local", show_default=True, help="Overlay of the runs."
)
@click.option("--params", envvar="FINQ_KEDRO_PARAMS", default="", help="Further --params of the runs.")
@click.option("--within", type=click.FloatRange(min=0), default=30.0, show_default=True, help="Minutes.")
def fresh(datasets: tuple[str, ...], root: Path | None, env: str, params: str, within: float) -> None:
    """Say whether DATASETS of bronze, such as fx.bronze_bars, came of late; ends with 3 where they did not."""
    from datetime import UTC, datetime, timedelta

    from finq_predictor.adapters.bronze.arrivals import not_fresh
    from finq_predictor.adapters.scheduling.definition import Programs, data_root

    place = root or data_root(Programs.of_environment().project, env, params)
    missing = not_fresh(place, datasets, timedelta(minutes=within), datetime.now(UTC))
    for one in missing:
        click.echo(one)
    if missing:
        sys.exit(3)
    click.echo(f"Fresh: {', '.join(datasets)}.")


_url = click.argument("url")
_replace = click.option("--replace", is_flag=True, help="Take the place of what the other side published by itself.")


@data.command()
@_url
@root_option
@market_option
@_replace
@click.option("--again", is_flag=True, help="Send every file anew, because some there are damaged.")
def push(url: str, root: Path, market: str | None, replace: bool, again: bool) -> None:
    """Give the newest snapshots to others, at URL such as s3://bucket/prefix; keys: see the how-to."""
    from finq_predictor.adapters.object_store.push import push as pushed

    there = store_at(url)
    for store in _stores(root, market):
        with bytes_shown(store.market) as shown:
            done = pushed(root, store.market, there, replace=replace, again=again, progress=shown)
        what = f"{done.sent:,} files sent" if done.new or done.sent else "nothing is new"
        click.echo(f"{store.market}: {there.address} gives out {done.id} ({what}).")


@data.command()
@_url
@root_option
@market_option
@_replace
@click.option("--id", "name", help="A snapshot that is stored there, instead of the newest; needs --market.")
@click.option("--every", type=click.FloatRange(min=1), help="Go on, and look again after so many seconds.")
def pull(url: str, root: Path, market: str | None, replace: bool, name: str | None, every: float | None) -> None:
    """Publish here what others gave out at URL; a service on this folder takes it over."""
    if name and not market:
        raise click.UsageError("A snapshot belongs to one market; give --market as well.")
    there = store_at(url)
    while True:
        try:
            _pull(root, market, there, name, replace=replace)
        except SourceUnavailableError as error:
            if every is None:
                raise
            click.echo(f"{error} Looked for again in {every:g} s.", err=True)
        if every is None:
            return
        time.sleep(every)


@data.command()
@_url
@click.option("--keep", type=click.IntRange(min=1), default=20, show_default=True, help="Snapshots of each market.")
def prune(url: str, keep: int) -> None:
    """Clear away old snapshots at URL, and files there that nothing needs any more."""
    from finq_predictor.adapters.object_store.prune import prune as pruned

    there = store_at(url)
    done = pruned(there, keep)
    click.echo(
        f"{there.address}: {done.snapshots} snapshots and {done.objects:,} files ({done.size / 1e6:.0f} MB) removed."
    )


def _pull(root: Path, market: str | None, there: ObjectStore, name: str | None, *, replace: bool) -> None:
    from finq_predictor.adapters.object_store.pull import pull as pulled
    from finq_predictor.adapters.object_store.snapshots import StoredSnapshots
    from finq_predictor.adapters.snapshots.store import SnapshotStore

    markets = [market] if market else [each for each in sorted(MARKETS) if StoredSnapshots(there, each).pointer().id]
    if not markets:
        raise click.ClickException(
            f"Nothing was pushed to {there.address} yet; push with: finq data push {there.address}"
        )
    for each in markets:
        before = SnapshotStore(root, each).newest()
        with bytes_shown(each) as shown:
            found = pulled(root, each, there, name=name, replace=replace, progress=shown)
        news = "is published" if found.id != before.id or not before.manifest.number else "is the newest here already"
        click.echo(f"{each}: {found.id} {news}, below {root}.")


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
