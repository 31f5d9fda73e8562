"""What Airflow needs beside the DAGs that are made of pipelines: its pools, and the DAGs of jobs that run a command."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from finq_predictor.adapters.atomic_file import write_text_atomically
from finq_predictor.adapters.scheduling.definition import read_blocks
from finq_predictor.domain.scheduling.jobs import DEFAULT, Schedule

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
    blocks = read_blocks(project, environment)
    schedule = Schedule.of(blocks)
    pools = {
        f"{PREFIX}{name}": {"slots": places, "description": f"Jobs of the pool {name}.", "include_deferred": False}
        for name, places in schedule.pools.items()
    }
    written = [_write(target / "pools.json", json.dumps(pools, indent=2) + "\n")]
    for name, job in schedule.items():
        if job.command is not None:
            block = {**(blocks.get(DEFAULT) or {}), **blocks[name]}
            file = target / "dags" / f"finq_predictor_{name}_dag.py"
            written.append(_write(file, _dag(project, name, block)))
    return written


def _dag(project: Path, name: str, block: Mapping[str, Any]) -> str:
    import jinja2

    # As kedro-airflow makes it, so that one template serves both.
    loader = jinja2.FileSystemLoader(project / "deploy" / "airflow")
    engine = jinja2.Environment(autoescape=True, loader=loader, lstrip_blocks=True)
    given = {"dag_id": f"{PREFIX}{name}", "description": "", **block}
    return engine.get_template("dag_template.j2").render(pipeline_name=name, **given)


def _write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    write_text_atomically(file, text)
    return file
