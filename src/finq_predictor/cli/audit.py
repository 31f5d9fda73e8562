"""The command that looks for whatever looks ahead."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from finq_predictor.cli.options import env_option, market_option, root_option
from finq_predictor.domain.market.markets import MARKETS

if TYPE_CHECKING:
    from finq_predictor.replay.audit import HistoryAudit


@click.command()
@root_option
@market_option
@env_option
@click.option("--times", default=5, show_default=True, help="Sampled times at which bronze is cut.")
@click.option("--seed", default=0, show_default=True, help="Which times are sampled.")
@click.option(
    "--feature",
    "files",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Hold the features of this Python file to the laws instead; may be given several times.",
)
def audit(root: Path, market: str | None, env: str | None, times: int, seed: int, files: tuple[Path, ...]) -> None:
    """Make everything anew from deliveries cut at sampled times; whatever looks ahead is named and fails."""
    if files:
        kept = [_keeps_laws(file) for file in files]
        if not all(kept):
            sys.exit(1)
        return
    from finq_predictor.adapters.snapshots.store import markets_with
    from finq_predictor.adapters.snapshots.writer import one_snapshot
    from finq_predictor.replay.audit import audit_history
    from finq_predictor.replay.project import load_history, load_stages, load_training, open_catalog

    present = [market] if market else markets_with(root, "silver_bars")
    if not present:
        raise click.ClickException(f"No silver data below {root}; run `make run` or give --root.")
    catalog = open_catalog(Path.cwd(), root, env)
    # What the stages say about each delivery they said when it was ingested.
    logging.getLogger("finq_predictor.pipelines").setLevel(logging.ERROR)
    audits = []
    for name in present:
        each = MARKETS[name]
        with one_snapshot(root, name):
            history, stages = load_history(catalog, each), load_stages(catalog, each)
            training = load_training(catalog, each)
        audits.append(audit_history(history, stages, times=times, seed=seed, training=training))
        for line in _lines(audits[-1]):
            click.echo(f"{name}: {line}")
    if not all(one.clean for one in audits):
        sys.exit(1)


def _keeps_laws(file: Path) -> bool:
    """Say of each feature of a file which laws it breaks."""
    from finq_predictor.adapters.own_features import load_feature_file
    from finq_predictor.domain.features.laws import LAWS, laws

    keeps = True
    for spec in load_feature_file(file, held_to_laws=False):
        broken = laws(spec)
        keeps = keeps and not broken
        for one in broken:
            click.echo(f"{file.name}: {one.sentence}")
        if not broken:
            click.echo(f"{file.name}: {spec.name} keeps all {len(LAWS)} laws in {', '.join(spec.markets)}.")
    return keeps


def _lines(found: HistoryAudit) -> Iterator[str]:
    for difference in (*found.tables, *found.labels, *(found.models or ())):
        yield f"looks ahead: {difference.sentence}"
    for kind, names in (("looks ahead", found.leaking), ("needs more bars than it declares", found.short)):
        yield from (f"{name} {kind}" for name in names)
    if found.clean:
        models = "" if found.models is None else ", neither does what the models of the first fold learn"
        yield (
            f"none of {found.features} features looks ahead, no table of silver and no label{models}, and every "
            f"declared lookback suffices (made anew from bronze at {len(found.times)} times)."
        )
