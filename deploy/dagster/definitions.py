"""The jobs of conf/base/airflow.yml as jobs of Dagster, and the datasets of the catalog as its assets.

`make dagster` opens it. Where the project is and what its runs are told say the variables that Airflow's tasks have.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
import dagster as dg
from kedro.framework.cli.utils import _split_params
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.pipeline.node import Node
from kedro_dagster import KedroProjectTranslator, translator
from kedro_dagster.nodes import NodeTranslator

from finq_predictor.adapters.scheduling.definition import Programs, read_schedule

PROGRAMS = Programs.of_environment()
# Experiments are tracked by the hooks of kedro-mlflow, as in every run; a second way beside it wants another package.
translator.is_mlflow_enabled = lambda: False


class Nodes(NodeTranslator):
    """As that of kedro-dagster, for typed parameters, and for nodes that are steps of more than one job."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._made: dict[str, dg.OpDefinition] = {}

    def create_op(
        self, node: Node, is_in_first_layer: bool = False, is_in_last_layer: bool = True, **parts: Any
    ) -> dg.OpDefinition:
        """A name is of one definition; a node that begins or ends one job and not another has several."""
        op = super().create_op(node, is_in_first_layer, is_in_last_layer, **parts)
        place = [word for word, there in (("first", is_in_first_layer), ("last", is_in_last_layer)) if there]
        name = "__".join([op.name, *place])
        return self._made.setdefault(name, op.with_replaced_properties(name=name))

    # What a node is told is a typed value, which Dagster's own settings cannot carry; the catalog has it.
    def _get_node_parameters_config(self, node: Node) -> type[dg.Config]:
        names, catalog = [name for name in node.inputs if name.startswith("params:")], self._catalog

        class Parameters(dg.Config):
            def model_dump(self, **_: Any) -> dict[str, Any]:
                return {name: catalog.load(name) for name in names}

        return Parameters


translator.NodeTranslator = Nodes


class ProjectTranslator(KedroProjectTranslator):
    """As that of kedro-dagster, with the parameters of the runs and the project's own schedule."""

    def initialize_kedro(self, conf_source: str | None = None) -> None:
        """Make the session with its parameters, and say which jobs there are and when."""
        self._project_metadata = bootstrap_project(self._project_path)
        words = click.Context(click.Command("run"))
        self._session = KedroSession.create(
            project_path=self._project_path,
            env=self._env,
            conf_source=conf_source,
            runtime_params=_split_params(words, click.Option(["--params"]), PROGRAMS.params),
        )
        self._session_id = self._session.session_id
        self._context = self._session.load_context()
        # The loader takes what is said here before it looks for a file: there is none but airflow.yml.
        self._context.config_loader["dagster"] = configuration(self._project_path, self._env)
        self._catalog = self._context.catalog
        self._pipelines = dict(pipelines)


def configuration(project: Path, environment: str) -> dict[str, Any]:
    """What kedro-dagster reads: a job for each that runs a pipeline, and its times.

    What one run has in memory, such as its claim to write, is in one process; so are the steps of a job.
    """
    jobs = {name: job for name, job in read_schedule(project, environment).items() if job.command is None}
    return {
        "executors": {"one_process": {"in_process": {}}},
        "schedules": {
            name: {"cron_schedule": job.schedule, "execution_timezone": job.timezone, "description": job.description}
            for name, job in jobs.items()
            if job.schedule is not None
        },
        "jobs": {
            name: {
                "pipeline": {"pipeline_name": name},
                "executor": "one_process",
                **({"schedule": name} if job.schedule is not None else {}),
            }
            for name, job in jobs.items()
        },
    }


def after(job: dg.JobDefinition, others: list[dg.JobDefinition], name: str) -> dg.SensorDefinition:
    """Start a job after the success of others."""

    @dg.run_status_sensor(
        run_status=dg.DagsterRunStatus.SUCCESS, monitored_jobs=others, request_job=job, name=f"{name}_follows"
    )
    def follows(context: dg.RunStatusSensorContext) -> dg.RunRequest:
        return dg.RunRequest(run_key=context.dagster_run.run_id)

    return follows


os.chdir(PROGRAMS.project)
location = ProjectTranslator(env=PROGRAMS.environment, project_path=PROGRAMS.project).to_dagster()
schedule = read_schedule(PROGRAMS.project, PROGRAMS.environment)
sensors = [
    after(
        location.named_jobs[name],
        [location.named_jobs[other] for other in schedule if name in schedule.triggered_by(other)],
        name,
    )
    for name, job in schedule.items()
    if job.triggered_by and name in location.named_jobs
]

# What a job makes is published together and by one that has claimed it: no asset is made alone.
known = [
    spec
    for asset in location.named_assets.values()
    for spec in ([asset] if isinstance(asset, dg.AssetSpec) else asset.specs)
]

defs = dg.Definitions(
    assets=known,
    resources=location.named_resources | {"io_manager": dg.mem_io_manager},
    jobs=list(location.named_jobs.values()),
    schedules=list(location.named_schedules.values()),
    # Without that of kedro-dagster for failures: it tells hooks of another process, and whoever failed has ended.
    sensors=sensors,
    executor=dg.in_process_executor,
)
