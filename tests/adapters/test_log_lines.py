"""A record is one line of JSON, whatever it says; and every process of the product writes such lines when told to."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finq_predictor.adapters import log_lines
from finq_predictor.adapters.log_lines import FORMAT, RUN, JsonLine, WrittenAlready, begin_run, write_json_lines
from finq_predictor.adapters.secret_values import read_secret
from finq_predictor.domain.errors import ConfigurationError
from log_laws import lawful, published


def record(message: str, *values: object, error: BaseException | None = None, **told: object) -> logging.LogRecord:
    info = None if error is None else (type(error), error, error.__traceback__)
    made = logging.LogRecord("finq_predictor.here", logging.WARNING, "", 0, message, values, info)
    if told:
        made.told = told
    return made


@given(message=st.text(), value=st.text() | st.floats() | st.none() | st.binary())
def test_whatever_is_said_is_one_line_of_json(message, value):
    line = JsonLine().format(record("%s", message, event="seen", value=value))
    assert "\n" not in line
    assert "\r" not in line
    said = lawful(line)
    assert (said["message"], said["level"], said["event"]) == (message, "WARNING", "seen")
    assert datetime.fromisoformat(said["at"]).tzinfo is not None


def test_an_error_is_told_with_its_type_text_and_place():
    try:
        raise ValueError("no number")
    except ValueError as error:
        said = json.loads(JsonLine().format(record("failed", error=error)))
    assert (said["error"]["type"], said["error"]["text"]) == ("ValueError", "no number")
    assert "test_log_lines.py" in said["error"]["traceback"]


def test_an_id_that_was_handed_on_stays_and_our_own_follows_the_run(monkeypatch):
    monkeypatch.setattr(log_lines, "_ours", {})
    monkeypatch.delenv(RUN, raising=False)
    begin_run("first")
    begin_run("second")
    assert json.loads(JsonLine().format(record("x")))["run"] == "second"
    monkeypatch.setenv(RUN, "of the schedule")
    begin_run("third")
    assert json.loads(JsonLine().format(record("x")))["run"] == "of the schedule"
    monkeypatch.delenv(RUN)


def test_only_who_wants_lines_of_json_gets_them(monkeypatch):
    handler, written = logging.StreamHandler(), logging.StreamHandler()
    written.setFormatter(WrittenAlready("%(message)s"))
    logger = logging.getLogger("finq_predictor.test_log_lines")
    monkeypatch.setattr(log_lines, "_handlers", lambda: iter([handler, written]))
    for form, expected in (("", False), ("TEXT", False), (" json ", True)):
        monkeypatch.setenv(FORMAT, form)
        write_json_lines()
        assert isinstance(handler.formatter, JsonLine) is expected, logger
        assert isinstance(written.formatter, WrittenAlready)
    monkeypatch.setenv(FORMAT, "yaml")
    with pytest.raises(ConfigurationError, match=r"FINQ_LOG_FORMAT is 'yaml'; expected text.*or json"):
        write_json_lines()


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"level": "INFORMATION"}, "level"),
        ({"at": "2024-01-02 03:04:05"}, "at"),
        ({"at": "2024-01-02T03:04:05+01:00"}, "at"),
        ({"trace": "abc"}, "trace"),
        ({"run_id": "a-1"}, "run_id"),
        ({"id": "order-42"}, "'id'"),
        ({"event": ""}, "event"),
        ({"error": {"type": "ValueError"}}, "text"),
    ],
    ids=["level", "time", "zone", "trace", "another name of a run", "another name of a request", "event", "error"],
)
def test_the_schema_finds_a_line_that_is_none(change, fault):
    good = {"at": "2024-01-02T03:04:05.000001+00:00", "level": "INFO", "event": "log"}
    assert published().is_valid(good)
    (found, *_) = published().iter_errors(good | change)
    assert fault in f"{'.'.join(map(str, found.path))} {found.message}"


def test_the_page_shows_the_schema_that_the_code_has():
    assert published().schema == log_lines.SCHEMA


@pytest.fixture
def secrets(monkeypatch):
    monkeypatch.setattr(log_lines, "_secrets", set())
    monkeypatch.setattr(log_lines, "_redact", [])


@pytest.mark.parametrize(
    "said",
    [
        "the key is s3cr3t-w0rd",
        "at postgresql://finq:s3cr3t-w0rd@db/finq",
        "Authorization: Basic ZmlucTpzM2NyM3QtdzByZA==",
        'they say "s3cr3t-w0rd"',
        "s3cr3t%2Dw0rd",
    ],
)
def test_no_line_holds_a_secret_that_was_read(secrets, said):
    url = read_secret("FINQ_STORE_URL", environment={"FINQ_STORE_URL": "postgresql://finq:s3cr3t-w0rd@db/finq"})
    assert b"s3cr3t" in url
    told = lawful(JsonLine().format(record("%s", said, value=said, error=ValueError(said))))
    text = json.dumps(told)
    assert "w0rd" not in text
    assert "ZmlucTpzM2NyM3QtdzByZA" not in text
    assert told["level"] == "WARNING"


def test_a_line_is_one_also_where_a_secret_is_a_part_of_its_form(secrets):
    log_lines.hide('"event"')
    assert lawful(JsonLine().format(record("x")))


def lines_of(text: str) -> list[dict]:
    return [lawful(line) for line in text.splitlines()]


@pytest.mark.slow
def test_a_run_is_told_in_lines_of_json_under_one_id_and_so_is_what_stops_it(project_path, tmp_path):
    def run(more: str, **environment: str) -> subprocess.CompletedProcess[str]:
        given = ["--env", "test", "--pipelines=ingestion", "--namespaces=ingestion.fx"]
        command = [sys.executable, "-m", "kedro", "run", *given, "--params", f"data_root={tmp_path}{more}"]
        told = {**os.environ, FORMAT: "json", **environment}
        return subprocess.run(command, cwd=project_path, capture_output=True, text=True, timeout=300, env=told)

    done = run("")
    assert done.returncode == 0, done.stderr
    said = lines_of(done.stdout + done.stderr)
    nodes = [one for one in said if one["event"] == "node"]
    assert len(nodes) == 13
    assert all(one["seconds"] >= 0 and one["node"].startswith("ingestion.fx.") for one in nodes)
    (ended,) = (one for one in said if one["event"] == "run_ended")
    assert (ended["nodes"], ended["env"], len({one["run"] for one in said})) == (13, "test", 1)
    stopped = run(",fx.ingestion.gates.min_instruments=500", **{RUN: "job-7"})
    assert stopped.returncode == 1
    said = lines_of(stopped.stdout + stopped.stderr)
    (why,) = (one for one in said if one["event"] == "stopped")
    assert (why["level"], why["error"]["type"], {one["run"] for one in said}) == ("ERROR", "GateError", {"job-7"})
    assert "min_instruments" in why["message"]
