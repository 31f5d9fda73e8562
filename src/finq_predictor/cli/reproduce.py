"""The command that makes every number of a run again from what is stored, and says where it first differs."""

from __future__ import annotations

import logging
import re
import sys
import tempfile
from pathlib import Path

import click

from finq_predictor.cli.options import env_option, market_option, root_option
from finq_predictor.domain.errors import StoreError, UnknownNameError
from finq_predictor.domain.market.markets import MARKETS

LAYERS = ("silver", "gold", "training", "metrics", "decision", "predictions")
_RUN = re.compile(r"[0-9a-f]{32}")
_IN_REPORT = re.compile(r"finq reproduce (\S+) --market (\w+)")
_RESTS_ON = ("gold", "candidates", "oos_predictions", "predictions")
DIFFERS, OPEN = 1, 3


@click.command()
@click.argument("run")
@root_option
@market_option
@env_option
@click.option(
    "--layer", "layers", multiple=True, type=click.Choice(LAYERS), help="Only this layer; may be given again."
)
def reproduce(run: str, root: Path, market: str | None, env: str | None, layers: tuple[str, ...]) -> None:
    """Make every number of RUN again from what is stored, and compare: a snapshot, a run of MLflow, or a report.

    Each layer is made from the stored layer before it, with the parameters and seeds that were kept, below a temporary
    folder. Ends with 0 where all is the same, with 1 where something differs, and with 3 where nothing differs but
    something could not be compared.
    """
    from finq_predictor.adapters.snapshots.writer import one_snapshot
    from finq_predictor.replay.comparing import Outcome
    from finq_predictor.replay.project import open_catalog
    from finq_predictor.replay.reproducing import Reproduction

    name, whose = _snapshot_of(run, root, market)
    catalog = open_catalog(Path.cwd(), root, env)
    # What the stages say about each delivery they said when it was ingested.
    logging.getLogger("finq_predictor.pipelines").setLevel(logging.ERROR)
    outcomes = set()
    with one_snapshot(root, whose, name) as snapshot, tempfile.TemporaryDirectory(prefix="finq-again-") as folder:
        click.echo(f"{whose}: {snapshot.id}, published {snapshot.manifest.published_at[:19]} by {snapshot.manifest.by}")
        found = Reproduction(catalog, snapshot, Path(folder), MARKETS[whose])
        for difference in found.versions().differences:
            click.echo(f"version: {difference}")
        for one in found.layers(layers or LAYERS):
            click.echo(one.sentence)
            outcomes.add(one.outcome)
    if Outcome.DIFFERS in outcomes:
        click.echo("Something differs.")
        sys.exit(DIFFERS)
    if Outcome.OPEN in outcomes:
        click.echo("Nothing differs; not everything could be compared.")
        sys.exit(OPEN)
    click.echo("Everything is equal.")


def _snapshot_of(run: str, root: Path, market: str | None) -> tuple[str, str]:
    """Id of the snapshot that is meant, and its market."""
    from finq_predictor.adapters.snapshots.store import SnapshotStore

    if Path(run).is_file():
        told = _IN_REPORT.search(Path(run).read_text(encoding="utf-8", errors="replace"))
        if told is None:
            raise StoreError(f"{run} names no snapshot; give a report that an evaluation wrote.")
        name, market = told.groups()
    elif _RUN.fullmatch(run):
        name, market = _tracked(run, root)
    else:
        name = run
    noted = name != run
    markets = [market] if market else sorted(MARKETS)
    kept = {one: [each for each in SnapshotStore(root, one).ids() if each.startswith(name)] for one in markets}
    found = [(each, one) for one, ids in kept.items() for each in ids]
    if len(found) == 1:
        name, whose = found[0]
        # A report and a run name the snapshot that was there when they were written, just before the decision was.
        return (_with_the_decision(root, whose, name), whose) if noted else found[0]
    if found:
        raise StoreError(f"{name} may be of {' or '.join(one for _, one in found)}; say which with --market.")
    everywhere = [each for one in markets for each in SnapshotStore(root, one).ids()]
    raise UnknownNameError("snapshot that is kept", name, everywhere)


def _with_the_decision(root: Path, market: str, name: str) -> str:
    """The first snapshot that brings a decision to what one holds; that one itself where none does."""
    from finq_predictor.adapters.snapshots.store import SnapshotStore

    store = SnapshotStore(root, market)
    before = {each: one.content for each, one in store.open(name).manifest.entries.items()}
    ids = store.ids()
    for later in ids[ids.index(name) + 1 :]:
        now = {each: one.content for each, one in store.open(later).manifest.entries.items()}
        if any(now.get(each) != before[each] for each in _RESTS_ON if each in before):
            break
        if now.get("promotion") != before.get("promotion"):
            return later
    return name


def _tracked(run: str, root: Path) -> tuple[str, str]:
    """The snapshot and the market that a run of MLflow names."""
    from mlflow.exceptions import MlflowException

    from finq_predictor.adapters.layout import Layout
    from finq_predictor.adapters.tracking import connect, tracking_uri_of

    try:
        tags = connect(tracking_uri_of(Layout(root))).get_run(run).data.tags
    except MlflowException as error:
        raise StoreError(f"There is no run {run} in the store of experiments of {root}: {error.message}") from error
    if not tags.get("snapshot"):
        raise StoreError(
            f"The run {run} names no snapshot: it did not come to its report, or an older version wrote it. Give the "
            "id of a snapshot: finq data versions"
        )
    return str(tags["snapshot"]), str(tags["market"])
