"""Commands that copy a whole folder of data, and make one of a copy."""

from __future__ import annotations

import sys
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import click

from finq_predictor.cli.options import root_option

if TYPE_CHECKING:
    from finq_predictor.adapters.backup import Inventory

_folder = click.Path(path_type=Path, file_okay=False)


@click.command()
@root_option
@click.argument("target", type=_folder)
def backup(root: Path, target: Path) -> None:
    """Copy the folder of the data into TARGET as one state, with hashes, while runs and the service go on."""
    from finq_predictor.adapters.backup import back_up

    with click.progressbar(count(), label="files", file=sys.stderr) as bar:
        found = back_up(root, target, lambda: bar.update(1))
    click.echo(f"{_said(found)} copied from {root} to {target}.")


@click.command()
@root_option
@click.argument("source", type=_folder)
def restore(root: Path, source: Path) -> None:
    """Make the folder of the data of the backup in SOURCE; it must be empty or not there yet."""
    from finq_predictor.adapters.backup import read_inventory
    from finq_predictor.adapters.backup import restore as restored

    with click.progressbar(length=len(read_inventory(source).files), label="files", file=sys.stderr) as bar:
        found = restored(source, root, lambda: bar.update(1))
    click.echo(f"{_said(found)} restored to {root}, as of {found.made_at}.")


def _said(found: Inventory) -> str:
    newest = ", ".join(f"{market} {name}" for market, name in found.snapshots.items())
    return f"{len(found.files):,} files ({found.size / 1e6:.0f} MB; {newest})"
