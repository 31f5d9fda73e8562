"""Alpha158 of more bars than memory holds at once, written part by part: how long it takes, and how much it needs.

    python tests/endurance/features.py [--symbols 5000] [--days 2520] [--bars 60]

Made-up prices, since no real file is as large. What is measured is this process alone.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from finq_predictor.domain.features import make_feature_set, select_features
from finq_predictor.domain.features.engine import feature_parts
from finq_predictor.domain.features.sets import members_of
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.panel import Panel

EQUITY = get_market("equity")


def made_up_panel(symbols: int, days: int) -> Panel:
    rng = np.random.default_rng(0)
    close = np.exp(np.cumsum(rng.normal(0.0, 0.015, (days, symbols)), axis=0)) * 50.0
    opened = close * np.exp(rng.normal(0.0, 0.005, close.shape))
    fields = {
        "open": opened,
        "high": np.maximum(opened, close) * 1.004,
        "low": np.minimum(opened, close) * 0.996,
        "close": close,
        "volume": rng.uniform(1e5, 1e7, close.shape),
    }
    ts = pd.bdate_range("2010-01-01", periods=days, tz="UTC").as_unit("us")
    return Panel("equity", ts, tuple(f"S{number:05d}" for number in range(symbols)), fields)


def write_parts(panel: Panel, target: Path, bars: int) -> tuple[int, int]:
    """Write the features of a panel; returns rows and columns."""
    specs = select_features(EQUITY, panel.available, members=members_of("alpha158"))
    feature_set = make_feature_set(specs)
    writer, rows = None, 0
    for part in feature_parts(panel, feature_set, bars=bars):
        table = pa.Table.from_pandas(part, preserve_index=False)
        # Numbers that hardly repeat: a dictionary of them is work for nothing.
        writer = writer or pq.ParquetWriter(target, table.schema, use_dictionary=["instrument"], compression="lz4")
        writer.write_table(table)
        rows += len(part)
    assert writer is not None
    writer.close()
    return rows, len(feature_set.names)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--symbols", type=int, default=5000)
    parser.add_argument("--days", type=int, default=2520)
    parser.add_argument("--bars", type=int, default=60)
    given = parser.parse_args()
    panel = made_up_panel(given.symbols, given.days)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        start = perf_counter()
        rows, columns = write_parts(panel, Path(folder) / "features.parquet", given.bars)
        seconds = perf_counter() - start
        size = (Path(folder) / "features.parquet").stat().st_size / 1e9
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{columns} features of {rows:,} rows in {seconds:.1f} s: {size:.2f} GB of Parquet, ", end="")
    print(f"{peak:.0f} MB at most, {before:.0f} MB of it before, for the bars themselves")


if __name__ == "__main__":
    main()
