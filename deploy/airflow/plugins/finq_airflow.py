"""What all DAGs of the project are made of: a task that runs a stage, one that waits for fresh data, one that trains.

Airflow lives in an environment of its own: it starts the project's commands and imports none of the project's code.
This file belongs into the folder of its plugins, which is on the path of everything that Airflow runs.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import (
    Asset,
    AssetAny,
    AssetOrTimeSchedule,
    BaseOperator,
    BaseSensorOperator,
    Context,
    CronTriggerTimetable,
)
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException
from airflow.triggers.base import BaseTrigger, TriggerEvent

REQUEST = "retrain_request"
# Exit codes of the project's commands: what was asked for is not there. Anything else but 0 is an error.
NOT_THERE = 3
LONGEST_ANSWER_S = 60.0
POKE_S = float(os.environ.get("FINQ_AIRFLOW_POKE_SECONDS", "30"))

log = logging.getLogger("finq.airflow")


@dataclass(frozen=True)
class Project:
    """Where the project is and how its commands are told what they work on.

    Attributes:
        folder: The checkout, in which commands run.
        kedro: Its ``kedro``; ``finq`` lies beside it.
        environment: Overlay of the configuration.
        params: Further ``--params`` of each run, such as ``data_root=/srv/finq``.
    """

    folder: str = field(default_factory=lambda: os.environ.get("FINQ_PROJECT", os.getcwd()))
    kedro: str = field(default_factory=lambda: os.environ.get("FINQ_KEDRO", ""))
    environment: str = field(default_factory=lambda: os.environ.get("FINQ_KEDRO_ENV", "local"))
    params: str = field(default_factory=lambda: os.environ.get("FINQ_KEDRO_PARAMS", ""))

    def program(self, name: str) -> str:
        """The path of ``kedro`` or ``finq``; of anything else the name."""
        kedro = self.kedro or os.path.join(self.folder, ".venv", "bin", "kedro")
        return os.path.join(os.path.dirname(kedro), name) if name in ("kedro", "finq") else name

    @property
    def variables(self) -> dict[str, str]:
        """What the commands read of it."""
        return {
            "FINQ_PROJECT": self.folder,
            "FINQ_KEDRO": self.program("kedro"),
            "FINQ_KEDRO_ENV": self.environment,
            "FINQ_KEDRO_PARAMS": self.params,
        }


# Who is told ----------------------------------------------------------------------------------------------------------


def tell_failure(context: Context) -> None:
    """Have the project's channels told that a task failed, once its retries are spent.

    A failed task is not to hang or fail again because nobody can be told: the command has a minute, then it is ended
    with all that it started, and whatever goes wrong is a line of the log.
    """
    project = Project()
    try:
        instance, error = context["task_instance"], context.get("exception")
        name = f"{instance.dag_id}.{instance.task_id}"
        why = f"{error or 'its process ended without a word'} (run {instance.run_id}, try {instance.try_number})"
        log.error("%s failed: %s", name, why)
        words = [project.program("finq"), "notify", "--failed", name, "--why", why[:1000]]
        process = subprocess.Popen(
            words,
            cwd=project.folder,
            env={**os.environ, **project.variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            said, _ = process.communicate(timeout=LONGEST_ANSWER_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate(timeout=5)
            log.error("Nobody could be told within %.0f s.", LONGEST_ANSWER_S)
            return
        log.log(logging.ERROR if process.returncode else logging.INFO, "finq notify: %s", said.strip()[-2000:])
    except Exception:
        log.exception("Nobody could be told.")


def default_args(
    owner: str,
    retries: int,
    retry_delay_minutes: float,
    max_retry_delay_minutes: float,
    timeout_minutes: float,
    pool: str,
) -> dict[str, Any]:
    """What holds for every task of a DAG."""
    return {
        "owner": owner,
        "retries": retries,
        "retry_delay": timedelta(minutes=retry_delay_minutes),
        "retry_exponential_backoff": True,
        "max_retry_delay": timedelta(minutes=max_retry_delay_minutes),
        "execution_timeout": timedelta(minutes=timeout_minutes),
        "pool": pool,
        "on_failure_callback": tell_failure,
    }


# When -----------------------------------------------------------------------------------------------------------------


def schedule(cron: str | None, timezone: str, triggered_by: Sequence[str] = (), retrains: str | None = None) -> Any:
    """When a DAG runs.

    Args:
        cron: When by the clocks; None for no time.
        timezone: Whose clocks.
        triggered_by: Datasets; each one that is made anew starts it.
        retrains: Market whose request for training starts it.

    Returns:
        Times, assets, both or None.
    """
    names = [*triggered_by, *([f"{retrains}.{REQUEST}"] if retrains else [])]
    times = CronTriggerTimetable(cron, timezone=timezone) if cron else None
    if not names:
        return times
    assets = AssetAny(*map(Asset, names))
    return assets if times is None else AssetOrTimeSchedule(timetable=times, assets=assets)


# What -----------------------------------------------------------------------------------------------------------------


def tasks(
    pipeline: str,
    stages: Mapping[str, tuple[str, Sequence[str]]],
    *,
    waits_for: Sequence[str] = (),
    fresh_minutes: float = 30,
    wait_minutes: float = 30,
    makes: Sequence[str] = (),
    project: Project | None = None,
) -> None:
    """Make the tasks of the DAG that is being made: wait for the data, run the stages, tell what is new.

    Args:
        pipeline: The pipeline that is run, which is also the name of the job.
        stages: Stage -> how it is selected, and the stages before it.
        waits_for: Tables of bronze that have to be fresh before the first stage begins.
        fresh_minutes: What came longer ago is not fresh.
        wait_minutes: So long it is waited for.
        makes: Datasets that are new when the last stage has ended.
        project: Where it is; None for what the environment says.
    """
    project = project or Project()
    made = {
        name: _stage(project, pipeline, name, ["kedro", "run", "--pipelines", pipeline, *selection.split()])
        for name, (selection, _) in stages.items()
    }
    for name, (_, before) in stages.items():
        for earlier in before:
            made[earlier] >> made[name]
    _frame(project, list(made.values()), waits_for, fresh_minutes, wait_minutes, makes)


def command(job: str, words: Sequence[str], *, project: Project | None = None, **frame: Any) -> None:
    """Make the tasks of a job that runs a command of its own; as :func:`tasks`."""
    project = project or Project()
    task = _stage(project, job, job, words)
    given = {"waits_for": (), "fresh_minutes": 30, "wait_minutes": 30, "makes": (), **frame}
    _frame(project, [task], **given)


def _frame(
    project: Project,
    stages: Sequence[BaseOperator],
    waits_for: Sequence[str],
    fresh_minutes: float,
    wait_minutes: float,
    makes: Sequence[str],
) -> None:
    first = [task for task in stages if not task.upstream_list]
    (last,) = (task for task in stages if not task.downstream_list)
    if waits_for:
        wait = FreshBronze(
            task_id="wait_for_bronze",
            datasets=tuple(waits_for),
            fresh_minutes=fresh_minutes,
            wait_minutes=wait_minutes,
            project=project,
        )
        wait >> first
    for dataset in makes:
        market, _, name = dataset.partition(".")
        if name == REQUEST:
            last >> TrainOnRequest(task_id=f"train_{market}_on_request", market=market, project=project)
        else:
            last.add_outlets([Asset(dataset)])


def _stage(project: Project, job: str, task_id: str, words: Sequence[str]) -> BashOperator:
    """Run a command in the project's environment; a run of Kedro gets overlay and parameters from the environment."""
    line = ['exec "$TASK_PROGRAM"', *(f'"$TASK_WORD_{place}"' for place in range(1, len(words)))]
    given = {f"TASK_WORD_{place}": word for place, word in enumerate(words) if place}
    if tuple(words[:2]) == ("kedro", "run"):
        line.insert(2, '--env "$FINQ_KEDRO_ENV"')
        line.append('${FINQ_KEDRO_PARAMS:+--params "$FINQ_KEDRO_PARAMS"}')
    return BashOperator(
        task_id=task_id.replace(".", "__"),
        bash_command=" ".join(line),
        cwd=project.folder,
        append_env=True,
        # What a job says is not code: neither a shell nor a template reads it.
        env={
            **{name: _plain(value) for name, value in {**project.variables, **given}.items()},
            "TASK_PROGRAM": project.program(words[0]),
            "FINQ_SCHEDULE_JOB": job,
            "FINQ_RUN_ID": "{{ dag.dag_id }}/{{ run_id }}",
            "FINQ_SCHEDULED_FOR": "{{ dag_run.run_after.isoformat() }}",
        },
        # 99 is an error like any other.
        skip_on_exit_code=None,
    )


