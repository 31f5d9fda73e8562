"""The job of the morning, by the project's own schedule: a file, and rows where the API has its own."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pandas as pd

from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.scheduling.definition import Programs, read_schedule
from finq_predictor.adapters.snapshots.store import SnapshotStore, path_of
from finq_predictor.domain.modelling.statements import MARK


def test_the_job_writes_the_file_and_the_store_once(small_project, project_path, tmp_path):
    root = Path(shutil.copytree(small_project, tmp_path / "data"))
    programs = Programs(project_path, Path(sys.executable).with_name("kedro"), "test", f"data_root={root}")
    command = programs.commands(read_schedule(project_path, "test"))["fx_predictions"]
    before = SnapshotStore(root, "fx").newest()
    assert not Layout(root).store.exists()
    for _ in range(2):
        done = subprocess.run(
            command, cwd=project_path, env=dict(os.environ), capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    after = SnapshotStore(root, "fx").newest()
    # What nothing changed of stays the version it was.
    assert after.manifest.entries["predictions"].content == before.manifest.entries["predictions"].content
    predictions = pd.read_parquet(path_of(root, "fx", "predictions"))
    newest = predictions[predictions["ts"] == predictions["ts"].max()]
    with closing(sqlite3.connect(Layout(root).store)) as store:
        rows = pd.read_sql("SELECT * FROM served_predictions", store)
    assert sorted(rows["instrument"]) == sorted(newest["instrument"])
    assert rows["id"].str.startswith(MARK).all()
    both = rows.merge(newest, on="instrument", suffixes=("_store", "_file"))
    assert (both["probability_store"] == both["probability_file"]).all()
    assert (both["decision_store"] == both["decision_file"]).all()
    assert set(rows["asked_by"]) == {"schedule"}
    card = [Path(sys.executable).with_name("finq"), "score-card", "--root", root, "--market", "fx"]
    told = subprocess.run(card, cwd=project_path, capture_output=True, text=True, timeout=120, check=True)
    assert f"said {len(rows)}" in told.stdout
