"""Stream many rows out of a warehouse into bronze, then one day more, and say what it cost.

Run it by ``python tests/endurance/stream.py --rows 50000000``. The warehouse is a SQLite file in a folder of its own,
which needs a hundred bytes a row. Memory is that of the process that streams, and nothing else is done in it.
"""

from __future__ import annotations

import argparse
import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

INSTRUMENTS = 500
BEGIN = pd.Timestamp("2015-01-01", tz="UTC")
AT_ONCE = 500_000


@dataclass(frozen=True)
class Figures:
    """What a run cost.

    Attributes:
        rows: Rows in bronze after it.
        seconds: How long it took.
        peak_mb: The largest memory that the process had.
        files: Files in which the rows lie.
    """

    rows: int
    seconds: float
    peak_mb: float
    files: int


def fill(database: Path, rows: int) -> pd.Timestamp:
    """Make a warehouse of minutes of many instruments; returns the end of it."""
    minutes = -(-rows // INSTRUMENTS)
    generator = np.random.default_rng(0)
    names = np.array([f"S{number:03d}" for number in range(INSTRUMENTS)])
    with sqlite3.connect(database) as connection:
        connection.execute("pragma journal_mode=off")
        connection.execute("create table bars (ts text, instrument text, open real, high real, low real, close real)")
        for first in range(0, minutes, AT_ONCE // INSTRUMENTS):
            count = min(AT_ONCE // INSTRUMENTS, minutes - first)
            times = (BEGIN + pd.to_timedelta(np.arange(first, first + count), "min")).strftime("%Y-%m-%d %H:%M:%S")
            close = np.round(generator.uniform(10, 500, count * INSTRUMENTS), 2)
            columns = [
                np.repeat(times.to_numpy(), INSTRUMENTS), np.tile(names, count), close, close + 0.1, close - 0.1, close,
            ]  # fmt: skip
            rows_of_it = zip(*(column.tolist() for column in columns), strict=True)
            connection.executemany("insert into bars values (?, ?, ?, ?, ?, ?)", rows_of_it)
        connection.execute("create index by_time on bars (ts)")
    return BEGIN + pd.Timedelta(minutes=minutes)


def stream(database: Path, folder: Path, until: pd.Timestamp, chunk: int = 100_000) -> Figures:
    """Ask for everything that is not there yet, as a pipeline does."""
    from finq_predictor.adapters.bronze.store import BronzeStore
    from finq_predictor.adapters.datasets.bronze import BronzeDataset
    from finq_predictor.adapters.datasets.source import SourceDataset
    from finq_predictor.adapters.quality.validator import SuiteValidator

    source = SourceDataset(
        {
            "class": "finq_predictor.adapters.sources.warehouse.WarehouseSource",
            "url": f"sqlite:///{database}",
            "table": "bars",
            "chunk": chunk,
        },
        {"held": folder, "since": BEGIN.isoformat(), "until": until.isoformat(), "again": "0D"},
    )
    validator = SuiteValidator("bronze", "equity", "part_of_bars")
    started = time.perf_counter()
    BronzeDataset(folder.as_posix(), deliveries="all").save(_told(validator.validate(source.load())))
    entries = BronzeStore(folder).entries()
    return Figures(
        rows=sum(entry.rows for entry in entries),
        seconds=time.perf_counter() - started,
        peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        files=len({entry.file for entry in entries}),
    )


def _told(parts: Iterator[pd.DataFrame]) -> Iterator[pd.DataFrame]:
    rows, said = 0, 0
    for part in parts:
        yield part
        rows += len(part)
        if rows // 1_000_000 > said:
            said = rows // 1_000_000
            print(f"{said} million rows", file=sys.stderr, flush=True)


def in_a_process(database: Path, folder: Path, until: pd.Timestamp, chunk: int = 100_000) -> Figures:
    """The same in a process of its own, so that the memory is its own."""
    command = [sys.executable, __file__, "--stream", database, "--into", folder, "--until", until.isoformat()]
    command += ["--chunk", str(chunk)]
    done = subprocess.run([str(part) for part in command], check=True, stdout=subprocess.PIPE, text=True)
    return Figures(**json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=50_000_000)
    parser.add_argument("--stream", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--into", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--until", type=pd.Timestamp, help=argparse.SUPPRESS)
    parser.add_argument("--chunk", type=int, default=100_000, help="rows that are in memory at once")
    given = parser.parse_args()
    if given.stream:
        print(json.dumps(asdict(stream(given.stream, given.into, given.until, given.chunk))))
        return
    with tempfile.TemporaryDirectory() as temporary:
        database, folder = Path(temporary) / "market.db", Path(temporary) / "bars"
        end = fill(database, given.rows)
        for said, until in (("history", end - pd.Timedelta(days=1)), ("one day more", end)):
            figures = in_a_process(database, folder, until, given.chunk)
            print(
                f"{said}: {figures.rows:,} rows in bronze, {figures.seconds:.1f} s, peak {figures.peak_mb:.0f} MB, "
                f"{figures.files} files",
                flush=True,
            )


if __name__ == "__main__":
    main()