def _plain(text: str) -> str:
    return text if "{" not in text else "{% raw %}" + text + "{% endraw %}"


# Waiting --------------------------------------------------------------------------------------------------------------


class FreshBronze(BaseSensorOperator):
    """Wait until tables of bronze are fresh, without a place among the tasks; too long is a failure without a retry.

    Args:
        datasets: The tables, as the catalog names them.
        fresh_minutes: What came longer ago is not fresh.
        wait_minutes: So long it waits.
        project: Where the project is.
    """

    def __init__(
        self, *, datasets: tuple[str, ...], fresh_minutes: float, wait_minutes: float, project: Project, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.datasets, self.fresh_minutes, self.wait_minutes = datasets, fresh_minutes, wait_minutes
        self.project = project

    def execute(self, context: Context) -> None:  # noqa: ARG002 - the signature is Airflow's
        """Look once, and hand over to the triggerer where they are not there yet."""
        words = [self.project.program("finq"), "data", "fresh", "--within", f"{self.fresh_minutes:g}", *self.datasets]
        variables = self.project.variables
        code, said = asyncio.run(_ask(words, self.project.folder, variables))
        self.log.info("%s", said)
        if code == 0:
            return
        if code != NOT_THERE:
            raise AirflowException(f"It cannot be seen whether the data are fresh: {said}")
        until = datetime.now(UTC) + timedelta(minutes=self.wait_minutes)
        trigger = FreshBronzeTrigger(words, self.project.folder, variables, until.isoformat(), POKE_S)
        # The trigger itself ends in time; this ends the wait where no triggerer runs.
        limit = timedelta(minutes=self.wait_minutes) + timedelta(seconds=2 * LONGEST_ANSWER_S)
        self.defer(trigger=trigger, method_name="resume", timeout=limit)

    def resume(self, context: Context, event: Mapping[str, Any]) -> None:  # noqa: ARG002 - as well
        """What the triggerer found."""
        if event["state"] == "late":
            raise AirflowFailException(f"It waited {self.wait_minutes:g} min in vain: {event['said']}")
        if event["state"] == "error":
            raise AirflowException(f"It cannot be seen whether the data are fresh: {event['said']}")
        self.log.info("%s", event["said"])


class FreshBronzeTrigger(BaseTrigger):
    """Ask the project again and again whether tables of bronze are fresh.

    Args:
        words: The command: 0 is yes, 3 is no.
        folder: Where it runs.
        variables: Environment that it runs with.
        until: When to give up, ISO 8601; a triggerer that takes over knows it, too.
        poke_s: Seconds between two questions.
    """

    def __init__(self, words: list[str], folder: str, variables: dict[str, str], until: str, poke_s: float) -> None:
        super().__init__()
        self.words, self.folder, self.variables, self.until, self.poke_s = words, folder, variables, until, poke_s

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """What another process makes it of."""
        names = ("words", "folder", "variables", "until", "poke_s")
        return "finq_airflow.FreshBronzeTrigger", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Ask until they are fresh, or it is too late."""
        until = datetime.fromisoformat(self.until)
        while True:
            code, said = await _ask(self.words, self.folder, self.variables)
            if code != NOT_THERE:
                yield TriggerEvent({"state": "fresh" if code == 0 else "error", "said": said})
                return
            left = (until - datetime.now(UTC)).total_seconds()
            if left <= 0:
                yield TriggerEvent({"state": "late", "said": said})
                return
            await asyncio.sleep(min(self.poke_s, left))


async def _ask(words: Sequence[str], folder: str, variables: Mapping[str, str]) -> tuple[int | None, str]:
    """The exit code of a command and what it said; None where it does not come to its end."""
    process = await asyncio.create_subprocess_exec(
        *words,
        cwd=folder,
        env={**os.environ, **variables},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), LONGEST_ANSWER_S)
    except TimeoutError:
        return None, f"{os.path.basename(words[0])} did not answer within {LONGEST_ANSWER_S:g} s"
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, " ".join(said.decode(errors="replace").split())[-1000:]


# Training on request --------------------------------------------------------------------------------------------------


class TrainOnRequest(BaseOperator):
    """Start the training of a market whose request is open, once for each request; else skip.

    Args:
        market: The market.
        project: Where the project is.
    """

    def __init__(self, *, market: str, project: Project, **kwargs: Any) -> None:
        asset = Asset(f"{market}.{REQUEST}")
        super().__init__(inlets=[asset], outlets=[asset], **kwargs)
        self.market, self.project = market, project

    def execute(self, context: Context) -> str:
        """Tell of the request, on which the training is scheduled."""
        words = [self.project.program("finq"), "retrain", "--market", self.market, "--open"]
        code, said = asyncio.run(_ask(words, self.project.folder, self.project.variables))
        if code == NOT_THERE:
            raise AirflowSkipException(said)
        if code != 0:
            raise AirflowException(f"It cannot be seen whether a training was asked for: {said}")
        asset = Asset(f"{self.market}.{REQUEST}")
        told = list(context["inlet_events"][asset].ascending(False).limit(1))
        if told and (told[0].extra or {}).get("request") == said:
            raise AirflowSkipException(f"{said} was told already")
        context["outlet_events"][asset].extra = {"request": said}
        return said
