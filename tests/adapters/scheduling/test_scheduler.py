"""The scheduler with real processes: catch-up, retries, time-outs, triggers, and never two of a job at once."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from finq_predictor.adapters.scheduling.journal import JobFailure
from finq_predictor.adapters.scheduling.ledger import Ledger, RunState
from finq_predictor.adapters.scheduling.scheduler import Means, Scheduler
from finq_predictor.domain.errors import StoreError, UnknownNameError
from finq_predictor.domain.metrics.jobs import OF_JOBS
from finq_predictor.domain.scheduling.jobs import Schedule
from log_laws import lawful

EVERY_TEN = {"schedule": "*/10 * * * *"}
START = datetime(2026, 3, 2, 12, 0, 30, tzinfo=UTC)


class Clock:
    """A clock that moves when it is told to."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def pass_(self, **parts: float) -> None:
        self.now += timedelta(**parts)


class World:
    """A scheduler, what it told, and what its jobs wrote."""

    def __init__(self, folder: Path, jobs: dict[str, dict], scripts: dict[str, str]) -> None:
        self.folder, self.clock, self.events, self.failures = folder, Clock(), [], []
        self.jobs, self.scripts, self.requests = jobs, scripts, {}
        self.notes = folder / "notes"
        self.notes.touch()
        self.scheduler = self.another()

    def another(self, **changes: object) -> Scheduler:
        commands = {name: ("/bin/sh", "-c", script) for name, script in self.scripts.items()}
        return Scheduler(
            Schedule.of({"default": {"retries": 0}, **self.jobs}),
            self.folder / "schedule",
            Means(
                commands,
                self.folder,
                journal=lambda event, **fields: self.events.append((event, fields)),
                failures=(self.failures.append,),
                requests=lambda: self.requests,
                kill_after_s=0.4,
                clock=self.clock,
                **changes,
            ),
        )

    def settle(self, scheduler: Scheduler | None = None, until=None, seconds: float = 10.0) -> None:
        """Let it look until nothing waits or runs that could go on now."""
        scheduler = scheduler or self.scheduler
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            scheduler.look()
            going = [
                run
                for run in scheduler.ledger.open_runs()
                if run.state is RunState.RUNNING or run.due_at <= self.clock()
            ]
            if until() if until else not going:
                return
            time.sleep(0.02)
        pytest.fail(f"it went on for {seconds} s: {self.events[-5:]}")

    def told(self, *events: str) -> list[str]:
        return [event for event, _ in self.events if not events or event in events]

    def written(self) -> list[str]:
        return self.notes.read_text().splitlines()

    def states(self, job: str) -> list[str]:
        return [run.state.value for run in reversed(self.scheduler.ledger.last_runs(50, job))]


NOTE = "echo $FINQ_SCHEDULE_JOB $FINQ_SCHEDULED_FOR >> notes"


@pytest.fixture
def world(tmp_path):
    made: list[World] = []

    def make(jobs, scripts=None):
        made.append(World(tmp_path, jobs, scripts or dict.fromkeys(jobs, NOTE)))
        return made[-1]

    yield make
    for one in made:
        one.scheduler.wind_up(0.0)
        one.scheduler.close()


def test_nothing_runs_for_the_time_before_it_first_looked(world):
    one = world({"a": {"schedule": "*/10 * * * *"}})
    one.settle()
    assert one.written() == []
    one.clock.pass_(minutes=9, seconds=31)
    one.settle()
    assert one.written() == ["a 2026-03-02T12:10:00+00:00"]
    one.settle()
    assert len(one.written()) == 1, "it ran twice for the same time"


@pytest.mark.parametrize(
    ("rule", "minutes"), [("skip", []), ("once", ["12:30"]), ("every", ["12:10", "12:20", "12:30"])]
)
def test_what_was_missed_while_it_was_stopped_goes_by_the_rule(world, rule, minutes):
    one = world({"a": {"schedule": "*/10 * * * *", "catch_up": rule}})
    one.settle()
    one.scheduler.close()
    one.clock.pass_(minutes=35)
    one.scheduler = one.another()
    one.settle()
    assert [line.split("T")[1][:5] for line in one.written()] == minutes
    if rule != "every":
        (skipped,) = [fields for event, fields in one.events if event == "times_skipped"]
        assert skipped["count"] == 3 - len(minutes)
    one.clock.pass_(minutes=5)
    one.settle()
    assert one.written()[-1] == "a 2026-03-02T12:40:00+00:00"


