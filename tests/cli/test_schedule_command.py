"""`finq schedule` as it is typed: killed and started again, two at once, stopped, one job by hand."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import yaml
from click.testing import CliRunner

from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.scheduling.definition import Programs, data_root
from finq_predictor.adapters.scheduling.ledger import Ledger
from finq_predictor.cli import finq
from finq_predictor.domain.scheduling.jobs import Schedule
from prometheus_servers import running_push_gateway

FINQ = Path(sys.executable).with_name("finq")


class Typed:
    """A small project, and the commands that are typed in it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root = folder, folder / "data"
        self.started: list[subprocess.Popen[str]] = []
        for environment in ("base", "local"):
            (folder / "conf" / environment).mkdir(parents=True)

    def define(self, **jobs: dict) -> None:
        (self.folder / "conf" / "base" / "airflow.yml").write_text(yaml.safe_dump(jobs))

    def make_due(self, job: str) -> None:
        """As if it had been looked at last ten minutes ago."""
        ledger = Ledger(Layout(self.root).schedule)
        ledger.seen(job, datetime.now(UTC) - timedelta(minutes=10))
        ledger.close()

    def type(self, *words: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [FINQ, "schedule", "--root", self.root, *words],
            cwd=self.folder,
            env={**os.environ, "FINQ_PROJECT": str(self.folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def wait_for(self, file: str, lines: int = 1, seconds: float = 20.0) -> list[str]:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = (self.folder / file).read_text().splitlines() if (self.folder / file).exists() else []
            if len(found) >= lines:
                return found
            time.sleep(0.02)
        pytest.fail(f"{file} did not get {lines} lines in {seconds} s")

    def runs(self, job: str) -> list[str]:
        ledger = Ledger(Layout(self.root).schedule)
        states = [str(run.state) for run in reversed(ledger.last_runs(50, job))]
        ledger.close()
        return states


@pytest.fixture
def typed(tmp_path) -> Iterator[Typed]:
    one = Typed(tmp_path)
    yield one
    (tmp_path / "go").touch()
    for process in one.started:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=20)


def job(script: str, **more: object) -> dict:
    return {"command": ["/bin/sh", "-c", script], **more}


def told(process: subprocess.Popen[str]) -> list[dict]:
    out, err = process.communicate(timeout=20)
    assert process.returncode in (0, -signal.SIGKILL), err
    return [json.loads(line) for line in out.splitlines()]


def until(process: subprocess.Popen[str], event: str) -> dict:
    """Read what it tells up to an event."""
    for line in process.stdout:
        if (found := json.loads(line))["event"] == event:
            return found
    pytest.fail(f"it ended without {event}: {process.stderr.read()}")


def test_one_that_is_killed_meets_its_jobs_again_and_repeats_nothing(typed):
    slow = "echo a $FINQ_RUN_ID >> notes; while [ ! -e go ]; do sleep 0.05; done; echo done >> ended"
    typed.define(
        done=job("echo x >> done", schedule="0 0 1 1 *"),
        slow=job(slow, schedule="0 0 1 1 *", makes=["slowly"]),
        after=job("echo y >> after", triggered_by=["slowly"]),
    )
    ledger = Ledger(Layout(typed.root).schedule)
    for name in ("done", "slow"):
        ledger.add(name, "time:planted", datetime.now(UTC))
    ledger.close()
    first = typed.type()
    typed.wait_for("notes")
    typed.wait_for("done")
    time.sleep(0.6)
    first.kill()
    events = told(first)
    assert [e["job"] for e in events if e["event"] == "run_succeeded"] == ["done"]
    second = typed.type()
    assert until(second, "run_met_again")["job"] == "slow"
    assert typed.wait_for("notes") == [f"a {next(e['run'] for e in events if e.get('job') == 'slow')}"]
    (typed.folder / "go").touch()
    typed.wait_for("after")
    second.terminate()
    again = told(second)
    assert [e["event"] for e in again if e.get("job") == "slow"] == ["run_succeeded"]
    assert (typed.wait_for("done"), typed.wait_for("ended"), typed.wait_for("after")) == (["x"], ["done"], ["y"])
    assert typed.runs("slow") == typed.runs("done") == typed.runs("after") == ["succeeded"]


def test_however_often_it_is_killed_each_run_happens_once(typed):
    """Killed at random moments, while it looks, starts and settles short runs of two jobs of which one leads to one."""
    note = "echo $FINQ_RUN_ID >> notes"
    typed.define(
        a=job(f"{note}; sleep 0.05", makes=["m"]), b=job(note, triggered_by=["m"]), c=job(f"sleep 0.02; {note}")
    )
    ledger = Ledger(Layout(typed.root).schedule)
    for number in range(12):
        for name in ("a", "c"):
            ledger.add(name, f"time:{number}", datetime.now(UTC))
    dice = random.Random(7)
    kills = 0
    for _ in range(40):
        process = typed.type()
        until(process, "scheduler_started")
        time.sleep(dice.uniform(0.0, 0.8))
        process.kill()
        process.communicate(timeout=20)
        kills += 1
        if not ledger.open_runs():
            break
    runs = ledger.last_runs(100)
    ledger.close()
    assert kills > 4
    assert {(run.state.value, run.job): 0 for run in runs} == {("succeeded", name): 0 for name in "abc"}
    assert len(runs) == 36
    assert sorted((typed.folder / "notes").read_text().splitlines()) == sorted(run.run_id for run in runs)


def test_what_ended_while_nobody_looked_is_known_and_not_run_again(typed):
    typed.define(a=job("echo x >> begun; sleep 0.5; echo x >> ended", schedule="* * * * *"))
    typed.make_due("a")
    first = typed.type()
    typed.wait_for("begun")
    first.kill()
    typed.wait_for("ended")
    time.sleep(0.2)
    (run_id,) = [e["run"] for e in told(first) if e["event"] == "run_due"]
    second = typed.type()
    assert until(second, "run_succeeded")["run"] == run_id
    second.terminate()


def test_a_second_scheduler_says_who_has_it_and_ends(typed):
    typed.define(a=job("true"))
    first = typed.type()
    ready = json.loads(first.stdout.readline())
    assert ready["event"] == "scheduler_started"
    second = typed.type()
    _, said = second.communicate(timeout=20)
    assert second.returncode == 1
    assert f"process {first.pid} on " in said
    assert "Traceback" not in said
    # One that was killed leaves the place free.
    first.kill()
    first.communicate()
    third = typed.type()
    assert json.loads(third.stdout.readline())["event"] == "scheduler_started"
    third.terminate()
    assert told(third)[-1]["event"] == "scheduler_stopped"


def test_whether_it_is_well_is_asked_of_its_process_and_its_sign_of_life(typed):
    def asked() -> tuple[int, str]:
        process = typed.type("--health")
        out, err = process.communicate(timeout=20)
        return process.returncode, out + err

    typed.define(a=job("true"))
    code, said = asked()
    assert (code, "No scheduler works below" in said) == (1, True), said
    assert not typed.root.exists(), "who only looks leaves nothing behind"
    first = typed.type()
    until(first, "scheduler_started")
    figures = Layout(typed.root).schedule / "metrics.prom"
    typed.wait_for(str(figures.relative_to(typed.folder)))
    code, said = asked()
    assert (code, f"process {first.pid} on " in said) == (0, True), said
    # It is there and does nothing: it is stopped, and its last sign of life grows old.
    first.send_signal(signal.SIGSTOP)
    figures.write_text(f"finq_scheduler_heartbeat_timestamp_seconds {time.time() - 3600}\n")
    code, said = asked()
    assert (code, " s ago; expected one within 180 s. See docs/runbooks/failed-schedule.md" in said) == (1, True), said
    figures.write_text("finq_scheduler_heartbeat {")
    assert asked()[0] == 1
    figures.write_text(f"finq_scheduler_heartbeat_timestamp_seconds {time.time()}\n")
    assert asked()[0] == 0
    # Killed, it cannot take its name from the door; that it is gone is seen at once.
    first.kill()
    first.communicate(timeout=20)
    code, said = asked()
    assert (code, f"is gone: it was process {first.pid}" in said) == (1, True), said


def test_a_stop_ends_what_does_not_end_in_time(typed):
    typed.define(a=job("echo $$ >> notes; sleep 60", schedule="* * * * *"))
    typed.make_due("a")
    first = typed.type("--grace", "0.2")
    typed.wait_for("notes")
    before = time.monotonic()
    first.terminate()
    events = [event["event"] for event in told(first)]
    assert time.monotonic() - before < 5.0
    assert events[-3:] == ["run_ended_early", "run_interrupted", "scheduler_stopped"]
    assert typed.runs("a")[0] == "waiting"


def test_one_job_by_hand_ends_as_the_job_does(typed):
    typed.define(
        a=job("echo $FINQ_SCHEDULE_JOB", retries=0, makes=["m"]),
        b=job("echo y >> after", triggered_by=["m"]),
        bad=job("exit 7", retries=1, retry_delay_minutes=0.005),
    )
    good = typed.type("--once", "a")
    events = told(good)
    assert [e["event"] for e in events] == ["run_started", "run_succeeded", "run_due", "run_started", "run_succeeded"]
    assert Path(events[1]["output"]).read_text() == "a\n"
    bad = typed.type("--once", "bad")
    _, said = bad.communicate(timeout=20)
    assert bad.returncode == 1
    assert "bad (exit code 7)" in said
    nothing = typed.type("--once", "badd")
    _, said = nothing.communicate(timeout=20)
    assert nothing.returncode == 1
    assert "Unknown job 'badd'. Did you mean 'bad'" in said


def test_the_list_shows_both_clocks(monkeypatch, typed):
    typed.define(
        default={"timezone": "Asia/Singapore"},
        a=job("true", schedule="0 6 * * *", makes=["fx.candidates"]),
        b=job("true", triggered_by=["fx.candidates"]),
        c=job("true"),
    )
    monkeypatch.setenv("FINQ_PROJECT", str(typed.folder))
    done = CliRunner().invoke(finq, ["schedule", "--list", "--days", "3"])
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert "06:00 Asia/Singapore" in lines[1]
    assert " 22:00 " in lines[1]
    assert lines[2].split() == ["b", "when", "fx.candidates", "is", "made"]
    assert lines[3].split() == ["c", "only", "by", "hand"]
    assert "3 runs within 3 days" in lines[5]
    assert not typed.root.exists(), "who only looks leaves nothing behind"


def test_a_file_that_cannot_be_is_one_message(monkeypatch, typed):
    typed.define(a={"scheduled": "@daily"})
    monkeypatch.setenv("FINQ_PROJECT", str(typed.folder))
    done = CliRunner().invoke(finq, ["schedule", "--list"])
    assert done.exit_code == 1
    assert "The job 'a' of the schedule cannot be read: scheduled" in done.output
    monkeypatch.setenv("FINQ_PROJECT", str(typed.folder / "conf"))
    done = CliRunner().invoke(finq, ["schedule", "--list"])
    assert done.exit_code == 1
    assert "There is no schedule below" in done.output


def test_the_folder_of_the_data_is_that_of_the_jobs(typed):
    assert data_root(typed.folder, "local", "seed=1,data_root=/srv/finq") == Path("/srv/finq")
    (typed.folder / "conf" / "base" / "globals.yml").write_text("root: data/other\n")
    assert data_root(typed.folder, "local", "seed=1") == typed.folder / "data" / "other"
    typed.define(a=job("true", schedule="@daily"))
    typed.type("--once", "a").communicate(timeout=30)
    assert Layout(typed.root).schedule.is_dir()
    assert not (typed.folder / "data" / "other").exists()


def test_jobs_run_as_in_airflow(monkeypatch):
    monkeypatch.setenv("FINQ_KEDRO", "/opt/venv/bin/kedro")
    monkeypatch.setenv("FINQ_PROJECT", "/opt/project")
    words = {"b": ["kedro", "run", "--nodes", "x"], "c": ["finq", "audit"], "d": ["/bin/ls"]}
    schedule = Schedule.of({"fx": {}, **{name: {"command": command} for name, command in words.items()}})
    programs = Programs.of_environment("prod", "data_root=/srv/finq")
    assert programs.commands(schedule) == {
        "fx": ("/opt/venv/bin/kedro", "run", "--env", "prod", "--pipelines", "fx", "--params", "data_root=/srv/finq"),
        "b": ("/opt/venv/bin/kedro", "run", "--env", "prod", "--nodes", "x", "--params", "data_root=/srv/finq"),
        "c": ("/opt/venv/bin/finq", "audit"),
        "d": ("/bin/ls",),
    }
    assert Programs.of_environment(None, "").commands(schedule)["fx"][1:] == (
        "run",
        "--env",
        "local",
        "--pipelines",
        "fx",
    )


@pytest.mark.parametrize(
    ("variables", "expected"),
    [({}, "local"), ({"KEDRO_ENV": "live"}, "live"), ({"KEDRO_ENV": "live", "FINQ_KEDRO_ENV": "own"}, "own")],
    ids=str,
)
def test_the_overlay_is_that_of_the_container(monkeypatch, typed, variables, expected):
    for name in ("KEDRO_ENV", "FINQ_KEDRO_ENV"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("FINQ_PROJECT", str(typed.folder))
    assert Programs.of_environment().environment == expected
    (typed.folder / "conf" / expected).mkdir(exist_ok=True)
    typed.define(base={"schedule": "0 0 * * *", "command": ["true"]})
    overlay = {"base": {"schedule": "30 4 * * *"}}
    (typed.folder / "conf" / expected / "airflow.yml").write_text(yaml.safe_dump(overlay))
    done = CliRunner().invoke(finq, ["schedule", "--list"], catch_exceptions=False)
    assert "04:30" in done.output


def test_one_job_by_hand_tells_a_push_gateway_of_all_that_ran(monkeypatch, typed):
    """Of a pod that is gone when it has ended, nobody could ask for figures."""
    typed.define(a={"command": ["true"], "makes": ["m"]}, b={"command": ["false"], "triggered_by": ["m"], "retries": 0})
    with running_push_gateway() as url:
        monkeypatch.setenv("FINQ_PUSH_GATEWAY", url)
        assert "b (exit code 1)" in typed.type("--once", "a").communicate(timeout=60)[1]
        told = httpx.get(f"{url}/metrics", timeout=10).text
    assert 'finq_job_failed_status{instance="",job="a"} 0' in told
    assert 'finq_job_failed_status{instance="",job="b"} 1' in told
    monkeypatch.setenv("FINQ_PUSH_GATEWAY", "nowhere")
    assert "FINQ_PUSH_GATEWAY" in typed.type("--once", "a").communicate(timeout=60)[1]
    assert len(Ledger(Layout(typed.root).schedule).last_runs(10)) == 2, "it ended before it began"
