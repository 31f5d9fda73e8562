"""Settings of the Kedro project: hooks, where configuration comes from, no telemetry."""

from __future__ import annotations

import os
from pathlib import Path

from kedro.utils import find_kedro_project

from finq_predictor.hooks.data_root import DataRootHooks

# The libraries read these when they are first imported, which is after this file.
for _switch, _off in {
    "DO_NOT_TRACK": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "KEDRO_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}.items():
    os.environ.setdefault(_switch, _off)


def project_path(relative: str) -> str:
    """Make a path of the configuration absolute, from the project's root.

    A relative SQLite URL follows the working directory, and a notebook would make a database of its own.
    """
    root = find_kedro_project(Path.cwd()) or Path.cwd()
    return str((Path(root) / relative).resolve())


HOOKS = (DataRootHooks(),)
DISABLE_HOOKS_FOR_PLUGINS = ("kedro-telemetry",)
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    # An overlay says only what differs.
    "merge_strategy": {"parameters": "soft", "globals": "soft", "mlflow": "soft"},
    "custom_resolvers": {"project_path": project_path},
    "config_patterns": {"mlflow": ["mlflow*"], "airflow": ["airflow*"]},
}
