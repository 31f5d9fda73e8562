"""A stage by Kedro, on one machine's Spark and on a cluster of processes: gold as without, and all that follows."""

from __future__ import annotations

import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pandas as pd
import psutil
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


def command(root, pipelines: str, *params: str) -> list[str]:
    given = ",".join((f"data_root={root}", *params))
    return [str(PYTHON), "-m", "kedro", "run", "--env", "spark", "--pipelines", pipelines, "--params", given]


def kedro(root, pipelines: str, *params: str) -> str:
    words = command(root, pipelines, *params)
    done = subprocess.run(words, cwd=PROJECT, capture_output=True, text=True, timeout=500)
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


def test_an_executor_that_is_killed_costs_time_only(small_project, root, tmp_path):
    folder = tmp_path / "cluster"
    folder.mkdir()
    with cluster(folder) as master:
        words = command(root, "features", "spark_task_mb=2", f"spark_master={master}")
        log = tmp_path / "run.log"
        with log.open("w") as output:
            process = subprocess.Popen(words, cwd=PROJECT, stdout=output, stderr=subprocess.STDOUT)
            try:
                executor = executor_at_work(log, process)
                executor.kill()
                assert process.wait(400) == 0, log.read_text()[-5000:]
            finally:
                process.kill()
    # The master has given it another one, or the other one has done all.
    assert_gold_is_that_of(small_project, root)


def executor_at_work(log: Path, process: subprocess.Popen[bytes]) -> psutil.Process:
    """An executor, once it has begun with a task: its Python is there."""
    until = time.monotonic() + 200
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()[-5000:]
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                if "CoarseGrainedExecutorBackend" in " ".join(child.cmdline()) and child.children():
                    return child
        time.sleep(0.1)
    pytest.fail(f"no executor has begun: {log.read_text()[-3000:]}")
