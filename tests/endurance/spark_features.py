"""Gold of 5,000 instruments over 10 years on Spark, beside one machine that does the same part by part.

    .venv-spark/bin/python tests/endurance/spark_features.py [--symbols 5000] [--days 2520] [--master local[2]]

Made-up prices, since no real file is as large. Says rows, seconds, and the most memory of each process: the driver, its
JVM, the workers. What follows reads the table: its rows are counted, one feature and one label are taken out of it.
``--only local`` and ``--only spark`` do one of both; ``--same`` compares the first and the last part of both in full.
"""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
import psutil
from features import EQUITY, made_up_panel

from finq_predictor.adapters.parted_table import PartedTable, part_file, write_part
from finq_predictor.adapters.spark.engine import SparkEngine
from finq_predictor.adapters.spark.session import SparkSettings, session
from finq_predictor.domain.features import make_feature_set, select_features
from finq_predictor.domain.features.engine import feature_parts
from finq_predictor.domain.features.sets import members_of
from finq_predictor.domain.gold import Wanted
from finq_predictor.domain.labels import make_labels
from finq_predictor.domain.panel import BENCHMARK_CLOSE, Panel


def whole_panel(symbols: int, days: int) -> Panel:
    """Prices and volume, and what labels and comparing features ask for as well: an index and sectors."""
    panel = made_up_panel(symbols, days)
    index = panel.fields["close"].mean(axis=1, keepdims=True)
    sector = np.broadcast_to(np.arange(symbols, dtype=float) % 11, (days, symbols)).copy()
    return replace(panel, fields={**panel.fields, BENCHMARK_CLOSE: index, "sector": sector})


@contextmanager
def watched(peak: dict[str, float]) -> Iterator[None]:
    """Look once a second how much memory the processes below this one have, by what they are."""
    done, ours = threading.Event(), psutil.Process()

    def look() -> None:
        while not done.wait(1.0):
            found = {"driver": ours.memory_info().rss, "JVM": 0, "workers": 0, "one worker": 0}
            for child in ours.children(recursive=True):
                try:
                    size, java = child.memory_info().rss, child.name() == "java"
                except psutil.Error:
                    continue
                found["JVM" if java else "workers"] += size
                found["one worker"] = max(found["one worker"], 0 if java else size)
            found["all"] = found["driver"] + found["JVM"] + found["workers"]
            for name, size in found.items():
                peak[name] = max(peak.get(name, 0.0), size / 1e6)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def on_one_machine(panel: Panel, wanted: Wanted, folder: Path, bars: int = 60) -> PartedTable:
    """Part by part in this process, so that memory is bounded here as well."""
    folder.mkdir()
    labels = make_labels(panel, EQUITY, wanted.horizons).drop(columns=["ts", "instrument"])
    rows = 0
    for number, part in enumerate(feature_parts(panel, wanted.feature_set, bars=bars)):
        own = labels.iloc[rows : rows + len(part)].reset_index(drop=True)
        write_part(part_file(folder, number), pd.concat([part, own], axis=1))
        rows += len(part)
    return PartedTable(folder, rows, panel.ts[-1])


def read_by_what_follows(folder: Path, name: str) -> str:
    taken = pd.read_parquet(folder, columns=["ts", "instrument", name, "label_5"])
    assert taken["ts"].is_monotonic_increasing
    return (
        f"{len(taken):,} rows, {name} known on {taken[name].notna().mean():.1%}, label_5 {taken['label_5'].mean():.3f}"
    )


def ends_differ(one: Path, other: Path) -> float:
    """Largest difference of any feature or label over the first and the last days of both tables."""
    worst = 0.0
    for place in (0, -1):
        first = pd.read_parquet(sorted(one.iterdir())[place])
        ts = first["ts"].unique()
        second = pd.read_parquet(other, filters=[("ts", ">=", ts.min()), ("ts", "<=", ts.max())])
        assert list(first.columns) == list(second.columns)
        assert (first[["ts", "instrument"]] == second[["ts", "instrument"]]).all(axis=None)
        for name in first.columns[2:]:
            a, b = (table[name].to_numpy() for table in (first, second))
            if a.dtype.kind == "f":
                assert (np.isnan(a) == np.isnan(b)).all(), name
                worst = max(worst, float(np.nanmax(np.abs(a - b), initial=0.0)))
            else:
                assert (pd.isna(a) == pd.isna(b)).all(), name
    return worst


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--symbols", type=int, default=5000)
    parser.add_argument("--days", type=int, default=2520)
    parser.add_argument("--set", default="house")
    parser.add_argument("--master", default="local[2]")
    parser.add_argument("--memory", default="2g")
    parser.add_argument("--task-mb", type=int, default=256)
    parser.add_argument("--only", choices=["local", "spark"])
    parser.add_argument("--same", action="store_true")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("py4j").setLevel(logging.WARNING)
    panel = whole_panel(given.symbols, given.days)
    specs = select_features(EQUITY, panel.available, members=members_of(given.set))
    wanted = Wanted(EQUITY, make_feature_set(specs), tuple(EQUITY.horizons), 1e-9)
    load = os.getloadavg()[0]
    print(f"{len(specs)} features of {given.symbols:,} instruments x {given.days:,} days; load {load:.1f}", flush=True)
    made: dict[str, Path] = {}
    with tempfile.TemporaryDirectory(dir=Path.cwd(), prefix=".spark-proof-") as place:
        for name in ("local", "spark"):
            if given.only not in (None, name):
                continue
            peak: dict[str, float] = {}
            with watched(peak):
                start = perf_counter()
                if name == "local":
                    table, began = on_one_machine(panel, wanted, Path(place) / "local"), start
                else:
                    folder = Path(place) / "moving"
                    folder.mkdir()
                    settings = SparkSettings(given.master, given.memory, given.task_mb, folder=str(folder))
                    session(settings)
                    began = perf_counter()
                    made_table = SparkEngine(settings, Path(place)).compute(panel, wanted).table
                    assert isinstance(made_table, PartedTable)
                    table = made_table
                seconds = perf_counter() - start
            made[name] = table.folder
            size = sum(file.stat().st_size for file in table.files()) / 1e9
            print(
                f"{name}: {table.rows:,} rows in {seconds:.1f} s ({began - start:.1f} s of it to begin), "
                f"{len(table.files())} parts, {size:.2f} GB of Parquet; at most, in MB: "
                + ", ".join(f"{what} {value:,.0f}" for what, value in peak.items() if value)
            )
            print(f"    read again: {read_by_what_follows(table.folder, specs[0].name)}")
            if not given.same:
                shutil.rmtree(table.folder)
        if given.same and len(made) == 2:
            print(f"    largest difference of both at the first and the last bars: {ends_differ(*made.values()):g}")


if __name__ == "__main__":
    main()
