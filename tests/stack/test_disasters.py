"""A short form of ``make disasters``: a disk fills, and whoever is on call hears of it once, by three channels."""

from __future__ import annotations

import pytest

from deploy.checkers import checker
from stack.disasters import Disasters, gather_often, quick_files, quiet, small_disk
from stack.machine import missing
from stack.world import world

pytestmark = pytest.mark.slow
# What gathers, shows, judges and tells is there, and nothing that answers or trains.
LEFT_OUT = ("api", "proxy", "postgres", "redis", "mlflow", "scheduler")


@pytest.mark.proof
def test_a_disk_that_fills_is_told_once_and_so_is_its_end(tmp_path):
    if absent := missing():
        pytest.skip(f"not here: {', '.join(absent)}; `make stack-test APT=1` installs them, or apt-get does")
    with (
        quick_files(tmp_path, targets=()) as instead,
        world(
            checker("docker-compose"), None, without=LEFT_OUT, instead=instead, trains=False, disk=small_disk
        ) as around,
    ):
        if not around.own_disk:
            pytest.skip("this process may not mount a disk of its own, which has to be full")
        gather_often(around)
        try:
            around.stack.up()
            befalls = Disasters(around)
            quiet(befalls.people)
            told = befalls.disk_full()
        finally:
            wrong = around.stack.down()
    assert told.wrong == []
    assert told.messages == {"chat": 1, "mail": 1, "pager": 1}
    assert wrong == []
