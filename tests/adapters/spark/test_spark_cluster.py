"""A stage by Kedro, on one machine's Spark and on a cluster of processes: gold as without, and all that follows."""

from __future__ import annotations

import shutil
import subprocess

import pandas as pd
import pytest
from spark_cluster import cluster
from spark_environment import PROJECT, PYTHON, require

from finq_predictor.adapters.snapshots.store import SnapshotStore, path_of

pytestmark = pytest.mark.proof


@pytest.fixture
def root(small_project, tmp_path):
    """A copy of a whole run of both markets."""
    require()
    return shutil.copytree(small_project, tmp_path / "data")


def kedro(root, pipelines: str, *params: str) -> str:
    given = ",".join((f"data_root={root}", *params))
    command = [PYTHON, "-m", "kedro", "run", "--env", "spark", "--pipelines", pipelines, "--params", given]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-5000:]
    return done.stdout + done.stderr


def assert_gold_is_that_of(small_project, root) -> None:
    for market in ("equity", "fx"):
        before, after = (path_of(one, market, "gold") for one in (small_project, root))
        assert before.is_file()
        assert len(list(after.iterdir())) > 1
        pd.testing.assert_frame_equal(pd.read_parquet(after), pd.read_parquet(before), check_exact=True)
        same = [path_of(one, market, "feature_set").read_bytes() for one in (small_project, root)]
        assert same[0] == same[1]
        snapshot = SnapshotStore(root, market).newest()
        assert snapshot.damaged() == {}
        assert snapshot.manifest.entries["gold"].parents


def test_a_stage_on_spark_makes_the_same_gold_and_training_reads_it(small_project, root):
    said = kedro(root, "features", "spark_task_mb=8")
    assert "blocks of instruments, then" in said
    assert_gold_is_that_of(small_project, root)
    # What follows reads the parts as it reads one file: the same folds, by Spark's configuration and without it.
    kedro(root, "fx_predictions", "spark_task_mb=8")
    before, after = (pd.read_parquet(path_of(one, "fx", "predictions")) for one in (small_project, root))
    pd.testing.assert_frame_equal(after, before, check_exact=True)


def test_a_cluster_makes_the_same_gold(small_project, root, tmp_path):
    folder = tmp_path / "cluster"
    folder.mkdir()
    with cluster(folder) as master:
        said = kedro(root, "features", "spark_task_mb=4", f"spark_master={master}")
        assert f"on {master}" in " ".join(said.split())
    # Both executors were started, by the workers of that master.
    assert sorted(path.name for path in next(folder.glob("app-*")).iterdir()) == ["0", "1"]
    assert_gold_is_that_of(small_project, root)
