"""Commands that copy what is ours, by hand and by schedule, and make it of a copy."""

from __future__ import annotations

import sys
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from finq_predictor.cli.options import root_option, state_option
from finq_predictor.cli.transfers import bytes_shown, store_at

if TYPE_CHECKING:
    from finq_predictor.adapters.archives.gathering import Ours, Places
    from finq_predictor.adapters.backup import Inventory

_KEPT_DAYS, _KEPT_WEEKS_DAYS = 30, 366
_TO = "to"


class _ToAPlace(click.Group):
    """A group whose first word may also be a place: then it is backed up to there."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the name of that command before what is none, lest its options be taken for those of the group."""
        return super().parse_args(ctx, self._named(args))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that words ask for."""
        return super().resolve_command(ctx, self._named(args))

    def _named(self, args: list[str]) -> list[str]:
        return [_TO, *args] if args and args[0] not in self.commands and args[0] != "--help" else args


@click.group(cls=_ToAPlace)
def backup() -> None:
    """Copy everything that is ours: by hand with `finq backup TARGET`, and by schedule.

    TARGET is a folder, or s3://bucket/prefix/NAME; see `finq backup to --help`.
    """


_secrets_option = click.option(
    "--with-secrets",
    is_flag=True,
    help="Take keys along too: what signs tokens, and what divides callers among challengers.",
)
_place_option = click.option(
    "--place",
    envvar="FINQ_BACKUPS",
    type=click.Path(path_type=Path),
    help="Folder of the daily backups, or FINQ_BACKUPS.  [default: backups, beside the folder of the data]",
)
_scheduled_root_option = click.option(
    "--root", type=click.Path(path_type=Path), help="Folder of the data.  [default: that of the configuration]"
)


@backup.command(_TO)
@root_option
@_secrets_option
@click.argument("target")
def to(root: Path, target: str, with_secrets: bool) -> None:
    """Copy the folder of the data into TARGET as one state, with hashes, while runs and the service go on.

    TARGET is a folder, or s3://bucket/prefix/NAME. Accounts come along as hashes; keys only where you say so. Where the
    service writes into a folder of its own (FINQ_STATE_ROOT), back that one up as well: --root names it. Databases on a
    server, configuration and both folders at once come with `finq backup daily`.
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


@backup.command()
@_scheduled_root_option
@state_option
@_place_option
@click.option(
    "--keep-days", type=click.IntRange(min=1), default=_KEPT_DAYS, show_default=True, help="Days that backups stay."
)
@_secrets_option
def daily(root: Path | None, state: Path | None, place: Path | None, keep_days: int, with_secrets: bool) -> None:
    """Make a compressed backup of everything: data, what was served, accounts, databases, configuration.

    It is compared with what was written before it counts; then those are removed that are too old, but never the newest
    good one, nor anything that this command did not write.
    """
    from finq_predictor.adapters.archives.archive import clear_old, make_archive
    from finq_predictor.adapters.archives.figures import Kind, tell_backup
    from finq_predictor.adapters.archives.gathering import gather

    ours = _ours(root, state, with_secrets)
    folder, now = _place(place, ours), datetime.now(UTC)
    made = make_archive(folder, now, lambda target: gather(ours, target))
    tell_backup(_metrics(ours), Kind.DAILY, made.made_at, made.note.archive.size)
    click.echo(
        f"{made.note.files:,} files ({made.note.size / 1e6:.0f} MB) are in {made.folder}, compressed to "
        f"{made.note.archive.size / 1e6:.0f} MB."
    )
    cleared = clear_old(folder, timedelta(days=keep_days), now)
    for name in cleared.removed:
        click.echo(f"removed {name}, older than {keep_days} days")
    for wrong in cleared.damaged:
        click.echo(f"damaged {wrong}", err=True)


@backup.command()
@click.argument("url", envvar="FINQ_BACKUP_URL", default="")
@_scheduled_root_option
@state_option
@click.option(
    "--keep-days",
    type=click.IntRange(min=1),
    default=_KEPT_WEEKS_DAYS,
    show_default=True,
    help="Days that versions stay.",
)
@_secrets_option
def weekly(url: str, root: Path | None, state: Path | None, keep_days: int, with_secrets: bool) -> None:
    """Store everything in an object store as another version, at URL such as s3://bucket/prefix, or FINQ_BACKUP_URL.

    Files that are there already are not sent again. Without a place nothing is done, and said so.
    """
    from finq_predictor.adapters.archives.figures import Kind, tell_backup
    from finq_predictor.adapters.archives.gathering import gather
    from finq_predictor.adapters.archives.stored import clear_old_versions, store_version

    if not url:
        click.echo("FINQ_BACKUP_URL names no place, such as s3://bucket/prefix: nothing leaves this machine.", err=True)
        return
    ours, store, now = _ours(root, state, with_secrets), store_at(url), datetime.now(UTC)
    with bytes_shown("backup") as shown:
        made = store_version(ours.root, store, now, lambda target: gather(ours, target), shown)
    tell_backup(_metrics(ours), Kind.WEEKLY, made.made_at, made.inventory.size)
    click.echo(f"{_said(made.inventory)} stored as {store.address}/{made.name}.")
    for name in clear_old_versions(store, timedelta(days=keep_days), now):
        click.echo(f"removed {name}, older than {keep_days} days")


