from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from finq_predictor.adapters.silver import read_panel, read_silver, silver_datasets
from finq_predictor.adapters.snapshots.store import Snapshot, SnapshotStore, path_of
from finq_predictor.domain.errors import StoreError
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.panel import build_panel
from finq_predictor.pipelines.features.nodes import assemble_panel
from serving import small_market

EQUITY = MARKETS["equity"]


@pytest.fixture
def root(tmp_path) -> Path:
    small_market.write_silver(tmp_path, EQUITY, small_market.silver(EQUITY, bars=40, seed=1))
    return tmp_path


def _write(root: Path, table: str, **columns: list) -> pd.DataFrame:
    frame = pd.DataFrame(columns)
    small_market.write_silver(root, EQUITY, {table: frame})
    return frame


def _newest(root: Path) -> Snapshot:
    return SnapshotStore(root, "equity").newest()


def test_datasets_are_those_of_the_market():
    assert list(silver_datasets(EQUITY)) == ["bars", "benchmark", "sentiment", "coverage", "macro", "membership"]
    assert silver_datasets(MARKETS["fx"])["macro"] == "silver_macro"
    assert "membership" not in silver_datasets(MARKETS["fx"])


def test_absent_and_empty_optional_tables_are_no_source(root):
    _write(root, "macro", series=[], period=[], value=[], known_at=[])
    assert set(read_silver(_newest(root), EQUITY)) == {"bars", "benchmark"}
    assert not [name for name in read_panel(_newest(root), EQUITY).fields if name.startswith(("macro", "tone"))]


def test_the_panel_is_that_of_the_features_pipeline(root):
    bars = pd.read_parquet(path_of(root, "equity", "silver_bars"))
    benchmark = pd.read_parquet(path_of(root, "equity", "silver_benchmark"))
    sentiment = _write(root, "sentiment", ts=[bars["ts"][5]], instrument=["AAPL"], tone_sum=[0.5], article_count=[1])
    with pytest.raises(StoreError, match="does not say for which bars it is complete"):
        read_panel(_newest(root), EQUITY)
    closes = sorted(bars["ts"].unique())[:20]
    coverage = _write(root, "coverage", ts=closes, newest=closes, complete=[True] * 19 + [False])
    macro = _write(root, "macro", series=[], period=[], value=[], known_at=[])
    read, assembled = (
        read_panel(_newest(root), EQUITY),
        assemble_panel(bars, sentiment, coverage, macro, benchmark, market=EQUITY),
    )
    assert set(read.fields) == set(assembled.fields)
    assert all((pd.DataFrame(read.fields[name]).equals(pd.DataFrame(assembled.fields[name]))) for name in read.fields)
    # Without the rule an empty table would look like a source that never says anything.
    assert "tone_sum" in build_panel(bars, EQUITY, benchmark, sentiment.iloc[:0]).fields


@pytest.mark.parametrize("table", ["bars", "benchmark"])
def test_a_needed_table_that_is_absent_says_what_to_do(root, table):
    held = dict(_newest(root).manifest.entries)
    held.pop(f"silver_{table}")
    without = Snapshot(root, replace(_newest(root).manifest, entries=held))
    with pytest.raises(StoreError, match=rf"No silver {table} of equity below .*; run `make run`"):
        read_silver(without, EQUITY)


def test_a_damaged_table_is_named(root):
    path_of(root, "equity", "silver_bars").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(StoreError, match=r"Silver bars of equity at .* cannot be read"):
        read_panel(_newest(root), EQUITY)
