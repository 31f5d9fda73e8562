from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from finq_predictor.adapters.atomic_file import own_name, write_atomically

SAVE_FOR_EVER = """
import sys
import numpy as np
import pandas as pd
from finq_predictor.adapters.datasets.atomic import AtomicDataset

dataset = AtomicDataset("pandas.ParquetDataset", sys.argv[1])
number = 0
while True:
    number += 1
    noise = np.random.default_rng(number).random(400_000)
    dataset.save(pd.DataFrame({"number": np.full(400_000, number), "noise": noise}))
    if number == 1:
        print("saved", flush=True)
"""


def test_old_content_stays_when_writing_fails(tmp_path):
    path = tmp_path / "deep" / "file.txt"
    write_atomically(path, lambda temporary: temporary.write_text("old") and None)

    def half(temporary):
        temporary.write_text("ne")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, half)
    assert path.read_text() == "old"
    assert [file.name for file in path.parent.iterdir()] == ["file.txt"]


def test_temporary_name_keeps_the_suffix(tmp_path):
    seen = []
    write_atomically(
        tmp_path / "plot.png", lambda temporary: seen.append(temporary) or (temporary.write_bytes(b"x") and None)
    )
    assert seen[0].suffix == ".png"
    assert seen[0].name.startswith(".plot.png.")


def test_leftovers_of_the_living_and_of_other_machines_stay(tmp_path):
    path = tmp_path / "file.txt"
    write_atomically(path, lambda temporary: temporary.write_text("x") and None)
    ours = ".file.txt.elsewhere-1.tmp.txt"
    (tmp_path / ours).write_text("someone else's")
    write_atomically(path, lambda temporary: temporary.write_text("y") and None)
    assert (tmp_path / ours).exists()


def test_what_the_dead_left_of_a_file_that_nobody_writes_again_is_removed(tmp_path, name_of_the_dead):
    # Files that are named by their content: the next run may have another content.
    left = tmp_path / f".part-1.parquet.{name_of_the_dead}.tmp.parquet"
    left.write_text("half")
    write_atomically(tmp_path / "part-2.parquet", lambda temporary: temporary.write_text("x") and None)
    assert [file.name for file in tmp_path.iterdir()] == ["part-2.parquet"]


@pytest.fixture
def name_of_the_dead():
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait(timeout=30)
    return own_name().rpartition("-")[0] + f"-{process.pid}"


@pytest.mark.parametrize("wait", [0.0, 0.05, 0.13])
def test_killed_while_saving_leaves_a_whole_file(tmp_path, wait):
    path = tmp_path / "gold.parquet"
    process = subprocess.Popen([sys.executable, "-c", SAVE_FOR_EVER, str(path)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline().strip() == "saved"
        time.sleep(wait)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=30)
        process.stdout.close()
    frame = pd.read_parquet(path)
    assert len(frame) == 400_000
    assert frame["number"].nunique() == 1
    # The next run saves over it and clears what the dead one left.
    write_atomically(path, pd.DataFrame({"number": [0]}).to_parquet)
    assert [file.name for file in tmp_path.iterdir()] == ["gold.parquet"]
    assert len(pd.read_parquet(path)) == 1


def test_a_link_stays_a_link_and_a_file_keeps_its_mode(tmp_path):
    there = tmp_path / "elsewhere" / "target.txt"
    there.parent.mkdir()
    there.write_text("old")
    there.chmod(0o640)
    link = tmp_path / "link.txt"
    link.symlink_to(there)
    write_atomically(link, lambda path: path.write_text("new"))
    assert link.is_symlink()
    assert there.read_text() == "new"
    assert there.stat().st_mode & 0o777 == 0o640
    assert not [left for left in (*tmp_path.iterdir(), *there.parent.iterdir()) if left.name.startswith(".")]


def test_a_link_to_nothing_yet_makes_what_it_points_to(tmp_path):
    link = tmp_path / "link.txt"
    link.symlink_to(tmp_path / "later" / "target.txt")
    write_atomically(link, lambda path: path.write_text("new"))
    assert (tmp_path / "later" / "target.txt").read_text() == "new"
    assert link.is_symlink()
