"""Commands that copy a whole folder of data, and make one of a copy."""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import click

from finq_predictor.cli.options import root_option
from finq_predictor.cli.transfers import bytes_shown, store_at

if TYPE_CHECKING:
    from finq_predictor.adapters.backup import Inventory


@click.command()
@root_option
@click.option(
    "--with-secrets",
    is_flag=True,
    help="Take keys along too: what signs tokens, and what divides callers among challengers.",
)
@click.argument("target")
def backup(root: Path, target: str, with_secrets: bool) -> None:
    """Copy the folder of the data into TARGET as one state, with hashes, while runs and the service go on.

    TARGET is a folder, or s3://bucket/prefix/NAME. Accounts come along as hashes; keys only where you say so. Where the
    service writes into a folder of its own (FINQ_STATE_ROOT), back that one up as well: --root names it.
    """
    from finq_predictor.adapters.backup import secrets_of
    from finq_predictor.adapters.object_store.address import is_url

    if is_url(target):
        from finq_predictor.adapters.object_store.backups import store_and_name, store_backup

        address, name = store_and_name(target)
        with bytes_shown("backup") as shown:
            found = store_backup(root, store_at(address), name, shown, secrets=with_secrets)
    else:
        found = _to_folder(root, Path(target), with_secrets)
    click.echo(f"{_said(found)} copied from {root} to {target}.")
    keys = ", ".join(path.relative_to(root).as_posix() for path in secrets_of(root))
    if keys and with_secrets:
        click.echo(f"It holds keys: {keys}. Keep it where nobody else can read it.", err=True)
    elif keys:
        click.echo(
            f"It holds no keys, and {keys} were left out. Keep them elsewhere, or say --with-secrets. Without them a "
            "restored service takes `finq auth rotate-secret`, after which everybody signs in again (keys of accounts "
            "go on to be good), and callers whom an experiment divides get new places.",
            err=True,
        )


@click.command()
@root_option
@click.argument("source")
def restore(root: Path, source: str) -> None:
    """Make the folder of the data of the backup in SOURCE, a folder or URL; it must be empty or not there yet."""
    from finq_predictor.adapters.object_store.address import is_url

    if is_url(source):
        from finq_predictor.adapters.object_store.backups import restore_stored, store_and_name

        address, name = store_and_name(source)
        with bytes_shown("restore") as shown:
            found = restore_stored(store_at(address), name, root, shown)
    else:
        found = _of_folder(Path(source), root)
    click.echo(f"{_said(found)} restored to {root}, as of {found.made_at}.")


def _to_folder(root: Path, target: Path, secrets: bool) -> Inventory:
    from finq_predictor.adapters.backup import back_up

    with click.progressbar(count(), label="files", file=sys.stderr) as bar:
        return back_up(root, target, lambda: bar.update(1), secrets=secrets)


def _of_folder(source: Path, root: Path) -> Inventory:
    from finq_predictor.adapters.backup import read_inventory, restore

    with click.progressbar(length=len(read_inventory(source).files), label="files", file=sys.stderr) as bar:
        return restore(source, root, lambda: bar.update(1))


def _said(found: Inventory) -> str:
    newest = ", ".join(f"{market} {name}" for market, name in found.snapshots.items())
    return f"{len(found.files):,} files ({found.size / 1e6:.0f} MB; {newest})"
