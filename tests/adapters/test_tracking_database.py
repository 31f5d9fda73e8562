"""The database of experiments can be made by two at once, and a folder of data can be moved, copied and restored."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from finq_predictor.adapters import tracking_database
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.tracking import TrackedRun, Tracker, connect
from finq_predictor.adapters.tracking_database import prepare
from finq_predictor.domain.errors import ConfigurationError


def tracker(root: Path) -> Tracker:
    layout = Layout(root)
    return Tracker(layout.tracking_uri, layout.artifacts, "finq-equity")


def write(root: Path, name: str) -> str:
    rows = pd.DataFrame({"x": [1.0]})
    return (
        tracker(root).write(TrackedRun(name, params={}, metrics={}, tags={}, artifacts={"rows.parquet": rows})).run_id
    )


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in Layout(root).artifacts.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_two_processes_make_one_database(tmp_path):
    code = "import sys; from finq_predictor.adapters.tracking_database import prepare; prepare(sys.argv[1])"
    command = [sys.executable, "-W", "ignore", "-c", code, Layout(tmp_path / "data").tracking_uri]
    started = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    for process in started:
        _, said = process.communicate(timeout=300)
        assert process.returncode == 0, said[-2000:]
    assert connect(Layout(tmp_path / "data").tracking_uri).search_experiments()


def test_a_copied_folder_writes_into_itself(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new place"
    first = write(old, "before")
    shutil.copytree(old, new)
    before = files(old)
    second = write(new, "after")
    assert files(old) == before
    assert any(second in name for name in files(new))
    # What was there before the copy is found in the copy as well.
    shutil.rmtree(old)
    place = connect(Layout(new).tracking_uri).get_run(first).info.artifact_uri
    assert (Path(place) / "rows.parquet").is_file()
    assert Path(place).is_relative_to(new)


def test_a_folder_that_was_moved_and_moved_back_finds_its_files(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    run = write(here, "one")
    for source, target in ((here, there), (there, here)):
        source.rename(target)
        # As another process would.
        tracking_database._prepared.clear()
        place = connect(Layout(target).tracking_uri).get_run(run).info.artifact_uri
        assert (Path(place) / "rows.parquet").is_file()


@pytest.mark.parametrize("name", ["with?mark", "with#hash", "with%20escape"])
def test_a_name_that_would_end_the_url_is_refused(tmp_path, name):
    with pytest.raises(ConfigurationError, match="Give another data_root"):
        prepare(f"sqlite:///{tmp_path / name}/mlflow.db")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["with blank", "mit Ümläut", "a&b=c;d"])
def test_other_names_work(tmp_path, name):
    write(tmp_path / name, "one")
    assert (tmp_path / name / "mlflow.db").is_file()
    assert files(tmp_path / name)
