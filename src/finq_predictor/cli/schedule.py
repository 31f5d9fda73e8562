"""The command that runs the jobs of the project when they are due, without Airflow."""

from __future__ import annotations

import signal
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from finq_predictor.adapters.scheduling.definition import Programs
    from finq_predictor.adapters.scheduling.scheduler import Scheduler
    from finq_predictor.domain.scheduling.jobs import Job, Schedule

_MOST_SHOWN = 200
_CLOCKS = 37


@click.command()
@click.option(
    "--root", type=click.Path(path_type=Path), help="Folder of the data.  [default: that of the configuration]"
)
@click.option(
    "--env", envvar=["FINQ_KEDRO_ENV", "KEDRO_ENV"], default="local", show_default=True, help="Overlay of the jobs."
)
@click.option("--params", envvar="FINQ_KEDRO_PARAMS", default="", help="Further --params of each kedro run.")
@click.option("--list", "listed", is_flag=True, help="Only show the next runs.")
@click.option(
    "--days", type=click.FloatRange(min=0, max=366), default=1.0, show_default=True, help="How far --list looks."
)
@click.option(
    "--airflow",
    type=click.Path(path_type=Path),
    help="Only write into this folder what Airflow needs beside the DAGs of the pipelines.",
)
@click.option("--health", "asked", is_flag=True, help="Only say whether the scheduler works; ends with 1 where not.")
@click.option("--once", metavar="JOB", help="Run one job now, and what it leads to, then end.")
@click.option(
    "--grace",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="Seconds that running jobs have left when it is stopped.",
)
@click.option(
    "--metrics",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Another file for its figures, such as one of the node exporter's folder.",
)
def schedule(
    root: Path | None,
    env: str,
    params: str,
    listed: bool,
    days: float,
    airflow: Path | None,
    asked: bool,
    once: str | None,
    grace: float,
    metrics: tuple[Path, ...],
) -> None:
    """Run the jobs of conf/base/airflow.yml when they are due, until it is stopped; a line of JSON for each event.

    What it did lies below the folder of the data. One that was killed and is started again goes on where it was.
    """
    from finq_predictor.adapters.scheduling.definition import Programs, data_root, read_schedule

    if root is not None:
        root = root.resolve()
        params = ",".join([*filter(None, params.split(",")), f"data_root={root}"])
    programs = Programs.of_environment(env, params)
    if airflow is not None:
        _write_for_airflow(programs.project, env, airflow)
        return
    if asked:
        _say_how_it_is(root or data_root(programs.project, env, params))
        return
    jobs = read_schedule(programs.project, env)
    if listed:
        _show(jobs, days)
        return
    place = root or data_root(programs.project, env, params)
    keeper = _scheduler(jobs, programs, place, metrics)
    try:
        _run(keeper, once, grace)
    finally:
        keeper.close()


def _write_for_airflow(project: Path, env: str, target: Path) -> None:
    from finq_predictor.adapters.scheduling.airflow_files import write_airflow_files

    for file in write_airflow_files(project, env, target):
        click.echo(f"wrote {file}")


def _say_how_it_is(root: Path) -> None:
    from finq_predictor.adapters.layout import Layout
    from finq_predictor.adapters.scheduling.single_process import require_well

    click.echo(require_well(Layout(root).schedule, datetime.now(UTC)))


def _scheduler(jobs: Schedule, programs: Programs, root: Path, metrics: tuple[Path, ...]) -> Scheduler:
    from finq_predictor.adapters.bronze.arrivals import not_fresh
    from finq_predictor.adapters.layout import Layout
    from finq_predictor.adapters.retraining import open_requests
    from finq_predictor.adapters.scheduling.scheduler import Means, Scheduler

    means = Means(
        programs.commands(jobs),
        programs.project,
        requests=lambda: open_requests(root),
        waits=lambda job, now: not_fresh(root, job.waits_for, job.fresh, now),
        metrics=metrics,
        told=programs.told,
    )
    return Scheduler(jobs, Layout(root).schedule, means)


def _run(keeper: Scheduler, once: str | None, grace: float) -> None:
    from finq_predictor.adapters.scheduling.ledger import RunState
    from finq_predictor.adapters.scheduling.pushing import gateway_of, job_gauges, push
    from finq_predictor.adapters.scheduling.single_process import only_scheduler

    stop = threading.Event()
    for which in (signal.SIGTERM, signal.SIGINT):
        signal.signal(which, lambda *_: stop.set())
    if once is None:
        with only_scheduler(keeper.folder):
            keeper.work(stop, grace)
        return
    # An address that is none ends it before it begins.
    gateway = gateway_of()
    runs = keeper.work_once(once, stop, grace)
    for run in runs:
        if gateway is not None and run.started_at is not None and run.ended_at is not None:
            took, is_bad = (run.ended_at - run.started_at).total_seconds(), run.state is not RunState.SUCCEEDED
            push(gateway, run.job, job_gauges(run.job, took, run.ended_at, is_bad))
    failed = [f"{run.job} ({run.note or run.state})" for run in runs if run.state is not RunState.SUCCEEDED]
    if failed:
        raise click.ClickException(f"{', '.join(failed)}; what was written: {keeper.folder / 'runs'}")


def _show(jobs: Schedule, days: float) -> None:
    """The next run of each job, then all that is due; jobs without times last."""
    now = datetime.now(UTC)
    width = max(map(len, jobs))
    click.echo(f"{'job':<{width}}  {'next run, by its clocks':<{_CLOCKS}}  {'UTC':<16}  how")
    timed = sorted((job.times.after(now), name) for name, job in jobs.items() if job.times is not None)
    for moment, name in timed:
        click.echo(_line(name, jobs[name], moment, width) + f"  {_how(jobs[name])}")
    for name, job in jobs.items():
        if job.times is None:
            after = f"when {' or '.join(job.triggered_by)} is made" if job.triggered_by else "only by hand"
            click.echo(f"{name:<{width}}  {after}")
    coming = jobs.coming(now, now + timedelta(days=days))
    click.echo(
        f"\n{len(coming):,} runs within {days:g} {'day' if days == 1 else 'days'}"
        + (f", the first {_MOST_SHOWN}:" if len(coming) > _MOST_SHOWN else ":")
    )
    for moment, name in coming[:_MOST_SHOWN]:
        click.echo(_line(name, jobs[name], moment, width))


def _line(name: str, job: Job, moment: datetime, width: int) -> str:
    from finq_predictor.domain.scheduling.cron import time_zone

    there = f"{moment.astimezone(time_zone(job.timezone)):%a %Y-%m-%d %H:%M} {job.timezone}"
    return f"{name:<{width}}  {there:<{_CLOCKS}}  {moment:%Y-%m-%d %H:%M}"


def _how(job: Job) -> str:
    early = f", or on request for {job.retrains}" if job.retrains else ""
    return f"{job.schedule}{early}; when missed: {job.catch_up}"
