"""The pages on extending the product, acted out in a copy of it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from acting import PROJECT, Acted, act

from synthetic_market_files import coin_frame, market_frames

HOW_TO = PROJECT / "docs" / "how-to"


def _run_all(acted: Acted) -> str:
    printed = ""
    for command in acted.commands:
        done = acted.run(command)
        printed += done.stdout + done.stderr
        assert done.returncode == 0, printed[-6000:]
    return printed


@pytest.mark.slow
def test_a_source_is_added(tmp_path: Path) -> None:
    acted = act(HOW_TO / "add-a-source.md", tmp_path / "copy")
    bars, benchmark = market_frames()
    with closing(sqlite3.connect(acted.folder / "market.db")) as connection:
        bars.to_sql("daily_bars", connection, index=False)
        benchmark.to_sql("index_level", connection, index=False)
    _run_all(acted)
    silver = pd.read_parquet(acted.folder / "data/database/02_silver/equity/bars.parquet")
    assert len(silver) == len(bars)
    assert acted.touched == [
        "src/finq_predictor/adapters/sources/database.py",
        "conf/database/catalog/sources.yml",
        "conf/database/globals.yml",
    ]


@pytest.mark.slow
def test_an_added_source_says_what_is_missing(tmp_path: Path) -> None:
    acted = act(HOW_TO / "add-a-source.md", tmp_path / "copy")
    done = acted.run(acted.commands[0])
    assert done.returncode == 1
    assert "There is no database market.db; give it with --params database=FILE." in done.stdout + done.stderr


@pytest.mark.slow
def test_a_market_is_added(tmp_path: Path) -> None:
    """Coins, daily, open all week, without benchmark and quotes, go the whole way by three files."""
    acted = act(HOW_TO / "add-a-market.md", tmp_path / "copy")
    coin_frame().to_csv(acted.folder / "coins.csv", index=False)
    printed = _run_all(acted)
    assert acted.touched == [
        "src/finq_predictor/domain/market/markets.py",
        "conf/base/parameters/crypto.yml",
        "conf/base/catalog/01_bronze.yml",
    ]
    root = acted.folder / "data" / "coins"
    bars = pd.read_parquet(root / "02_silver/crypto/bars.parquet")
    assert len(bars) == len(coin_frame())
    assert set(bars["ts"].dt.day_of_week) == set(range(7))
    assert set(bars["instrument"]) == {f"C{number:02d}_USD" for number in range(8)}
    gold = pd.read_parquet(root / "03_gold/crypto/gold.parquet")
    assert {"label_1", "label_7"} <= set(gold)
    assert not [name for name in gold if "spread_pct" in name or "session" in name or "benchmark" in name]
    for result in ("05_predictions/crypto/predictions.parquet", "06_reports/crypto/monitoring/report.html"):
        assert (root / result).is_file()
    assert "Coins: can the predictions be used?" in (root / "06_reports/crypto/report.html").read_text(encoding="utf-8")
    assert "_USD be higher 1 d after tomorrow's close?" in printed
    assert "none of 148 features looks ahead" in printed
