"""What qlib computes, by itself and in an environment of its own: run with the Python of `.venv-peers`, not with ours.

    .venv-peers/bin/python tests/peers.py BARS.parquet FOLDER [--double] [--kernels N] [--times N] [--out FILE]

Bars are `ts, instrument, open, high, low, close, volume`, and `vwap` where there is one. They are written below FOLDER
as qlib's own files, which hold 32 bits. `--double` lets its expressions count with 64 bits from there on, as ours do.
It prints a line of JSON: the seconds of each time, processor seconds, memory, rows and columns.
"""

from __future__ import annotations

import argparse
import json
import resource
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import pandas as pd

FIELDS = ("open", "high", "low", "close", "volume", "vwap")


def write_store(bars: pd.DataFrame, folder: Path) -> None:
    """Write bars as qlib reads them: from the first to the last bar of each instrument, holes as NaN."""
    days = pd.DatetimeIndex(bars["ts"]).tz_localize(None).normalize()
    calendar = days.unique().sort_values()
    (folder / "calendars").mkdir(parents=True)
    (folder / "calendars" / "day.txt").write_text("\n".join(f"{day:%Y-%m-%d}" for day in calendar) + "\n")
    places = calendar.get_indexer(days)
    lines = []
    for name, rows in bars.groupby("instrument").indices.items():
        where = places[rows]
        start, stop = where.min(), where.max()
        lines.append(f"{name}\t{calendar[start]:%Y-%m-%d}\t{calendar[stop]:%Y-%m-%d}\n")
        target = folder / "features" / str(name).lower()
        target.mkdir(parents=True)
        for field in FIELDS:
            if field in bars:
                values = np.full(stop - start + 1, np.nan, "<f4")
                values[where - start] = bars[field].to_numpy()[rows]
                np.hstack([[np.float32(start)], values]).astype("<f4").tofile(target / f"{field}.day.bin")
    (folder / "instruments").mkdir()
    (folder / "instruments" / "all.txt").write_text("".join(lines))


def compute(folder: Path, kernels: int, double: bool) -> pd.DataFrame:
    """All of Alpha158 by qlib's loader: read, computed, one frame."""
    from qlib.contrib.data.loader import Alpha158DL
    from qlib.data.dataset.loader import QlibDataLoader

    loader = QlibDataLoader(config={"feature": Alpha158DL.get_feature_config()})
    return loader.load(instruments="all")["feature"]


def begin(folder: Path, kernels: int, double: bool) -> None:
    import qlib
    from qlib.data.storage.file_storage import FileFeatureStorage

    if double:
        kept = FileFeatureStorage.__getitem__
        FileFeatureStorage.__getitem__ = lambda self, place: kept(self, place).astype("float64")
    qlib.init(provider_uri=str(folder), region="us", kernels=kernels, logging_level=40)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("bars", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--double", action="store_true")
    parser.add_argument("--kernels", type=int, default=2)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    write_store(pd.read_parquet(given.bars), given.folder)
    begin(given.folder, given.kernels, given.double)
    seconds, busy = [], []
    for _ in range(given.times):
        start, began = perf_counter(), process_time()
        table = compute(given.folder, given.kernels, given.double)
        seconds.append(perf_counter() - start)
        busy.append(process_time() - began)
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
    if given.out:
        table.reset_index().rename(columns={"datetime": "ts"}).to_parquet(given.out)
    print(json.dumps({"s": seconds, "busy": busy, "mb": peak, "rows": len(table), "columns": table.shape[1]}))


if __name__ == "__main__":
    main()
