"""Cells of a notebook that are run one after the other look at one state of the data."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
from kedro.io import DataCatalog

from finq_predictor.adapters.datasets.snapshot import SnapshotDataset
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.snapshots import writer
from finq_predictor.hooks import notebooks
from finq_predictor.hooks.notebooks import NotebookHooks

FX = ("gold", "predictions")


def catalog(root: Path) -> DataCatalog:
    """A catalog of two datasets, of which a hook was told."""
    made = DataCatalog(
        {
            f"{market}.{name}": SnapshotDataset(
                filepath=str(Layout(root).place(market, name)), dataset="pandas.ParquetDataset"
            )
            for market in ("equity", "fx")
            for name in FX
        }
    )
    NotebookHooks().after_catalog_created(made)
    return made


def publish(root: Path, value: float) -> None:
    for name in FX:
        table = pd.DataFrame({"value": [value]})
        SnapshotDataset(filepath=str(Layout(root).place("fx", name)), dataset="pandas.ParquetDataset").save(table)


def seen(made: DataCatalog) -> list[float]:
    return [made.load(f"fx.{name}")["value"].iloc[0] for name in FX]


def test_a_notebook_sees_one_state_until_the_catalog_is_made_anew(tmp_path, monkeypatch):
    publish(tmp_path, 1.0)
    monkeypatch.setattr(notebooks, "in_notebook", lambda: True)
    made = catalog(tmp_path)
    publish(tmp_path, 2.0)
    assert seen(made) == [1.0, 1.0]
    assert seen(catalog(tmp_path)) == [2.0, 2.0]
    writer.let_go(tmp_path, "fx")


def test_elsewhere_the_newest_is_seen(tmp_path):
    publish(tmp_path, 1.0)
    made = catalog(tmp_path)
    publish(tmp_path, 2.0)
    assert seen(made) == [2.0, 2.0]


def test_a_cell_is_known_by_the_shell_that_runs_it(tmp_path):
    assert not notebooks.in_notebook()
    code = "from finq_predictor.hooks.notebooks import in_notebook; print(in_notebook())"
    command = [str(Path(sys.executable).parent / "ipython"), "--no-banner", "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert done.stdout.strip().endswith("True"), done.stderr[-2000:]
