from __future__ import annotations

import pandas as pd
import pytest

from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.silver import read_panel, read_silver, silver_files
from finq_predictor.domain.errors import StoreError
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.panel import build_panel
from finq_predictor.pipelines.features.nodes import assemble_panel
from serving import small_market

EQUITY = MARKETS["equity"]


@pytest.fixture
def layout(tmp_path) -> Layout:
    small_market.write_silver(tmp_path, EQUITY, small_market.silver(EQUITY, bars=40, seed=1))
    return Layout(tmp_path)


def _write(layout: Layout, table: str, **columns: list) -> pd.DataFrame:
    frame = pd.DataFrame(columns)
    frame.to_parquet(layout.silver("equity", table))
    return frame


def test_files_are_those_of_the_market(tmp_path):
    assert list(silver_files(Layout(tmp_path), EQUITY)) == ["bars", "benchmark", "sentiment", "macro"]
    assert list(silver_files(Layout(tmp_path), MARKETS["fx"])) == ["bars", "sentiment", "macro"]


def test_absent_and_empty_optional_tables_are_no_source(layout):
    _write(layout, "macro", series=[], period=[], value=[], known_at=[])
    assert set(read_silver(layout, EQUITY)) == {"bars", "benchmark"}
    assert not [name for name in read_panel(layout, EQUITY).fields if name.startswith(("macro", "tone"))]


def test_the_panel_is_that_of_the_features_pipeline(layout):
    bars = pd.read_parquet(layout.silver("equity", "bars"))
    benchmark = pd.read_parquet(layout.silver("equity", "benchmark"))
    sentiment = _write(layout, "sentiment", ts=[bars["ts"][5]], instrument=["AAPL"], tone_sum=[0.5], article_count=[1])
    macro = _write(layout, "macro", series=[], period=[], value=[], known_at=[])
    read, assembled = read_panel(layout, EQUITY), assemble_panel(bars, sentiment, macro, benchmark, market=EQUITY)
    assert set(read.fields) == set(assembled.fields)
    assert all((pd.DataFrame(read.fields[name]).equals(pd.DataFrame(assembled.fields[name]))) for name in read.fields)
    # Without the rule an empty table would look like a source that never says anything.
    assert "tone_sum" in build_panel(bars, EQUITY, benchmark, sentiment.iloc[:0]).fields


@pytest.mark.parametrize("table", ["bars", "benchmark"])
def test_a_needed_table_that_is_absent_says_what_to_do(layout, table):
    layout.silver("equity", table).unlink()
    with pytest.raises(StoreError, match=rf"No silver {table} of equity at .*{table}\.parquet; run `make run`"):
        read_silver(layout, EQUITY)


def test_a_damaged_table_is_named(layout):
    layout.silver("equity", "bars").write_bytes(b"PAR1 and then nothing")
    with pytest.raises(StoreError, match=r"Silver bars of equity at .* cannot be read"):
        read_panel(layout, EQUITY)
