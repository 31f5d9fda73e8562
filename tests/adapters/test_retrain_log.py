"""The log of requests for training: one is open at a time, one run takes it, and the whole story stays."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from kedro.io import DatasetError

from finq_predictor.adapters.atomic_file import own_name
from finq_predictor.adapters.datasets.invocation import InvocationDataset
from finq_predictor.adapters.datasets.retrain_request import RetrainRequestDataset
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.retraining import RetrainEvent, RetrainLog, open_requests
from finq_predictor.cli import finq
from finq_predictor.domain.errors import StoreError
from finq_predictor.domain.monitoring.retraining import Reason, ReasonKind, RetrainVerdict

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
REASONS = (Reason(ReasonKind.AGE, "140 bars closed since the last one that was trained on", 140.0, 126.0),)


@pytest.fixture
def log(tmp_path):
    return RetrainLog(tmp_path, "fx")


def events(log):
    return [entry.event for entry in log.entries()]


def test_a_request_is_taken_once_and_done(log, tmp_path):
    asked = log.ask(REASONS, "monitoring", now=NOW)
    assert open_requests(tmp_path) == {"fx": asked.request}
    assert log.ask(REASONS, "monitoring", now=NOW) is None, "one is open"
    taken = log.begin("run 1", now=NOW)
    assert (taken.request, taken.reasons) == (asked.request, REASONS)
    assert log.begin("run 2", now=NOW) is None
    assert log.ask(REASONS, "monitoring", now=NOW) is None, "one is under way"
    assert open_requests(tmp_path) == {}
    log.finish(taken.request, "run 1", now=NOW)
    assert log.open_request() is None
    assert events(log) == [RetrainEvent.ASKED, RetrainEvent.BEGAN, RetrainEvent.BEGAN, RetrainEvent.TRAINED]


def test_a_training_that_failed_or_was_killed_gives_it_back(log):
    asked = log.ask(REASONS, "monitoring", now=NOW)
    log.finish(log.begin("run 1", now=NOW).request, "run 1", now=NOW, failure="GateError: closed")
    assert log.open_request().request == asked.request
    code = (
        "import sys, os, signal; from pathlib import Path; from datetime import datetime, UTC;"
        "from finq_predictor.adapters.retraining import RetrainLog;"
        "assert RetrainLog(Path(sys.argv[1]), 'fx').begin('killed', now=datetime.now(UTC));"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, log.path.parents[2]], timeout=60)
    assert events(log)[-1] is RetrainEvent.BEGAN
    assert log.open_request().request == asked.request
    assert log.begin("run 3", now=NOW).request == asked.request


RACE = """
import sys, time
from pathlib import Path
from datetime import datetime, UTC
from finq_predictor.adapters.retraining import RetrainLog
log, read = RetrainLog(Path(sys.argv[1]), "fx"), RetrainLog.entries
# Who reads takes its time, so that all would read before one writes, if they could.
RetrainLog.entries = lambda self: (read(self), time.sleep(0.2))[0]
time.sleep(max(0.0, float(sys.argv[2]) - time.time()))
taken = log.begin(sys.argv[3], now=datetime.now(UTC))
print("taken" if taken else "none", flush=True)
sys.stdin.read()
"""


def test_of_trainings_that_start_at_once_one_takes_it(log, tmp_path):
    log.ask(REASONS, "monitoring", now=NOW)
    start = str(datetime.now(UTC).timestamp() + 3.0)
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACE, tmp_path, start, f"run {number}"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )
        for number in range(4)
    ]  # fmt: skip
    said = [racer.stdout.readline().strip() for racer in racers]
    for racer in racers:
        racer.communicate("", timeout=30)
    assert sorted(said) == ["none", "none", "none", "taken"]
    began = [entry.request for entry in log.entries() if entry.event is RetrainEvent.BEGAN]
    assert len(began) == 4
    assert len([request for request in began if request]) == 1


def test_monitoring_does_not_ask_again_within_the_pause(log):
    log.ask(REASONS, "monitoring", now=NOW)
    log.finish(log.begin("run 1", now=NOW).request, "run 1", now=NOW)
    day = timedelta(hours=24)
    assert log.ask(REASONS, "monitoring", now=NOW + timedelta(hours=23), pause=day) is None
    assert log.ask(REASONS, "a person", now=NOW + timedelta(hours=23)) is not None
    log.begin("run 2", now=NOW + day)
    log.finish(log.entries()[-1].request, "run 2", now=NOW + day)
    assert log.ask(REASONS, "monitoring", now=NOW + 2 * day, pause=day) is not None


def test_a_line_that_was_torn_is_removed_and_one_that_was_edited_is_refused(log):
    log.ask(REASONS, "monitoring", now=NOW)
    with log.path.open("ab") as file:
        file.write(b'{"event": "beg')
    assert log.open_request() is not None
    log.begin("run 1", now=NOW)
    assert events(log) == [RetrainEvent.ASKED, RetrainEvent.BEGAN]
    log.path.write_text(log.path.read_text().replace("asked", "aksed"))
    with pytest.raises(StoreError, match=r"Line 1 of .*retraining.jsonl"):
        log.entries()


def test_without_a_request_a_training_leaves_no_log(log):
    assert log.begin("run 1", now=NOW) is None
    assert not log.path.exists()
    assert log.last_reason() == ""


def test_the_last_reason_is_that_of_the_last_training(log, tmp_path):
    dataset = InvocationDataset(str(tmp_path), "fx")
    log.ask(REASONS, "monitoring of m 1", now=NOW)
    assert dataset.load().why_trained == ""
    log.begin("run 1", now=NOW)
    why = dataset.load().why_trained
    assert why.startswith("140 bars closed since the last one that was trained on (limit 126) (asked for by monitoring")
    log.finish(log.entries()[0].request, "run 1", now=NOW)
    assert dataset.load().why_trained == why
    log.begin("run 2", now=NOW)
    assert dataset.load().why_trained == "", "nobody asked for this one"


def test_saving_a_verdict_asks_where_it_asks(tmp_path, caplog):
    dataset = RetrainRequestDataset(str(Layout(tmp_path).retraining("fx")), clock=lambda: NOW)
    dataset.save(RetrainVerdict("fx", "m 1"))
    dataset.save(RetrainVerdict("fx", "m 1", REASONS, "silver would be the same: too old"))
    assert dataset.load() is None
    assert "no training is asked for, silver" in caplog.text
    dataset.save(RetrainVerdict("fx", "m 1", REASONS, pause_hours=24))
    dataset.save(RetrainVerdict("fx", "m 1", REASONS, pause_hours=24))
    assert dataset.load().reasons == REASONS
    assert dataset.load().by == "monitoring of m 1"
    assert len(RetrainLog(tmp_path, "fx").entries()) == 1
    with pytest.raises(DatasetError, match="RetrainVerdict, not str"):
        dataset.save("please")


def typed(tmp_path, *words):
    return CliRunner().invoke(finq, ["retrain", "--root", str(tmp_path), *words])


def test_a_person_asks_and_sees_the_story(tmp_path):
    assert typed(tmp_path, "--list").output == "Nothing was asked for.\n"
    done = typed(tmp_path, "--market", "fx", "--why", "a new source of news")
    assert done.exit_code == 0, done.output
    again = typed(tmp_path, "--market", "fx", "--why", "again")
    assert (again.exit_code, "a new source of news" in again.output) == (1, True)
    log = RetrainLog(tmp_path, "fx")
    log.finish(log.begin("fx-20260302", now=NOW).request, "fx-20260302", now=NOW, failure="GateError: closed")
    story = typed(tmp_path, "--list").output.splitlines()
    assert [line.split("  ")[1].strip() for line in story] == ["asked", "began", "given back"]
    assert story[0].endswith(": a new source of news")
    assert "by fx-20260302: GateError: closed" in story[2]
    assert typed(tmp_path).exit_code == typed(tmp_path, "--why", "x").exit_code == 2
    assert "says why" in typed(tmp_path, "--market", "equity", "--why", " ").output


def test_a_line_says_which_process_wrote_it(log):
    log.ask(REASONS, "monitoring", now=NOW)
    line = json.loads(log.path.read_text())
    assert line["process"] == own_name()
    assert line["process"].endswith(str(os.getpid()))


def test_a_scheduler_asks_which_request_is_open(tmp_path, monkeypatch):
    none = typed(tmp_path, "--market", "fx", "--open")
    assert (none.exit_code, none.output) == (3, "No request for a training of fx is open.\n")
    typed(tmp_path, "--market", "fx", "--why", "a new source of news")
    request = RetrainLog(tmp_path, "fx").open_request().request
    assert (
        typed(tmp_path, "--market", "fx", "--open").output,
        typed(tmp_path, "--market", "equity", "--open").exit_code,
    ) == (
        f"{request}\n",
        3,
    )
    # Where nobody names a folder, that of the scheduler's runs.
    monkeypatch.setenv("FINQ_KEDRO_PARAMS", f"data_root={tmp_path}")
    assert CliRunner().invoke(finq, ["retrain", "--market", "fx", "--open"]).output == f"{request}\n"
    RetrainLog(tmp_path, "fx").begin("fx-20260302", now=NOW)
    assert typed(tmp_path, "--market", "fx", "--open").exit_code == 3
    for words in (("--open",), ("--market", "fx", "--open", "--list"), ("--market", "fx")):
        assert typed(tmp_path, *words).exit_code == 2