def test_a_failure_is_tried_again_later_and_later_and_then_told(world):
    jobs = {
        "a": {"schedule": "*/10 * * * *", "retries": 2, "retry_delay_minutes": 5, "makes": ["m"]},
        "b": {"triggered_by": ["m"]},
    }
    one = world(jobs, {"a": f"{NOTE}; echo wrong; exit 3", "b": NOTE})
    one.settle()
    one.clock.pass_(minutes=10)
    one.settle()
    (waiting,) = one.scheduler.ledger.open_runs()
    assert (waiting.state, waiting.due_at - one.clock()) == (RunState.WAITING, timedelta(minutes=5))
    one.clock.pass_(minutes=4)
    one.settle()
    assert len(one.written()) == 1
    one.clock.pass_(minutes=1)
    one.settle()
    (waiting,) = one.scheduler.ledger.open_runs()
    assert (waiting.due_at - one.clock(), len(one.written())) == (timedelta(minutes=10), 2)
    assert one.failures == []
    one.clock.pass_(minutes=10)
    one.settle(until=lambda: one.failures)
    (failure,) = one.failures
    assert isinstance(failure, JobFailure)
    assert (failure.job, failure.tried, failure.reason) == ("a", 3, "exit code 3")
    assert failure.output.read_text() == "wrong\n"
    # After it, the times that passed meanwhile are due.
    story = one.told("run_started", "run_retries", "run_failed")
    assert story[:6] == [*["run_started", "run_retries"] * 2, "run_started", "run_failed"]
    assert one.states("b") == [], "what a failure leads to must not run"


def test_a_listener_that_breaks_stops_nothing(world, tmp_path):
    one = world({"a": {"schedule": "*/10 * * * *"}}, {"a": "exit 1"})

    def broken(failure: JobFailure) -> None:
        raise RuntimeError("no post")

    heard = []
    one.scheduler = one.another()
    object.__setattr__(one.scheduler.means, "failures", (broken, heard.append))
    one.settle()
    one.clock.pass_(minutes=10)
    one.settle()
    assert len(heard) == 1
    assert [fields["reason"] for event, fields in one.events if event == "listener_failed"] == ["RuntimeError: no post"]


def test_a_success_triggers_what_follows_once(world):
    one = world(
        {"a": {**EVERY_TEN, "makes": ["m"]}, "b": {"triggered_by": ["m"], "makes": ["n"]}, "c": {"triggered_by": ["n"]}}
    )
    one.settle()
    one.clock.pass_(minutes=10)
    one.settle()
    assert one.written() == [f"{name} 2026-03-02T12:10:00+00:00" for name in "abc"]
    run_a = one.scheduler.ledger.last_runs(1, "a")[0]
    assert one.scheduler.ledger.last_runs(1, "b")[0].cause == f"after:{run_a.run_id}"


