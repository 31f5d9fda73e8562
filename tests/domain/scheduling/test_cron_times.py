"""The times of cron expressions: by hand where clocks change, and as croniter and the real Airflow have them."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
from croniter import croniter
from hypothesis import given, settings
from hypothesis import strategies as st

from finq_predictor.adapters.scheduling.definition import read_schedule
from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.scheduling.cron import CronTimes

FIVE_YEARS = ("2023-01-01T00:00:00+00:00", "2028-01-01T00:00:00+00:00")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(expression: str, zone: str, start: str, hours: int) -> list[str]:
    """What is due, by the clocks of the zone with their distance from UTC."""
    times = CronTimes(expression, zone)
    found = times.between(utc(start), utc(start) + timedelta(hours=hours))
    return [moment.astimezone(times.zone).strftime("%d %H:%M%z") for moment in found]


def test_an_hour_that_is_left_out_is_made_up_an_hour_later():
    # New York goes from 02:00 to 03:00 on the 9th of March 2025.
    assert local("30 2 * * *", "America/New_York", "2025-03-08T00:00", 72) == [
        "08 02:30-0500",
        "09 03:30-0400",
        "10 02:30-0400",
    ]


def test_an_hour_that_comes_twice_counts_when_it_comes_again():
    # And back from 02:00 to 01:00 on the 2nd of November 2025.
    assert local("30 1 * * *", "America/New_York", "2025-11-01T00:00", 72) == [
        "01 01:30-0400",
        "02 01:30-0500",
        "03 01:30-0500",
    ]


def test_what_is_due_every_hour_is_due_in_both():
    found = local("*/30 * * * *", "America/New_York", "2025-11-02T04:59", 3)
    assert found == [
        "02 01:00-0400",
        "02 01:30-0400",
        "02 01:00-0500",
        "02 01:30-0500",
        "02 02:00-0500",
        "02 02:30-0500",
    ]
    assert local("0 * * * *", "America/New_York", "2025-03-09T06:30", 2) == ["09 03:00-0400", "09 04:00-0400"]


def test_a_day_of_the_month_or_of_the_week():
    found = local("0 12 13 * 5", "UTC", "2026-03-01T00:00", 24 * 15)
    assert found == ["06 12:00+0000", "13 12:00+0000"]
    assert local("0 12 13,20 * 5", "UTC", "2026-04-11T00:00", 24 * 10) == [
        "13 12:00+0000",
        "17 12:00+0000",
        "20 12:00+0000",
    ]


@pytest.mark.parametrize(
    ("expression", "zone", "said"),
    [
        ("* * * *", "UTC", "it has 4 fields"),
        ("0 0 * * * *", "UTC", "it has 6 fields"),
        ("61 * * * *", "UTC", "'61 \\* \\* \\* \\*' cannot be read"),
        ("0 0 30 2 *", "UTC", "cannot be read"),
        ("0 0 * * *", "Asia/Singapur", "no time zone 'Asia/Singapur'"),
        ("0 0 * * *", "../etc", "no time zone"),
    ],
)
def test_what_cannot_be_is_refused_and_said(expression, zone, said):
    with pytest.raises(ConfigurationError, match=said):
        CronTimes(expression, zone)


FIELDS = st.tuples(
    st.sampled_from(["0", "5", "*/15", "17,43", "10-20/5"]),
    st.sampled_from(["*", "0", "2", "*/6", "9-17", "1,2,3"]),
    st.sampled_from(["*", "1", "15,31"]),
    st.sampled_from(["*", "3", "11"]),
    st.sampled_from(["*", "1-5", "0", "7"]),
).map(" ".join)
MOMENTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))


@settings(max_examples=150, deadline=None)
@given(FIELDS, MOMENTS)
def test_where_clocks_never_change_times_are_those_of_croniter(expression, moment):
    times = CronTimes(expression, "UTC")
    theirs = croniter(expression, start_time=moment)
    ours = moment
    for _ in range(5):
        ours = times.after(ours)
        assert ours == theirs.get_next(datetime)


@settings(max_examples=150, deadline=None)
@given(FIELDS, MOMENTS, st.sampled_from(["America/New_York", "Europe/Zurich", "Asia/Singapore", "Australia/Lord_Howe"]))
def test_the_next_time_lies_ahead_and_none_lies_between(expression, moment, zone):
    times = CronTimes(expression, zone)
    due = times.after(moment)
    assert moment < due
    assert due.utcoffset() == timedelta(0)
    hourly_on_some_days = expression.split()[1] == "*" and expression.split()[2:] != ["*", "*", "*"]
    # There Airflow counts the hours of the days between, and a change of the clock among them moves what follows.
    if not hourly_on_some_days:
        assert times.after(moment + (due - moment) / 2) == due


# The real Airflow -----------------------------------------------------------------------------------------------------

AIRFLOW = """
import json, sys, pendulum
from airflow.timetables.trigger import CronTriggerTimetable
out = []
for expression, zone, start, end in json.load(sys.stdin):
    table = CronTriggerTimetable(expression, timezone=zone)
    moment, end, times = pendulum.parse(start), pendulum.parse(end), []
    while (moment := table._get_next(moment)) <= end:
        times.append(int(moment.timestamp()))
    out.append(times)
