"""The command that lives through a market's history again and proves that the tables say what was known then."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from finq_predictor.cli.options import env_option, market_option, root_option
from finq_predictor.domain.market.markets import MARKETS

if TYPE_CHECKING:
    import pandas as pd
    from kedro.io import DataCatalog

    from finq_predictor.domain.evaluation.replay_record import ReplayRecord

_DATE = click.DateTime(formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"])


@click.command()
@root_option
@market_option
@env_option
@click.option("--from", "start", type=_DATE, help="First bar (UTC).  [default: the middle of the history]")
@click.option("--to", "end", type=_DATE, help="Last bar (UTC).  [default: the last one]")
@click.option("--bars", default=25, show_default=True, help="How many bars are sampled; the last is always among them.")
@click.option("--every", is_flag=True, help="Every bar instead of a sample.")
@click.option("--seed", default=0, show_default=True, help="Which bars are sampled.")
def replay(
    root: Path,
    market: str | None,
    env: str | None,
    start: datetime | None,
    end: datetime | None,
    bars: int,
    every: bool,
    seed: int,
) -> None:
    """Live through a market's history again: at each bar see only what bronze held then, and compare with the tables.

    Silver, features, probabilities and decisions must be equal; otherwise the first difference is named and the command
    fails. The result stands in the report of the market.
    """
    from finq_predictor.adapters.snapshots.store import markets_with
    from finq_predictor.replay.project import open_catalog

    present = [market] if market else markets_with(root, "gold")
    if not present:
        raise click.ClickException(f"No gold data below {root}; run `make run` or give --root.")
    catalog = open_catalog(Path.cwd(), root, env)
    # What the stages say about each delivery they said when it was ingested.
    logging.getLogger("finq_predictor.pipelines").setLevel(logging.ERROR)
    found = []
    for name in present:
        span = (_utc(start), _utc(end))
        found.append(_replayed(catalog, root, name, span, None if every else bars, seed))
        click.echo(_sentence(found[-1]))
    if not all(record.equal for record in found):
        sys.exit(1)


def _replayed(
    catalog: DataCatalog,
    root: Path,
    name: str,
    span: tuple[pd.Timestamp | None, pd.Timestamp | None],
    bars: int | None,
    seed: int,
) -> ReplayRecord:
    from finq_predictor.adapters.snapshots.writer import one_snapshot
    from finq_predictor.replay.project import keep_record, load_replay
    from finq_predictor.replay.recording import record

    with one_snapshot(root, name):
        replay = load_replay(catalog, root, MARKETS[name])
        chosen = replay.sample(*span, bars, seed)
        with click.progressbar(length=len(chosen), label=f"{name}: {len(chosen)} bars", file=sys.stderr) as bar:
            found = record(replay, chosen, datetime.now(UTC), lambda: bar.update(1))
        keep_record(catalog, root, found)
    return found


def _utc(moment: datetime | None) -> pd.Timestamp | None:
    import pandas as pd

    return None if moment is None else pd.Timestamp(moment, tz="UTC")


def _sentence(found: ReplayRecord) -> str:
    if not found.equal:
        return f"{found.market}: NOT EQUAL. {found.difference}"
    rows = ", ".join(f"{count:,} rows of {layer}" for layer, count in found.rows.items())
    hindsight = f" {found.hindsight} of them by a model that was trained later." if found.hindsight else ""
    return (
        f"{found.market}: live equals batch at {found.bars} of {found.of_bars} bars, {found.first} to {found.last}: "
        f"{rows} compared, {found.seconds_per_bar:.2f} s per bar.{hindsight}"
    )
