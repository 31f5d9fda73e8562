"""What Airflow needs beside the DAGs that are made of pipelines: its pools, and the DAGs of jobs that run a command."""

from __future__ import annotations

import json
from pathlib import Path

from finq_predictor.adapters.atomic_file import write_text_atomically
from finq_predictor.adapters.scheduling.definition import read_schedule
from finq_predictor.domain.scheduling.jobs import Job

PREFIX = "finq_"
"""Of the names of pools: others may have theirs in the same Airflow."""


def write_airflow_files(project: Path, environment: str, target: Path) -> list[Path]:
    """Write the pools, and a DAG for each job that has a command, by the template that makes the other DAGs as well.

    Args:
        project: Root of the project.
        environment: Overlay.
        target: Folder in which they are written: ``pools.json``, and the DAGs below ``dags``.

    Returns:
        What was written.

    Raises:
        ConfigurationError: If the schedule cannot be read.
    """
    schedule = read_schedule(project, environment)
    pools = {
        f"{PREFIX}{name}": {"slots": places, "description": f"Jobs of the pool {name}.", "include_deferred": False}
        for name, places in schedule.pools.items()
    }
    written = [_write(target / "pools.json", json.dumps(pools, indent=2) + "\n")]
    for name, job in schedule.items():
        if job.command is not None:
            file = target / "dags" / f"finq_predictor_{name}_dag.py"
            written.append(_write(file, _dag(project, name, job)))
    return written


def _dag(project: Path, name: str, job: Job) -> str:
    import jinja2

    # As kedro-airflow makes it, so that one template serves both.
    loader = jinja2.FileSystemLoader(project / "deploy" / "airflow")
    engine = jinja2.Environment(autoescape=True, loader=loader, lstrip_blocks=True)
    given = job.model_dump(mode="json") | {"dag_id": job.dag_id or f"{PREFIX}{name}"}
    return engine.get_template("dag_template.j2").render(pipeline_name=name, **given)


def _write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text_atomically(file, text)
    return file