print("RESULT" + json.dumps(out))
"""
TRICKY = [
    ("30 2 * * *", "America/New_York"),
    ("30 1 * * *", "America/New_York"),
    ("0 2 * * 2-6", "Europe/Zurich"),
    ("*/20 2 * * *", "Europe/Zurich"),
    ("15 */6 * * *", "America/New_York"),
    ("0 0 * * *", "America/Santiago"),  # clocks change at midnight
    ("0 2 * * 0", "Australia/Lord_Howe"),  # by half an hour
    ("@daily", "Africa/Cairo"),
    ("0 6 1,15 * 1", "Asia/Kathmandu"),
]
HOURLY = [("*/30 * * * *", "America/New_York"), ("5 * * * *", "Australia/Lord_Howe"), ("*/20 * * * *", "Europe/Zurich")]
CHANGES = [
    f"{year}-{day}" for year in range(2023, 2028) for day in ("03-07", "03-25", "04-01", "10-01", "10-24", "10-31")
]


def assert_as_airflow(project_path, tmp_path, asked):
    python = project_path / ".venv-airflow" / "bin" / "python"
    if not python.exists():
        pytest.skip("no Airflow environment: `make test` makes .venv-airflow")
    environment = {**os.environ, "AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__UNIT_TEST_MODE": "False"}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [python, "-c", AIRFLOW], input=json.dumps(asked), env=environment, capture_output=True, text=True, timeout=500
    )
    line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT")), None)
    assert line, done.stdout[-1000:] + done.stderr[-3000:]
    for (expression, zone, start, end), theirs in zip(asked, json.loads(line.removeprefix("RESULT")), strict=True):
        times = CronTimes(expression, zone)
        ours = [int(t.timestamp()) for t in times.between(datetime.fromisoformat(start), datetime.fromisoformat(end))]
        assert ours == theirs, f"{expression} in {zone} from {start}"
        assert ours


def jobs_of(project_path):
    return {(job.schedule, job.timezone) for job in read_schedule(project_path, "local").values() if job.schedule}


def test_five_years_are_those_of_the_real_airflow(project_path, tmp_path):
    """What is due at most every few hours, over all five years; what comes more often, around changes of the clock."""
    jobs = jobs_of(project_path)
    rare = {(cron, zone) for cron, zone in jobs if cron.split()[1] != "*"}
    assert len(rare) >= 4
    asked = [(*one, *FIVE_YEARS) for one in sorted(rare | set(TRICKY))]
    for one in sorted((jobs - rare) | set(HOURLY)):
        for start in CHANGES[:3] if one[1] == "UTC" else CHANGES:
            end = datetime.fromisoformat(start) + timedelta(days=3)
            asked.append((*one, f"{start}T00:00:00+00:00", f"{end.isoformat()}+00:00"))
    assert_as_airflow(project_path, tmp_path, asked)


@pytest.mark.proof
@pytest.mark.slow
def test_five_years_of_every_job_are_those_of_the_real_airflow(project_path, tmp_path):
    asked = [(*one, *FIVE_YEARS) for one in sorted(jobs_of(project_path) | {("*/30 * * * *", "America/New_York")})]
    assert_as_airflow(project_path, tmp_path, asked)
