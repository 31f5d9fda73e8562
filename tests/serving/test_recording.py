"""What the routes record, and what a client is told of it."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import pytest
from prometheus_client import CollectorRegistry

from finq_predictor.adapters.layout import Layout
from finq_predictor.domain.errors import FinqError
from finq_predictor.serving import recording
from finq_predictor.serving.lines import read_line
from finq_predictor.serving.recording import Recording
from finq_predictor.serving.settings import Settings
from finq_predictor.serving.spool import FOLDER, files_in
from serving.conftest import started, wait_until
from serving.test_spool import said


def recorded(root) -> list[dict]:
    return [
        read_line(line).row
        for path in files_in(Layout(root).served / FOLDER)
        for line in path.read_bytes().splitlines()
    ]


def test_each_prediction_that_is_answered_is_recorded_as_it_was_answered(own_root):
    with started(Settings(data_root=own_root)) as client:
        one = client.post("/predict", {"instrument": "AAPL"}, headers={"X-Request-ID": "order-42"}).json()
        many = client.post("/batch_predict", {"market": "fx", "prediction_dates": ["2024-01-12"]}).json()
        client.post("/predict", {"instrument": "NOBODY"})
        rows = {row["id"]: row for row in recorded(own_root)}
    assert one["recorded"] is many["recorded"] is True
    assert len(rows) == 1 + many["count"] == 5
    row = rows[one["prediction_id"]]
    assert (row["request_id"], row["instrument"], row["market"], row["arm"]) == (
        "order-42",
        "AAPL",
        one["market"],
        "champion",
    )
    assert (row["probability"], row["decision"], row["version"]) == (
        one["probability"],
        one["decision"],
        one["model"]["version"],
    )
    assert row["ts"] == row["newest_ts"]
    for answer in many["predictions"]:
        row = rows[answer["prediction_id"]]
        assert (row["instrument"], row["probability"]) == (answer["instrument"], answer["probability"])
        assert row["flags"] == ",".join(sorted(answer["flags"]))
        assert {"provisional", "simulated"} <= set(answer["flags"])
        assert row["ts"] < row["newest_ts"]
        assert row["request_id"] == many["request_id"]


@pytest.mark.parametrize("required", [False, True])
def test_where_nothing_can_be_recorded_the_client_is_told(own_root, required):
    served = Layout(own_root).served
    served.parent.mkdir(parents=True, exist_ok=True)
    served.write_text("in the way")
    with started(Settings(data_root=own_root, record_required=required)) as client:
        answer = client.post("/predict", {"instrument": "AAPL"})
        told = client.get("/metrics").text
    if required:
        assert (answer.status_code, answer.json()["error"]["type"]) == (503, "unavailable")
        assert "FINQ_RECORD_LIMIT_MB" in answer.json()["error"]["message"]
    else:
        assert (answer.status_code, answer.json()["recorded"]) == (200, False)
    assert "finq_served_unrecorded_total 1.0" in told


def test_who_does_not_want_records_gets_none(own_root):
    with started(Settings(data_root=own_root, record=False, record_required=True)) as client:
        answer = client.post("/predict", {"instrument": "AAPL"}).json()
    assert (answer["recorded"], answer["prediction_id"]) == (False, None)
    assert not Layout(own_root).served.exists()


def test_how_the_keeper_is_doing_is_told(tmp_path):
    registry = CollectorRegistry()
    recording = Recording(Settings(data_root=tmp_path, keeper_seconds=0.05), registry)
    recording.start()
    try:
        assert recording.one("r", "anna", said())[1]

        def stored() -> bool:
            recording.look()
            behind = registry.get_sample_value("finq_served_behind_seconds")
            return bool(behind) and registry.get_sample_value("finq_served_waiting_lines") == 0

        wait_until(stored, 60)
        assert registry.get_sample_value("finq_served_store_problem") == 0
    finally:
        recording.stop()
    wait_until(lambda: files_in(Layout(tmp_path).served / FOLDER) == [], 60)


def test_a_line_that_must_be_recorded_and_is_not_is_an_error(tmp_path):
    recording = Recording(Settings(data_root=tmp_path), CollectorRegistry())
    with pytest.raises(FinqError, match="cannot be recorded"):
        recording.record(b"line\n", required=True)
    assert recording.record(b"line\n") is False


def test_a_keeper_that_is_being_started_while_the_service_ends_is_ended_too(tmp_path, monkeypatch):
    """The look that starts it runs beside the end of the service."""
    begun, made, ended = threading.Event(), [], []

    def slowly(_: Settings) -> object:
        begun.set()
        time.sleep(0.3)
        made.append(SimpleNamespace(poll=lambda: None))
        return made[-1]

    monkeypatch.setattr(recording, "start_keeper", slowly)
    monkeypatch.setattr(recording, "end_keeper", ended.append)
    one = Recording(Settings(data_root=tmp_path), CollectorRegistry())
    one.start()
    looking = threading.Thread(target=one.look)
    looking.start()
    assert begun.wait(5)
    one.stop()
    looking.join()
    one.look()
    assert len(made) == 1
    assert ended == made
    other = Recording(Settings(data_root=tmp_path), CollectorRegistry())
    other.start()
    other.stop()
    # A look may be later than the end.
    other.look()
    assert len(made) == 1
