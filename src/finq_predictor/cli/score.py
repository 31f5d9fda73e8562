"""The command that scores a file of features with the promoted model."""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import click

from finq_predictor.cli.options import root_option
from finq_predictor.domain.market.markets import MARKETS

if TYPE_CHECKING:
    import pandas as pd


# Pieces that are worked on at a time; each takes two hundred megabytes with a few hundred features.
_AT_ONCE = min(4, os.cpu_count() or 1)
_TOLD_EVERY = 100_000


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@root_option
@click.option("--market", type=click.Choice(sorted(MARKETS)), required=True, help="Whose model scores.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where the scores go, by default beside FILE; Parquet, Arrow or CSV by its ending.",
)
def score(file: Path, root: Path, market: str, out: Path | None) -> None:
    """Score a FILE of features (Parquet, Arrow or CSV) as the API would.

    FILE holds ts, instrument and a column for each feature of the model. What comes out has a row for each row of FILE,
    in the same order: score, calibrated probability, prediction, confidence, decision and reason.
    """
    from threadpoolctl import threadpool_limits

    from finq_predictor.adapters.bundle_store import load_bundle
    from finq_predictor.adapters.feature_files import read_features, require_known, write_rows
    from finq_predictor.adapters.snapshots.store import SnapshotStore
    from finq_predictor.domain.modelling.prediction import predict_rows
    from finq_predictor.serving.lean_imports import without_learning
    from finq_predictor.serving.settings import Settings

    target = out or file.with_name(f"{file.stem}-scored.parquet")
    require_known(target)
    champion = SnapshotStore(root, market).newest().path("champion")
    bundle = without_learning(lambda: load_bundle(champion))
    bundle.feature_set.verify()
    rules = Settings.from_environment().rules
    began = time.perf_counter()

    def scored() -> Iterator[pd.DataFrame]:
        done = 0
        # Threads within a piece would only wait for those of the pieces beside it.
        with threadpool_limits(limits=1), ThreadPoolExecutor(_AT_ONCE) as beside:
            waiting: deque[Future[pd.DataFrame]] = deque()
            for rows in read_features(file, bundle.feature_set.names):
                waiting.append(beside.submit(predict_rows, bundle, rows, rules))
                while len(waiting) > _AT_ONCE:
                    yield (table := waiting.popleft().result())
                    before, done = done, done + len(table)
                    if done // _TOLD_EVERY > before // _TOLD_EVERY:
                        rate = done / (time.perf_counter() - began)
                        click.echo(f"{done:,} rows, {rate:,.0f} a second", err=True)
            while waiting:
                yield waiting.popleft().result()

    rows = write_rows(target, scored())
    click.echo(f"{rows:,} rows scored by {bundle.name} version {bundle.version} of {market}: {target}")
