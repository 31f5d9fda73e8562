"""One run at a time writes a stage of a market; the claim of a dead one is nobody's."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from finq_predictor.adapters.snapshots.claims import Claims
from finq_predictor.domain.errors import StoreError

HOLD = """
import sys, time
from pathlib import Path
from finq_predictor.adapters.snapshots.claims import Claims

claims = Claims(Path(sys.argv[1]), ["features", "ingestion"], "kedro run --pipelines=equity")
claims.take()
print("taken", flush=True)
time.sleep(60)
"""


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data" / "snapshots" / "equity" / "claims"


@pytest.fixture
def holder(folder):
    """Another process that writes two stages."""
    with subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "taken\n"
        yield process
        process.kill()


def test_who_comes_second_is_told_who_is_first(folder, holder):
    claims = Claims(folder, ["ingestion", "sentiment"], "kedro run")
    with pytest.raises(
        StoreError, match=r"The ingestion of equity below .*data is being written by process \d+"
    ) as told:
        claims.take(wait_s=0.3)
    for part in (str(holder.pid), "kedro run --pipelines=equity", "another data_root"):
        assert part in str(told.value)
    # Nothing is held on to by who was refused.
    Claims(folder, ["sentiment"], "kedro run").take(wait_s=0.3)


def test_other_stages_are_free(folder, holder):
    claims = Claims(folder, ["monitoring"], "kedro run")
    claims.take(wait_s=0.3)
    claims.give_back()


def test_a_claim_ends_with_its_process_however_it_dies(folder, holder):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    claims = Claims(folder, ["features", "ingestion"], "kedro run")
    claims.take(wait_s=5.0)
    claims.give_back()


def test_who_waits_goes_on_when_the_other_is_done(folder, holder, caplog):
    started = time.monotonic()
    claims = Claims(folder, ["features"], "kedro run")
    with subprocess.Popen(["sh", "-c", f"sleep 0.7; kill {holder.pid}"]):
        claims.take(wait_s=20.0)
    assert time.monotonic() - started > 0.5
    assert f"Waiting for process {holder.pid}" in caplog.text
    claims.give_back()
