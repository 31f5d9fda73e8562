"""The command says what it found, keeps it, writes it into the report, and fails where live is not what was tested."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from finq_predictor.adapters.layout import Layout, locate
from finq_predictor.adapters.snapshots import writer
from finq_predictor.adapters.snapshots.store import path_of
from finq_predictor.cli.replay import replay


@pytest.mark.slow
def test_a_replay_is_kept_and_shown_and_fails_on_a_difference(small_project: Path, tmp_path: Path):
    root = Path(shutil.copytree(small_project, tmp_path / "data"))
    layout = Layout(root)
    command = ["--root", str(root), "--env", "test", "--market", "fx", "--bars", "2"]
    assert "were not replayed yet" in layout.report("fx").read_text(encoding="utf-8")

    done = CliRunner().invoke(replay, command)
    assert done.exit_code == 0, done.output
    assert "fx: live equals batch at 2 of" in done.output
    kept = json.loads(path_of(root, "fx", "replay").read_text(encoding="utf-8"))
    assert (kept["bars"], kept["difference"]) == (2, "")
    page = layout.report("fx").read_text(encoding="utf-8")
    assert "<strong>Equal</strong>" in page
    assert "were not replayed yet" not in page

    # One close of the past is another one than was delivered.
    bars = pd.read_parquet(path_of(root, "fx", "silver_bars"))
    bars.loc[5, "close"] *= 1.0001
    writer.store(locate(layout.silver("fx", "bars")), lambda path: bars.to_parquet(path, index=False))
    done = CliRunner().invoke(replay, command)
    assert done.exit_code == 1
    assert f"fx: NOT EQUAL. silver: silver_bars.close of {bars['instrument'][5]}" in done.output
    page = layout.report("fx").read_text(encoding="utf-8")
    assert "<strong>Not equal.</strong>" in page
    assert "<strong>Equal</strong>" not in page
