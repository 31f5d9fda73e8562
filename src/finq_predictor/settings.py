"""Settings of the Kedro project: hooks, where configuration comes from, no telemetry."""

from __future__ import annotations

import logging
from pathlib import Path

from kedro.utils import find_kedro_project

from finq_predictor.adapters.tracking import given_tracking_uri, location_of
from finq_predictor.hooks.credentials import CredentialsHooks
from finq_predictor.hooks.data_root import DataRootHooks
from finq_predictor.hooks.decisions import DecisionHooks
from finq_predictor.hooks.environment import EnvironmentHooks
from finq_predictor.hooks.error_place import ErrorPlaceHooks
from finq_predictor.hooks.invocation import InvocationHooks
from finq_predictor.hooks.notebooks import NotebookHooks
from finq_predictor.hooks.own_features import OwnFeatureHooks
from finq_predictor.hooks.progress import ProgressHooks
from finq_predictor.hooks.pushing import PushHooks
from finq_predictor.hooks.retraining import RetrainHooks
from finq_predictor.hooks.snapshots import SnapshotHooks
from finq_predictor.serving.settings import every_variable
from finq_predictor.switches import set_switches

# Before any library reads them.
set_switches()
# What libraries say about themselves goes to the log, where a user cannot act on it and does not see it.
logging.captureWarnings(True)


def project_path(relative: str) -> str:
    """Make a path of the configuration absolute, from the project's root.

    A relative SQLite URL follows the working directory, and a notebook would make a database of its own.
    """
    root = find_kedro_project(Path.cwd()) or Path.cwd()
    return str((Path(root) / relative).resolve())


def tracking_uri(database: str) -> str:
    """Where experiments and models are kept: where the environment says, else in a file."""
    return given_tracking_uri() or f"sqlite:///{database}"


def artifact_location(place: str) -> str | None:
    """Where the files of a new experiment lie; a server of MLflow has a place of its own for those of its clients."""
    return location_of(place, given_tracking_uri())


HOOKS = (
    EnvironmentHooks(every_variable),
    CredentialsHooks(),
    DataRootHooks(),
    OwnFeatureHooks(),
    InvocationHooks(),
    ProgressHooks(),
    ErrorPlaceHooks(),
    SnapshotHooks(),
    RetrainHooks(),
    DecisionHooks(),
    PushHooks(),
    NotebookHooks(),
)
DISABLE_HOOKS_FOR_PLUGINS = ("kedro-telemetry",)
CONFIG_LOADER_ARGS = {
    "base_env": "base",
    "default_run_env": "local",
    # An overlay says only what differs.
    "merge_strategy": {"parameters": "soft", "globals": "soft", "mlflow": "soft", "airflow": "soft"},
    "custom_resolvers": {
        "project_path": project_path,
        "tracking_uri": tracking_uri,
        "artifact_location": artifact_location,
    },
    "config_patterns": {"mlflow": ["mlflow*"], "airflow": ["airflow*"]},
}
