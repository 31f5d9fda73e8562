from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finq_predictor.adapters.scheduling.definition import pipeline_names, read_schedule
from finq_predictor.domain.errors import ConfigurationError, UnknownNameError
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.scheduling.jobs import CatchUp, Job, Schedule
from finq_predictor.domain.scheduling.missed import PUNCTUAL, due
from finq_predictor.pipeline_registry import register_pipelines

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
        ({"triggered_by": ["c"]}, "Unknown dataset in triggered_by, which a job makes 'c'"),
        (
            {"triggered_by": ["of b"], "makes": ["of a"]},
            "run for ever, a after b after a|run for ever, b after a after b",
        ),
        ({"waits_for": ["fx.silver_bars"]}, "cannot wait for 'fx.silver_bars'; expected MARKET.bronze_TABLE"),
        ({"waits_for": ["fx.bronze_bar"]}, "Unknown table of fx 'bar'. Did you mean 'bars'"),
        ({"waits_for": ["fxx.bronze_bars"]}, "Unknown market 'fxx'. Did you mean 'fx'"),
        ({"pool": "training"}, "Unknown pool 'training'"),
        ({"retrains": "equities"}, "Unknown market 'equities'. Did you mean 'equity'"),
    ],
)
def test_what_cannot_be_is_refused_with_its_place(block, said):
    given = {"makes": ["of a"], **block} if isinstance(block, dict) else block
    with pytest.raises((ConfigurationError, UnknownNameError), match=said):
        Schedule.of({"a": given, "b": {"triggered_by": ["of a"], "makes": ["of b"]}})


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


def test_every_pipeline_is_known():
    from finq_predictor.pipeline_registry import register_pipelines

    assert pipeline_names() == set(register_pipelines())


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
    made = {name: {"makes": [f"of {name}", f"more of {name}"]} for name in "abcd"}
    made["b"]["triggered_by"], made["c"]["triggered_by"] = ["of a", "more of a"], ["of b", "more of d"]
    schedule = Schedule.of(made)
    assert schedule.triggered_by("a") == ("b",)
    assert schedule.following("a") == {"a", "b", "c"}
    assert schedule.following("c") == {"c"}


@pytest.mark.parametrize("places", [0, -1, "2", None, True, 1.5])
def test_a_pool_has_places(places):
    with pytest.raises(ConfigurationError, match="expected a number, 1 or more"):
        Schedule.of({"pools": {"training": places}})
    assert Schedule.of({"pools": {"training": 2}, "a": {"pool": "training"}}).pools == {"training": 2}


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
        "fx_training": ("0 0 * * *", "Asia/Singapore"),
        "equity_training": ("0 2 * * 2-6", "America/New_York"),
        "equity_predictions": ("0 6 * * 1-5", "America/New_York"),
        "fx_predictions": ("0 6 * * 1-5", "Asia/Singapore"),
        "equity_validation": (None, "UTC"),
        "fx_validation": (None, "UTC"),
        "backup": ("30 0 * * *", "UTC"),
        "backup_weekly": ("30 1 * * 0", "UTC"),
    }
    assert {name: (job.schedule, job.timezone) for name, job in schedule.items()} == asked
    assert all((job.retries, job.retry_delay_minutes) == (3, 5) for job in schedule.values())
    for market in ("equity", "fx"):
        assert schedule.triggered_by(f"{market}_training") == (f"{market}_validation",)
        assert schedule[f"{market}_training"].retrains == market
        assert schedule[f"{market}_training"].waits_for == (f"{market}.bronze_bars",)
    assert sum(job.retrains is not None for job in schedule.values()) == 2
    assert schedule.triggered_by("ingestion") == ()


def test_each_job_makes_what_it_says_and_all_of_them_make_what_one_run_makes(project_path):
    """A name in `makes` is an output; and no node of a whole run is in no job."""
    pipelines = register_pipelines()
    schedule = {name: job for name, job in read_schedule(project_path, "local").items() if job.command is None}
    for name, job in schedule.items():
        assert set(job.makes) <= pipelines[name].all_outputs(), name
        assert job.makes, name
    done = {node.name for name in schedule for node in pipelines[name].nodes}
    # What is said on a schedule is recorded as the API's answers are; what is run by hand is not.
    recorded = {f"evaluation.{market}.state_newest" for market in MARKETS}
    assert done == {node.name for node in pipelines["__default__"].nodes} | recorded


def test_a_training_evaluates_nothing_and_a_validation_trains_nothing():
    pipelines = register_pipelines()
    for market in ("equity", "fx"):
        training, validation = pipelines[f"{market}_training"], pipelines[f"{market}_validation"]
        assert not {node.name for node in training.nodes} & {node.name for node in validation.nodes}
        assert f"{market}.candidates" in training.all_outputs()
        assert f"{market}.champion" not in training.all_outputs()
        assert f"{market}.candidates" in validation.inputs()
        assert [node.name for node in pipelines[f"{market}_predictions"].nodes] == [
            f"evaluation.{market}.predict_latest",
            f"evaluation.{market}.state_newest",
        ]
