from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finq_predictor.adapters.scheduling.definition import read_schedule
from finq_predictor.domain.errors import ConfigurationError, UnknownNameError
from finq_predictor.domain.scheduling.jobs import CatchUp, Job, Schedule
from finq_predictor.domain.scheduling.missed import PUNCTUAL, due

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_a_block_lies_over_the_default():
    schedule = Schedule.of(
        {"default": {"retries": 5, "timezone": "Asia/Singapore"}, "a": {"schedule": "@daily"}, "b": {"retries": 0}}
    )
    assert list(schedule) == ["a", "b"]
    assert (schedule["a"].retries, schedule["a"].timezone, schedule["b"].retries) == (5, "Asia/Singapore", 0)


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({"shedule": "@daily"}, "'a' .*shedule: this key is not known. Did you mean 'schedule'"),
        ({"retries": -1}, "retries: .*greater than or equal to 0, given -1"),
        ({"catch_up": "twice"}, "catch_up: .*'skip', 'once' or 'every'"),
        ({"schedule": "hourly"}, "job 'a' .*five fields"),
        ({"timezone": "Mars/Olympus"}, "job 'a' .*no time zone 'Mars/Olympus'"),
        ({"command": "finq backup"}, "command: expected a list, given 'finq backup'"),
        ({"timeout_minutes": float("inf")}, "job 'a' .*timeout_minutes: .*given inf"),
        ({"timeout_minutes": float("nan")}, "job 'a' .*timeout_minutes: .*given nan"),
        (5, "job 'a' .*given 5; expected keys and values"),
        (["schedule"], "job 'a' .*expected keys and values"),
        ({"triggered_by": ["c"]}, "Unknown job in triggered_by 'c'"),
        ({"triggered_by": ["b"]}, "run for ever"),
        ({"retrains": "equities"}, "Unknown market 'equities'. Did you mean 'equity'"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(block, said):
    with pytest.raises((ConfigurationError, UnknownNameError), match=said):
        Schedule.of({"a": block, "b": {"triggered_by": ["a"]}})


@pytest.mark.parametrize("name", ["", "../a", "a b", "a/b", ".", 7, "a" * 101])
def test_what_cannot_name_a_folder_names_no_job(name):
    with pytest.raises(ConfigurationError, match="expected letters, digits"):
        Schedule.of({name: {}})


def test_an_empty_block_says_nothing():
    assert Schedule.of({"default": None, "a": None})["a"] == Job()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("monitorng: {schedule: '@daily'}", "Unknown pipeline, and no command, in the schedule 'monitorng'. Did you"),
        ("\tx: [", "expected YAML"),
        ("- monitoring", "expected YAML"),
    ],
)
def test_a_file_that_cannot_be_is_refused(text, said, tmp_path):
    (tmp_path / "conf" / "base").mkdir(parents=True)
    (tmp_path / "conf" / "local").mkdir()
    (tmp_path / "conf" / "base" / "airflow.yml").write_text(text)
    with pytest.raises((ConfigurationError, UnknownNameError), match=said):
        read_schedule(tmp_path, "local")


def test_an_overlay_says_only_what_differs(tmp_path):
    for name, text in (
        ("base", "copy: {schedule: '@daily', command: [finq, backup, x]}"),
        ("local", "copy: {schedule: '@hourly'}"),
    ):
        (tmp_path / "conf" / name).mkdir(parents=True)
        (tmp_path / "conf" / name / "airflow.yml").write_text(text)
    job = read_schedule(tmp_path, "local")["copy"]
    assert (job.schedule, job.command) == ("@hourly", ("finq", "backup", "x"))


def test_an_unknown_job_is_named_with_the_nearest():
    with pytest.raises(UnknownNameError, match="Did you mean 'ingestion'"):
        Schedule.of({"ingestion": {}})["ingest"]


def test_what_a_success_leads_to():
    schedule = Schedule.of({"a": {}, "b": {"triggered_by": ["a"]}, "c": {"triggered_by": ["b", "d"]}, "d": {}})
    assert schedule.triggered_by("a") == ("b",)
    assert schedule.following("a") == {"a", "b", "c"}
    assert schedule.following("c") == {"c"}


def test_retries_wait_twice_as_long_each_time_up_to_a_limit():
    job = Job(retry_delay_minutes=5, max_retry_delay_minutes=60)
    assert [job.retry_delay(tried) / timedelta(minutes=1) for tried in (1, 2, 3, 4, 5, 5000)] == [5, 10, 20, 40, 60, 60]


def job(rule: str) -> Job:
    return Job(schedule="*/10 * * * *", catch_up=CatchUp(rule))


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def test_what_was_missed_is_run_once_or_every_time_or_not_at_all():
    # Stopped from 12:00 to 12:35.
    assert due(job("once"), NOON, at(35)).run == (at(30),)
    assert due(job("once"), NOON, at(35)).skipped == (at(10), at(20))
    assert due(job("every"), NOON, at(35)).run == (at(10), at(20), at(30))
    assert due(job("skip"), NOON, at(35)).run == ()
    assert due(job("skip"), NOON, at(35)).skipped == (at(10), at(20), at(30))


@pytest.mark.parametrize("rule", list(CatchUp))
def test_what_is_on_time_is_run_by_every_rule(rule):
    assert due(job(rule), at(29), at(30)).run == (at(30),)
    assert due(job(rule), at(29), at(30.5)).run == (at(30),)
    assert due(job(rule), at(30), at(35)).newest is None


def test_a_clock_that_goes_back_makes_nothing_due():
    assert due(job("every"), at(30), at(10)).newest is None
    assert due(Job(), NOON, at(60)).newest is None


@given(st.sampled_from(list(CatchUp)), st.lists(st.floats(0.01, 300), min_size=1, max_size=8))
def test_every_time_is_dealt_with_once_however_often_one_looks(rule, pauses):
    one, seen, now = job(rule), NOON, NOON
    dealt: list[datetime] = []
    for pause in pauses:
        now += timedelta(minutes=pause)
        found = due(one, seen, now)
        dealt += sorted((*found.run, *found.skipped))
        if rule is CatchUp.SKIP:
            assert all(now - moment <= PUNCTUAL for moment in found.run)
        seen = found.newest or seen
    assert one.times is not None
    assert dealt == list(one.times.between(NOON, now))


def test_the_schedule_of_the_project_is_what_was_asked_for(project_path):
    schedule = read_schedule(project_path, "local")
    asked = {
        "ingestion": ("*/10 * * * *", "UTC"),
        "features": ("5 * * * *", "UTC"),
        "sentiment": ("*/30 * * * *", "UTC"),
        "monitoring": ("*/15 * * * *", "UTC"),
        "fx": ("0 0 * * *", "Asia/Singapore"),
        "equity": ("0 2 * * 2-6", "America/New_York"),
        "equity_predictions": ("0 6 * * 1-5", "America/New_York"),
        "fx_predictions": ("0 6 * * 1-5", "Asia/Singapore"),
        "equity_validation": (None, "UTC"),
        "fx_validation": (None, "UTC"),
        "evaluation": (None, "UTC"),  # only by hand, or by Airflow
    }
    assert {name: (job.schedule, job.timezone) for name, job in schedule.items()} == asked
    assert all((job.retries, job.retry_delay_minutes) == (3, 5) for job in schedule.values())
    assert (schedule.triggered_by("equity"), schedule.triggered_by("fx")) == (
        ("equity_validation",),
        ("fx_validation",),
    )
    assert {job.retrains for job in schedule.values()} == {None, "equity", "fx"}
