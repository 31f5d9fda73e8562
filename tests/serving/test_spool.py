"""What a worker has recorded is there, whatever kills the worker; what could not be recorded is said."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import threading
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finq_predictor.domain.errors import DataError
from finq_predictor.serving.lines import (
    ARMS,
    FailureLine,
    FeedbackLine,
    PredictionLine,
    failure_line,
    feedback_line,
    prediction_line,
    read_line,
    statement,
    user_in_json,
)
from finq_predictor.serving.spool import Spool, files_in, is_left, used_by

LIMIT = 2**20
NAMES = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1, max_size=80)
MOMENT = "2024-01-31T21:00:00+00:00"


def said(**changed) -> bytes:
    usual = {
        "market": "equity",
        "instrument": "AAPL",
        "feature_ts": MOMENT,
        "newest_ts": MOMENT,
        "horizon": 5,
        "model": "logistic",
        "version": "7",
        "snapshot": "000012-919fa2540b59",
        "probability": 0.5123,
        "decision": "predict",
    }
    return statement(**{**usual, **changed})


def line(spool: Spool, at: int = 1_700_000_000_000_000, user: str | None = None, **changed) -> bytes:
    return prediction_line(spool.new_id(), b"request-1", at, user_in_json(user), said(**changed))


def lines_in(folder) -> list[bytes]:
    return [one for path in files_in(folder) for one in path.read_bytes().splitlines()]


@given(
    user=st.none() | st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=300),
    names=st.tuples(NAMES, NAMES, NAMES, NAMES),
    horizon=st.integers(1, 10**6),
    probability=st.none() | st.floats(0.0, 1.0),
    score=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    reason=st.none() | NAMES,
    arm=st.sampled_from(ARMS),
    flags=st.sets(st.sampled_from(["simulated", "features_overridden", "out_of_range"])),
    chosen=st.none() | st.lists(st.integers(0, 1)),
    times=st.tuples(*2 * [st.none() | st.integers(0, 2**31 - 1)]),
)
def test_a_line_is_read_as_it_was_said(user, names, horizon, probability, score, reason, arm, flags, chosen, times):
    market, instrument, model, version = names
    told = said(
        market=market, instrument=instrument, model=model, version=version, horizon=horizon, probability=probability,
        score=score, reason=reason, arm=arm, flags=flags, prediction_set=chosen, took_us=times[0],
    )  # fmt: skip
    written = prediction_line(b"a-1", b"r", 1_700_000_000_000_001, user_in_json(user), told, times[1])
    assert written.count(b"\n") == 1
    read = read_line(written.rstrip(b"\n"))
    assert isinstance(read, PredictionLine)
    row = read.row
    assert (row["asked_by"], row["market"], row["instrument"], row["model"], row["version"]) == (user, *names)
    assert (row["horizon"], row["probability"], row["score"], row["arm"]) == (horizon, probability, score, arm)
    assert row["reason"] == (reason.partition(":")[0] if reason else None)
    assert set(filter(None, row["flags"].split(","))) == flags
    assert (row["took_us"], row["latency_us"]) == times
    assert row["served_at"].microsecond == 1
    assert row["ts"].isoformat() == MOMENT


@pytest.mark.parametrize(
    "wrong",
    [
        {"probability": 1.5},
        {"probability": "0.5"},
        {"horizon": 0},
        {"horizon": 2**40},
        {"market": ""},
        {"instrument": "A" * 81},
        {"feature_ts": "2024-01-31T21:00:00"},
        {"newest_ts": "yesterday"},
        {"arm": "villain"},
        {"flags": ["Un heard"]},
        {"took_us": -1},
    ],
    ids=str,
)
def test_a_line_that_no_store_would_take_is_refused(wrong):
    with pytest.raises(DataError, match="cannot be read"):
        read_line(prediction_line(b"a-1", b"r", 1, b"null", said(**wrong)))


@given(st.binary(max_size=200))
def test_whatever_else_lies_there_is_refused_as_data(junk):
    with pytest.raises(DataError, match="cannot be read"):
        read_line(b"{" + junk)


def test_lines_of_before_are_read_and_say_nothing_of_times():
    """An upgraded service finds them in its spool."""
    written = prediction_line(b"a-1", b"r", 1, b"null", said()).replace(b',"took":null', b"")
    row = read_line(written.rstrip(b"\n")).row
    assert (row["took_us"], row["latency_us"]) == (None, None)


def test_a_failure_is_read_as_it_was_said():
    told = {"arm": "shadow", "market": "fx", "model": "logistic", "version": "9", "kind": "unanswered"}
    read = read_line(failure_line(b"a-1", "r", 1_000_000, told).rstrip(b"\n"))
    assert isinstance(read, FailureLine)
    at = datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert read.row == {"id": "a-1", "request_id": "r", "at": at, **told}
    with pytest.raises(DataError, match="cannot be read"):
        read_line(failure_line(b"a-1", "r", 1, {**told, "arm": "villain"}))


def test_feedback_is_read_as_it_was_said():
    row = {
        "id": "f1", "given_at": MOMENT, "given_by": "anna", "request_id": "r", "prediction_id": None, "market": None,
        "instrument": None, "ts": None, "outcome": True, "forward_return": 0.5, "comment": 'said ",arm":',
    }  # fmt: skip
    read = read_line(feedback_line(row).rstrip(b"\n"))
    assert isinstance(read, FeedbackLine)
    assert {**read.row, "given_at": MOMENT} == row


def test_threads_write_whole_lines_and_ids_are_unique(tmp_path):
    spool = Spool(tmp_path, LIMIT, part=5_000)
    workers = [
        threading.Thread(target=lambda: [spool.record(line(spool)) for _ in range(200)], name=str(one))
        for one in range(4)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    found = [read_line(one).row["id"] for one in lines_in(tmp_path)]
    assert len(found) == len(set(found)) == 800
    assert len(files_in(tmp_path)) > 10


def test_a_full_file_is_left_and_the_last_one_is_held(tmp_path):
    spool = Spool(tmp_path, LIMIT, part=1)
    assert spool.record(line(spool))
    first, last = files_in(tmp_path)
    for path, expected in ((first, True), (last, False)):
        descriptor = os.open(path, os.O_RDONLY)
        assert is_left(descriptor) is expected
        os.close(descriptor)
    spool.close()
    assert not spool.record(line(spool))


def test_beyond_the_limit_nothing_is_recorded_until_there_is_room(tmp_path):
    other, spool = Spool(tmp_path, LIMIT), Spool(tmp_path, 1_000)
    assert spool.record(line(spool))
    assert spool.record(line(spool))
    assert not spool.record(line(spool))
    assert spool.refused == 1
    # What others have written counts as well.
    for path in files_in(tmp_path):
        os.truncate(path, 0)
    other.record(line(other) * 3)
    spool.look()
    assert not spool.record(line(spool))
    for path in files_in(tmp_path):
        os.truncate(path, 0)
    spool.look()
    assert spool.record(line(spool))


def test_a_folder_that_was_removed_is_made_again(tmp_path):
    spool = Spool(tmp_path / "spool", LIMIT)
    spool.record(line(spool))
    shutil.rmtree(tmp_path / "spool")
    spool.look()
    assert spool.record(line(spool))
    assert len(lines_in(tmp_path / "spool")) == 1


def test_where_nothing_can_be_written_that_is_said_once_and_tried_again(tmp_path, caplog):
    (tmp_path / "spool").write_text("in the way")
    spool = Spool(tmp_path / "spool", LIMIT)
    spool.look()
    assert not spool.record(line(spool))
    assert caplog.text.count("No answer can be recorded below") == 1, "it was written to the log each second"
    (tmp_path / "spool").unlink()
    spool.look()
    assert spool.record(line(spool))
    spool.close()


def test_a_full_disk_leaves_no_half_line(tmp_path):
    """A limit on the size of files stands for the disk: the system writes a part and then refuses."""
    code = f"""
import resource, signal, sys
sys.path[:0] = {sys.path!r}
from serving.test_spool import line
from finq_predictor.serving.spool import Spool
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
spool = Spool(__import__("pathlib").Path({str(tmp_path)!r}), 2**20)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, {resource.RLIM_INFINITY}))
print([spool.record(line(spool)) for _ in range(4)].count(True), spool.refused)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, {resource.RLIM_INFINITY}))
print(spool.record(line(spool)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == ["2", "2", "True"]
    assert len([read_line(one) for one in lines_in(tmp_path)]) == 3
    assert used_by(tmp_path) == sum(len(one) + 1 for one in lines_in(tmp_path))
