"""The pages on extending the product, acted out in a copy of it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from acting import PROJECT, Acted, act

from synthetic_market_files import market_frames

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