@backup.command("list")
@_scheduled_root_option
@_place_option
@click.option("--url", help="Place in an object store, in place of a folder.")
def list_backups(root: Path | None, place: Path | None, url: str | None) -> None:
    """List the backups by schedule, the newest last, each compared with its checksum; one that is damaged fails."""
    from finq_predictor.adapters.archives.archive import archives_in
    from finq_predictor.adapters.archives.stored import versions_in

    if url is not None:
        for version in versions_in(store_at(url)):
            click.echo(f"{version.name}  {_said(version.inventory)}")
        return
    wrong = 0
    for one in archives_in(_place(place, _ours(root, None, False))):
        damage = one.damage()
        wrong += damage is not None
        click.echo(f"{one.note.name}  {one.note.archive.size / 1e6:8.1f} MB  {damage or 'good'}")
    if wrong:
        raise click.ClickException(f"{wrong} damaged; look at the disk, and run: finq backup daily")


@backup.command()
@_scheduled_root_option
@state_option
@_place_option
@click.option("--url", help="Take the newest version at this place of an object store.")
@click.option("--database", help="Address of an empty database for the dumps.  [default: new ones on the server]")
def drill(root: Path | None, state: Path | None, place: Path | None, url: str | None, database: str | None) -> None:
    """Restore the newest good backup into an empty folder and database, verify it, ask it, and remove it again.

    It says how old the backup is and how long each step took.
    """
    from finq_predictor.adapters.archives.databases import databases
    from finq_predictor.adapters.archives.drill import drill as drilled
    from finq_predictor.adapters.archives.drill import scratch_databases
    from finq_predictor.adapters.archives.figures import tell_drill
    from finq_predictor.serving.restored import ask_restored

    ours = _ours(root, state, False)
    name, made_at, opening = _newest(url, _place(place, ours), ours.root)
    age = datetime.now(UTC) - made_at
    with scratch_databases(databases(), ours.root, database) as scratch:
        done = drilled(opening, ours.root, scratch, ask_restored)
    tell_drill(_metrics(ours), datetime.now(UTC), done.total)
    click.echo(
        f"{name}, made {made_at.isoformat()}, {age / timedelta(hours=1):.1f} hours ago, was restored and answers."
    )
    for line in done.found:
        click.echo(f"    {line}")
    steps = ", ".join(f"{step} {seconds:.1f} s" for step, seconds in done.seconds.items())
    click.echo(f"It took {done.total:.1f} s: {steps}.")


@click.command()
@root_option
@state_option
@click.option(
    "--conf", type=click.Path(path_type=Path), help="Folder that takes the configuration; none is restored without."
)
@click.option("--no-databases", is_flag=True, help="Restore no database, though the backup holds some.")
@click.argument("source")
def restore(root: Path, state: Path | None, conf: Path | None, no_databases: bool, source: str) -> None:
    """Make everything of the backup in SOURCE, a folder or URL; no place may hold anything yet.

    Dumps of databases go into the empty ones that FINQ_STORE_URL and FINQ_ACCESS_URL, or DATABASE_URL, name.
    """
    from finq_predictor.adapters.archives.archive import NOTE, read_archive, unpacked
    from finq_predictor.adapters.object_store.address import is_url

    def places() -> Places:
        from finq_predictor.adapters.archives.databases import databases
        from finq_predictor.adapters.archives.gathering import Places

        return Places(root, state, conf, None if no_databases else databases())

    if is_url(source):
        found = _of_url(source, root, places)
    elif (Path(source) / NOTE).is_file():
        from finq_predictor.adapters.archives.gathering import restore_gathered

        with unpacked(read_archive(Path(source)), root) as opened:
            found = restore_gathered(opened, places())
    else:
        found = _of_folder(Path(source), root)
    click.echo(f"{_said(found)} restored to {root}, as of {found.made_at}.")


def _of_url(source: str, root: Path, places: Any) -> Inventory:
    from finq_predictor.adapters.archives.gathering import is_gathered, restore_gathered
    from finq_predictor.adapters.archives.stored import fetched
    from finq_predictor.adapters.object_store.backups import (
        inventory_name,
        read_stored,
        restore_stored,
        store_and_name,
    )

    address, name = store_and_name(source)
    store = store_at(address)
    with bytes_shown("restore") as shown:
        inventory = read_stored(store, inventory_name(name))
        if not is_gathered(inventory):
            return restore_stored(store, name, root, shown)
        with fetched(store, inventory, root, shown) as opened:
            return restore_gathered(opened, places())


def _newest(url: str | None, place: Path, root: Path) -> tuple[str, datetime, Any]:
    """Name and time of the newest good backup, and what opens it."""
    from finq_predictor.adapters.archives.archive import newest_good, unpacked
    from finq_predictor.adapters.archives.stored import fetched, newest_good_version

    if url is not None:
        store = store_at(url)
        version = newest_good_version(store)
        return version.name, version.made_at, fetched(store, version.inventory, root)
    archive = newest_good(place)
    return archive.note.name, archive.made_at, unpacked(archive, root)


def _ours(root: Path | None, state: Path | None, secrets: bool) -> Ours:
    from finq_predictor.adapters.archives.gathering import Ours
    from finq_predictor.adapters.scheduling.definition import Programs, data_root

    programs = Programs.of_environment()
    found = root or data_root(programs.project, programs.environment, programs.params)
    return Ours(found, state or found, programs.project, secrets)


def _place(place: Path | None, ours: Ours) -> Path:
    return place or ours.root.resolve().parent / "backups"


def _metrics(ours: Ours) -> Path:
    from finq_predictor.adapters.layout import Layout

    return Layout(ours.state).metrics


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
