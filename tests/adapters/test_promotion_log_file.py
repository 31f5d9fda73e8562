"""The file of the log of decisions only grows, whoever writes to it and whenever they are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from finq_predictor.adapters.backup import CHAINED
from finq_predictor.adapters.chained_file import copy_chained
from finq_predictor.adapters.datasets.promotion_log import PromotionLogDataset
from finq_predictor.adapters.promotion_log import PromotionLogFile
from finq_predictor.domain.errors import StoreError
from finq_predictor.domain.promotion.log import Act, LoggedModel, LogRecord, PromotionLog, canonical, sealed

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)


def record(about: str, act: Act = Act.PROMOTE, **more) -> LogRecord:
    given = {
        "act": act,
        "at": "",
        "market": "equity",
        "by": "ada",
        "run": "kedro run",
        "reason": "because",
        "in_use": about,
        "standing": "promoted",
        "candidate": LoggedModel("logistic", f"hash-{about}", about, "promoted", {"auc": 0.53}),
        "run_id": f"run-{about}",
    }
    return LogRecord(**{**given, **more})


def filled(folder: Path, *versions: str) -> PromotionLogFile:
    log = PromotionLogFile(folder, "equity")
    for number, version in enumerate(versions):
        log.append(record(version), now=NOW + timedelta(hours=number))
    return log


def test_before_the_first_decision_there_is_no_file(tmp_path):
    log = PromotionLogFile(tmp_path, "equity")
    assert log.read() == PromotionLog()
    assert list(tmp_path.rglob("*")) == []


def test_a_record_comes_back_as_it_was_entered(tmp_path):
    log = PromotionLogFile(tmp_path, "equity")
    entered = log.append(record("1"), now=NOW)
    assert (entered.number, entered.previous, entered.at) == (1, "", "2024-05-01T12:00:00.000000+00:00")
    second = log.append(record("2"), now=NOW)
    assert second.previous == entered.hash
    assert log.read().records == (entered, second)
    assert PromotionLogDataset(str(log.path)).load() == log.read()
    assert log.path.name in CHAINED, "a backup copies file and lock together"


def test_nothing_that_is_there_is_ever_rewritten(tmp_path):
    log = filled(tmp_path, "1", "2")
    before = log.path.read_bytes()
    log.append(record("3"), now=NOW)
    assert log.path.read_bytes().startswith(before)


def test_a_clock_that_was_set_back_turns_no_order_round(tmp_path):
    log = filled(tmp_path, "1")
    late = log.append(record("2"), now=NOW - timedelta(days=1))
    assert late.at == log.read().records[0].at
    log.read()


def test_a_decision_is_entered_once_however_often_it_is_carried_out(tmp_path):
    log = filled(tmp_path, "1")
    assert log.append(record("1"), now=NOW + timedelta(days=1)).number == 1
    assert log.append(record("1", Act.REJECT, in_use="9"), now=NOW).number == 2
    assert log.append(record("1", Act.REJECT, in_use="9"), now=NOW).number == 3, "who is rejected twice is told twice"


def test_a_number_that_json_cannot_say_enters_nothing(tmp_path):
    log = filled(tmp_path, "1")
    before = log.path.read_bytes()
    odd = LoggedModel("logistic", "hash", "2", "promoted", {"auc": float("nan")})
    with pytest.raises(StoreError, match="number that JSON cannot say"):
        log.append(record("2", candidate=odd), now=NOW)
    assert log.path.read_bytes() == before


def edited(number: int, old: str, new: str):
    def spoil(lines: list[str]) -> list[str]:
        assert old in lines[number - 1]
        return [line.replace(old, new) if place == number else line for place, line in enumerate(lines, start=1)]

    return spoil


def forged(number: int):
    """Edited by somebody who knows how the hash of a record is made."""

    def spoil(lines: list[str]) -> list[str]:
        said = sealed({**json.loads(lines[number - 1]), "by": "eve"})
        return [canonical(said) if place == number else line for place, line in enumerate(lines, start=1)]

    return spoil


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (edited(1, '"by":"ada"', '"by":"eve"'), "Record 1 was edited"),
        (edited(3, '"by":"ada"', '"by":"eve"'), "Record 3 was edited"),
        (edited(2, '"auc":0.53', '"auc":0.63'), "Record 2 was edited"),
        (edited(2, '"by":"ada"', '"by": "ada"'), "Record 2 was edited: its line is no JSON object as the log writes"),
        (edited(2, "{", ""), "Record 2 was edited: its line is no JSON"),
        (forged(1), "Record 2 does not follow from record 1"),
        (forged(3), "Records after number 3 were removed, or everything was written anew"),
        (lambda lines: [*lines[:1], *lines[2:]], "Record 2 does not follow from record 1"),
        (lambda lines: lines[1:], "Record 1 does not follow from the beginning"),
        (lambda lines: lines[:-1], "Records after number 2 were removed"),
        (lambda lines: [lines[1], lines[0], lines[2]], "Record 1 does not follow from the beginning"),
        (lambda lines: [*lines, lines[2]], "Record 4 does not follow from record 3"),
        (lambda lines: [], "All records were removed"),
    ],
)
def test_a_broken_log_is_named_and_nothing_is_added_to_it(spoil, said, tmp_path):
    log = filled(tmp_path, "1", "2", "3")
    log.path.write_text("".join(f"{line}\n" for line in spoil(log.path.read_text().splitlines())))
    content = log.path.read_bytes()
    with pytest.raises(StoreError, match=said) as caught:
        log.read()
    assert "finq verify-log equity" in str(caught.value)
    with pytest.raises(StoreError, match=said):
        log.append(record("4"), now=NOW)
    with pytest.raises(Exception, match=said):
        PromotionLogDataset(str(log.path)).load()
    assert log.path.read_bytes() == content, "it is never repaired by itself"
    assert said in log.inspect().problem


def test_a_log_that_was_thrown_away_is_missed(tmp_path):
    log = filled(tmp_path, "1")
    log.path.unlink()
    with pytest.raises(StoreError, match="All records were removed"):
        log.append(record("2"), now=NOW)


@pytest.mark.parametrize("keep", [1, 40, -2])
def test_a_record_torn_by_a_killed_process_is_replaced_by_the_next(keep, tmp_path):
    log = filled(tmp_path, "1")
    whole, noted = log.path.read_bytes(), log._file.lock.read_bytes()
    filled(tmp_path, "2")
    added = log.path.read_bytes()[len(whole) :]
    log.path.write_bytes(whole + added[:keep])
    assert "removed" in log.inspect().problem, "a record that was finished was not torn, but cut"
    log._file.lock.write_bytes(noted)
    found = log.inspect()
    assert (found.problem, found.torn, len(found.log.records)) == ("", True, 1)
    assert log.append(record("2"), now=NOW).number == 2
    assert log.path.read_bytes().startswith(whole)


def test_a_writer_that_is_killed_at_any_time_leaves_a_whole_log(tmp_path):
    """Two processes write without end; one is killed with signal 9, the other one goes on."""
    log = filled(tmp_path, "0")
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from test_promotion_log_file import NOW, Act, PromotionLogFile, Path, record
log = PromotionLogFile(Path({str(tmp_path)!r}), "equity")
for number in range(10_000):
    log.append(record(f"{{sys.argv[1]}}-{{number}}"), now=NOW)
    print(number, flush=True)
"""
    writers = [
        subprocess.Popen([sys.executable, "-c", code, name], stdout=subprocess.PIPE, text=True)
        for name in ("ada", "bob")
    ]
    try:
        for writer in writers:
            for _ in range(5):
                assert writer.stdout.readline()
        os.kill(writers[0].pid, signal.SIGKILL)
        writers[0].wait()
        for _ in range(5):
            assert writers[1].stdout.readline()
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
            writer.stdout.close()
    told = [one.about for one in log.read().records]
    assert len(told) == len(set(told))
    for name in ("ada", "bob"):
        mine = [one for one in told if one.startswith(name)]
        assert mine == [f"{name}-{number}" for number in range(len(mine))]
    log.append(record("last"), now=NOW)
    assert log.read().last.about == "last"


def test_a_copy_takes_the_lock_along(tmp_path):
    log = filled(tmp_path, "1", "2")
    there = PromotionLogFile(tmp_path / "copy", "equity")
    there.path.parent.mkdir(parents=True)
    copy_chained(log.path, there.path)
    assert there.read() == log.read()
    there.path.write_text(there.path.read_text().splitlines()[0] + "\n")
    with pytest.raises(StoreError, match="Records after number 1 were removed"):
        there.read()


def test_a_log_that_begins_anew_keeps_the_broken_one_and_says_so(tmp_path):
    log = filled(tmp_path, "1", "2")
    broken = log.path.read_bytes().replace(b'"ada"', b'"eve"', 1)
    log.path.write_bytes(broken)
    entered = log.begin_anew(record("2", Act.BEGIN_ANEW, approver="grace"), now=NOW)
    (aside,) = log.path.parent.glob("*.aside")
    assert aside.read_bytes() == broken
    assert (entered.number, entered.previous, entered.aside) == (1, "", aside.name)
    assert log.read().records == (entered,)
    assert log.append(record("3"), now=NOW).number == 2