def alive(group: int) -> list[str]:
    """Processes of a group that are not dead and only not buried yet."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, of = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(of) == group and state != "Z":
            found.append(stat.parent.name)
    return found


def test_a_try_out_of_time_is_ended_with_all_its_processes(world):
    # A child that does not listen, in the background of one that waits.
    script = "(trap '' TERM; sleep 60) & echo $$ > shell; sleep 60"
    one = world({"a": {"schedule": "*/10 * * * *", "timeout_minutes": 0.01, "retries": 1}}, {"a": script})
    one.settle()
    one.clock.pass_(minutes=10)
    one.settle()
    (waiting,) = one.scheduler.ledger.open_runs()
    assert waiting.note == "it took longer than 0.01 min"
    assert waiting.due_at > one.clock(), "one that took too long waits like any other"
    group = int((one.scheduler.tries.folder(f"{waiting.run_id}/1") / "group").read_text())
    assert not alive(group)
    assert one.told("run_timed_out") == ["run_timed_out"]


def test_never_two_of_the_same_job_and_what_became_due_meanwhile_follows(world):
    one = world({"a": {"schedule": "* * * * *"}}, {"a": "mkdir busy && sleep 0.4 && rmdir busy || echo clash >> notes"})
    one.settle()
    one.clock.pass_(minutes=1)
    one.scheduler.look()
    # Two more times pass while it runs; another scheduler and somebody with a terminal look on.
    one.clock.pass_(minutes=2)
    other = one.another()
    for _ in range(10):
        one.scheduler.look()
        other.look()
    one.settle()
    one.settle(other)
    other.close()
    assert one.written() == []
    assert one.states("a") == ["succeeded", "succeeded"], "the two that were missed are run once"


def test_a_run_by_hand_waits_for_the_one_that_runs_and_leads_to_what_follows(world):
    jobs = {"a": {**EVERY_TEN, "makes": ["m"]}, "b": {"triggered_by": ["m"]}, "c": {"schedule": "*/10 * * * *"}}
    one = world(jobs, {"a": f"sleep 0.3; {NOTE}", "b": NOTE, "c": NOTE})
    one.settle()
    one.clock.pass_(minutes=10)
    one.scheduler.look()
    by_hand = one.another()
    runs = by_hand.work_once("a", threading.Event(), 5.0)
    by_hand.close()
    assert [(run.job, run.state, run.cause.partition(":")[0]) for run in runs] == [
        ("a", RunState.SUCCEEDED, "hand"),
        ("b", RunState.SUCCEEDED, "after"),
    ]
    assert one.told("run_waits") == ["run_waits"]
    one.settle()
    assert one.states("a") == ["succeeded", "succeeded"]
    with pytest.raises(UnknownNameError):
        one.scheduler.work_once("d", threading.Event(), 0.0)


def test_an_open_request_starts_a_training_early_and_once(world):
    one = world({"a": {"schedule": "0 0 * * *", "retrains": "fx"}, "b": {"schedule": "0 0 * * *"}})
    one.settle()
    one.requests = {"fx": "fx-1", "equity": "equity-1"}
    one.settle()
    one.settle()
    assert one.states("a") == ["succeeded"]
    assert one.states("b") == []
    one.requests = {"fx": "fx-2"}
    one.settle()
    assert one.states("a") == ["succeeded"] * 2


def test_a_log_of_requests_that_cannot_be_read_stops_no_job(world):
    one = world({"a": {"schedule": "*/10 * * * *", "retrains": "fx"}})

    def damaged() -> dict[str, str]:
        raise StoreError("Line 1 is none.")

    object.__setattr__(one.scheduler.means, "requests", damaged)
    one.settle()
    one.clock.pass_(minutes=10)
    one.settle()
    assert one.states("a") == ["succeeded"]
    assert one.told("requests_unreadable") == ["requests_unreadable"], "once, not at every look"


def test_what_was_killed_with_the_machine_is_run_again_without_waiting(world):
    script = "echo $FINQ_RUN_ID >> notes; [ $(wc -l < notes) -gt 1 ] || kill -9 0"
    one = world({"a": {"schedule": "*/10 * * * *", "retries": 1}}, {"a": script})
    one.settle()
    one.clock.pass_(minutes=10)
    one.settle()
    assert one.states("a") == ["succeeded"]
    assert len(one.written()) == 2
    assert len(set(one.written())) == 1, "it is the same run"


def test_what_does_not_end_within_the_grace_is_ended_and_begun_again(world):
    script = "echo begun >> notes; [ $(wc -l < notes) -gt 1 ] || sleep 60"
    one = world({"a": {"schedule": "*/10 * * * *"}}, {"a": script})
    one.settle()
    one.clock.pass_(minutes=10)
    one.settle(until=lambda: one.written() == ["begun"])
    before = time.monotonic()
    one.scheduler.wind_up(0.1)
    assert time.monotonic() - before < 3.0
    assert one.told("run_ended_early", "run_interrupted") == ["run_ended_early", "run_interrupted"]
    (waiting,) = one.scheduler.ledger.open_runs()
    assert (waiting.state, waiting.tried) == (RunState.WAITING, 0), "the try does not count"
    one.scheduler.close()
    one.scheduler = one.another()
    one.settle()
    assert one.states("a") == ["succeeded"]


def test_what_ends_within_the_grace_is_left_alone(world):
    one = world(
        {"a": {**EVERY_TEN, "makes": ["m"]}, "b": {"triggered_by": ["m"]}}, {"a": f"sleep 0.3; {NOTE}", "b": NOTE}
    )
    one.settle()
    one.clock.pass_(minutes=10)
    one.scheduler.look()
    one.scheduler.wind_up(10.0)
    assert one.states("a") == ["succeeded"]
    assert one.states("b") == ["waiting"], "nothing new begins, and nothing is lost"


def test_the_figures_say_what_became_of_jobs(world, tmp_path):
    one = world({"a": {**EVERY_TEN, "makes": ["m"]}, "b": {"triggered_by": ["m"]}}, {"a": NOTE, "b": "exit 2"})
    other = tmp_path / "collected" / "finq.prom"
    one.scheduler = one.another(metrics=(other,))
    one.settle()
    one.clock.pass_(minutes=25)
    one.settle()
    one.scheduler.wind_up(0.0)
    text = (tmp_path / "schedule" / "metrics.prom").read_text()
    assert other.read_text() == text
    found = {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert found["finq_job_runs_total", "a", "succeeded"] == 1
    assert found["finq_job_runs_total", "a", "skipped"] == 1
    assert found["finq_job_runs_total", "b", "failed"] == 1
    assert (found["finq_job_failed_status", "a"], found["finq_job_failed_status", "b"]) == (0, 1)
    assert found["finq_job_last_success_timestamp_seconds", "a"] == one.clock().timestamp()
    assert ("finq_job_last_success_timestamp_seconds", "b") not in found
    assert found["finq_job_next_run_timestamp_seconds", "a"] == datetime(2026, 3, 2, 12, 30, tzinfo=UTC).timestamp()
    assert found["finq_job_running_status", "a"] == 0
    assert (found["finq_job_failures_total", "a"], found["finq_job_failures_total", "b"]) == (0, 1)
    declared = {name for metric in OF_JOBS for name in metric.samples}
    assert {name for name, *_ in found} - {"finq_job_runs_created"} <= declared


def test_of_two_that_begin_a_try_one_does(tmp_path):
    first, second = Ledger(tmp_path), Ledger(tmp_path)
    run = first.add("a", "hand:1", START)
    assert second.add("a", "hand:1", START) is None
    assert run is not None
    assert first.begin(run, START) is not None
    assert second.begin(run, START) is None
    first.close()
    second.close()


def test_a_line_of_json_for_each_event(capsys):
    from finq_predictor.adapters.scheduling.journal import JsonLines

    JsonLines()("run_started", job="a", scheduled_for=START, tried=1, reason=None, place=Path("x"))
    told = lawful(capsys.readouterr().out)
    assert {name: told[name] for name in told if name != "at"} == {
        "level": "INFO", "event": "run_started", "run": None, "logger": "finq_predictor.schedule",
        "job": "a", "scheduled_for": "2026-03-02T12:00:30+00:00", "tried": 1, "place": "x",
    }  # fmt: skip
    JsonLines()("run_failed", run_id="a-1", reason="exit code 1")
    told = lawful(capsys.readouterr().out)
    assert (told["level"], told["run"], told["reason"]) == ("ERROR", "a-1", "exit code 1")


def test_a_job_waits_for_fresh_data_and_begins_when_they_come(world):
    one = world({"a": {**EVERY_TEN, "waits_for": ["fx.bronze_bars"], "wait_minutes": 20}})
    missing = ["fx.bronze_bars was never delivered"]
    object.__setattr__(one.scheduler.means, "waits", lambda job, now: missing)
    one.settle()
    one.clock.pass_(minutes=10)
    for _ in range(3):
        one.scheduler.look()
    assert one.told("run_started") == []
    assert [fields["reason"] for event, fields in one.events if event == "run_waits"] == missing, "told once"
    assert 0.1 < one.scheduler._pause() < 1.0, "it looks again soon, and does not spin"
    missing = []
    one.settle()
    assert one.states("a") == ["succeeded"]
    assert one.written() == ["a 2026-03-02T12:10:00+00:00"]


def test_a_job_that_waited_in_vain_has_failed_and_says_for_what(world):
    one = world({"a": {**EVERY_TEN, "waits_for": ["fx.bronze_bars"], "wait_minutes": 20, "catch_up": "once"}})
    object.__setattr__(one.scheduler.means, "waits", lambda job, now: ["fx.bronze_bars was delivered 99 min ago"])
    one.settle()
    one.clock.pass_(minutes=10)
    one.scheduler.look()
    one.clock.pass_(minutes=19, seconds=50)
    one.scheduler.look()
    assert one.failures == []
    one.clock.pass_(seconds=20)
    one.scheduler.look()
    assert [failure.reason for failure in one.failures] == [
        "it waited 20 min in vain: fx.bronze_bars was delivered 99 min ago"
    ]
    assert one.written() == []
    assert one.states("a")[0] == "failed"


def test_of_a_pool_only_so_many_run_at_once(world):
    names = ("a", "b", "c")
    jobs = {name: {**EVERY_TEN, "pool": "training"} for name in names} | {"d": EVERY_TEN}
    one = world(
        {"pools": {"training": 2}, **jobs}, dict.fromkeys((*names, "d"), "while [ ! -e go ]; do sleep 0.02; done")
    )
    one.settle()
    one.clock.pass_(minutes=10)
    one.settle(until=lambda: len(one.told("run_started")) == 3)
    for _ in range(3):
        one.scheduler.look()
    begun = [fields["job"] for event, fields in one.events if event == "run_started"]
    assert sorted(begun) == ["a", "b", "d"]
    (one.folder / "go").touch()
    one.settle()
    assert one.states("c") == ["succeeded"]
