"""Runs in MLflow, written through an explicit client: the active run of kedro-mlflow is never touched."""

from __future__ import annotations

import json
import math
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, is_dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import RootModel

from finq_predictor.adapters.atomic_file import is_of_the_dead, own_name
from finq_predictor.adapters.environment.reading import foreign
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.object_store.address import is_url
from finq_predictor.adapters.secret_values import read_secret
from finq_predictor.adapters.tracking_database import prepare
from finq_predictor.adapters.typed_json import plain
from finq_predictor.domain.errors import UnknownNameError
from finq_predictor.domain.modelling.search import TrialState

_MLFLOWS = "MLFLOW_TRACKING_URI"
# What the environment said before MLflow had been told to use it.
_by_users = {foreign(_MLFLOWS)}
PARENT = "mlflow.parentRunId"
WRITER, IDENTITY = "writer", "identity"
# How MLflow closes the run of a trial.
CLOSED = {TrialState.COMPLETE: "FINISHED", TrialState.PRUNED: "KILLED", TrialState.FAIL: "FAILED"}


@dataclass(frozen=True)
class TrackedRun:
    """All that is written about one model.

    Attributes:
        model: Name of the model; the run is named after it and the time.
        params: What the model was trained with; text, or what JSON can say.
        metrics: Numbers; those that are not finite are left out.
        tags: Lineage, such as the data hash.
        artifacts: File name -> text, bytes, typed value, JSON-able mapping, frame or matplotlib figure.
        identity: Equal for runs that found the same; none is written where a finished one has it. Empty: always write.
        trials: Search trials (``trial``, ``value``, ``duration_s``, ``state``, ``params``), written as nested runs.
    """

    model: str
    params: Mapping[str, object]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    artifacts: Mapping[str, object] = field(default_factory=dict)
    trials: pd.DataFrame | None = None
    identity: str = ""


@dataclass(frozen=True)
class RunIdentity:
    """Where a run is found.

    Attributes:
        experiment: Name of the experiment.
        run_id: Identifier that MLflow gave it.
        run_name: Model and time.
    """

    experiment: str
    run_id: str
    run_name: str


class TrackedRuns(RootModel[Mapping[str, RunIdentity]], frozen=True):
    """The last runs, by name of the model."""

    def get(self, model: str) -> RunIdentity | None:
        """The run of a model; None where it has none."""
        return self.root.get(model)

    def of(self, model: str) -> RunIdentity:
        """The run of a model.

        Raises:
            UnknownNameError: If it has none.
        """
        if model not in self.root:
            raise UnknownNameError("tracked model", model, self.root)
        return self.root[model]


@dataclass(frozen=True)
class Attachment:
    """Files for runs that are already written.

    Attributes:
        run_ids: The runs; each gets all files.
        artifacts: File name -> content, as in `TrackedRun`.
        tags: Tags that each of the runs gets.
    """

    run_ids: tuple[str, ...]
    artifacts: Mapping[str, object]
    tags: Mapping[str, str] = field(default_factory=dict)


def utc_now() -> datetime:
    """The time of the machine, in UTC."""
    return datetime.now(UTC)


def given_tracking_uri() -> str:
    """The server or database of MLflow that the environment names; empty where it names none.

    MLflow writes into the environment which store it was told to use, for processes that it starts. That says nothing
    of what the user wants for another folder of data.
    """
    found = read_secret("FINQ_TRACKING_URI", "the address")
    said = "" if found is None else found.decode("latin-1")
    if said != _told_to_mlflow():
        _by_users.add(said)
    return said if said != foreign(_MLFLOWS) or said in _by_users else ""


def _told_to_mlflow() -> str | None:
    """What MLflow was told to use in this process; None where it was told nothing, or is not even imported."""
    return getattr(sys.modules.get("mlflow.tracking._tracking_service.utils"), "_tracking_uri", None)


def location_of(place: str, tracking_uri: str) -> str | None:
    """Where the files of a new experiment lie.

    Args:
        place: A folder, or the URL of an object store.
        tracking_uri: Of the store of experiments. A server has a place of its own, which other machines reach too:
            then None, unless it is an object store that was named.
    """
    return place if is_url(place) or not tracking_uri.startswith(("http://", "https://")) else None


def tracking_uri_of(layout: Layout) -> str:
    """Where the experiments and models of a folder of data are kept."""
    return given_tracking_uri() or layout.tracking_uri


class Tracker:
    """Writes runs of one experiment.

    Args:
        tracking_uri: Such as ``Layout.tracking_uri``; the folder is made if needed.
        artifact_root: Folder, or ``s3://bucket/prefix``, below which a new experiment keeps its artifacts.
        experiment: Name of the experiment; made if absent, restored if deleted.
        clock: Gives the time that names a run.
    """

    def __init__(
        self, tracking_uri: str, artifact_root: str | Path, experiment: str, clock: Callable[[], datetime] = utc_now
    ) -> None:
        self.tracking_uri, self.artifact_root, self.experiment, self.clock = (
            tracking_uri,
            artifact_root,
            experiment,
            clock,
        )

    def write(self, run: TrackedRun) -> RunIdentity:
        """Write one run and its nested trials, unless a run that found the same is there already."""
        client = connect(self.tracking_uri)
        experiment_id = self._experiment_id(client)
        close_killed(client, experiment_id)
        if run.identity and (known := self._finished(client, experiment_id, run.identity)) is not None:
            return known
        name = f"{run.model}-{self.clock():%Y%m%d-%H%M}"
        tags = {**run.tags, WRITER: own_name(), **({IDENTITY: run.identity} if run.identity else {})}
        run_id = client.create_run(experiment_id, tags=tags, run_name=name).info.run_id
        try:
            self._fill(client, run_id, run.params, run.metrics)
            _log_artifacts(client, run_id, run.artifacts)
            if run.trials is not None:
                for trial in run.trials.to_dict("records"):
                    self._write_trial(client, experiment_id, run_id, run.model, trial)
        except BaseException:
            client.set_terminated(run_id, status="FAILED")
            raise
        client.set_terminated(run_id)
        return RunIdentity(experiment=self.experiment, run_id=run_id, run_name=name)

    def attach(self, attachment: Attachment) -> None:
        """Add files and tags to finished runs."""
        client = connect(self.tracking_uri)
        for run_id in attachment.run_ids:
            for name, value in attachment.tags.items():
                client.set_tag(run_id, name, value)
            _log_artifacts(client, run_id, attachment.artifacts)

    def _finished(self, client: Any, experiment_id: str, identity: str) -> RunIdentity | None:
        wanted = f"tags.{IDENTITY} = '{identity}' and attributes.status = 'FINISHED'"
        found = client.search_runs([experiment_id], wanted, max_results=1, order_by=["attributes.start_time ASC"])
        return RunIdentity(self.experiment, found[0].info.run_id, found[0].info.run_name) if found else None

    def _experiment_id(self, client: Any) -> str:
        found = client.get_experiment_by_name(self.experiment)
        if found is None:
            return str(client.create_experiment(self.experiment, artifact_location=self._location()))
        if found.lifecycle_stage == "deleted":
            client.restore_experiment(found.experiment_id)
        return str(found.experiment_id)

    def _location(self) -> str | None:
        if is_url(self.artifact_root):
            return f"{str(self.artifact_root).rstrip('/')}/{self.experiment}"
        if location_of(str(self.artifact_root), self.tracking_uri) is None:
            return None
        location = Path(self.artifact_root).resolve() / self.experiment
        location.mkdir(parents=True, exist_ok=True)
        return location.as_uri()

    def _fill(self, client: Any, run_id: str, params: Mapping[str, object], metrics: Mapping[str, float]) -> None:
        from mlflow.entities import Metric, Param

        now = int(self.clock().timestamp() * 1000)
        # MLflow refuses parameters of more than 6,000 characters.
        rows = [Param(key, _text(value)[:6000]) for key, value in params.items()]
        values = [Metric(key, float(value), now, 0) for key, value in metrics.items() if math.isfinite(value)]
        for start in range(0, max(len(rows), len(values)), 100):
            client.log_batch(run_id, params=rows[start : start + 100], metrics=values[start : start + 100])

    def _write_trial(self, client: Any, experiment_id: str, parent: str, model: str, trial: Mapping[str, Any]) -> None:
        name = f"{model}-trial-{int(trial['trial']):03d}"
        state = _state(str(trial["state"]))
        tags = {PARENT: parent, "state": state.value, WRITER: own_name()}
        run_id = client.create_run(experiment_id, tags=tags, run_name=name).info.run_id
        params = trial.get("params", {})
        numbers = {key: float(trial[key]) for key in ("value", "duration_s") if pd.notna(trial.get(key))}
        self._fill(client, run_id, json.loads(params) if isinstance(params, str) else params, numbers)
        client.set_terminated(run_id, status=CLOSED[state])


def close_killed(client: Any, experiment_id: str) -> None:
    """Close the runs of an experiment that processes of this machine left open when they died."""
    for run in client.search_runs([experiment_id], "attributes.status = 'RUNNING'", max_results=1000):
        if is_of_the_dead(run.data.tags.get(WRITER, "")):
            client.set_terminated(run.info.run_id, status="KILLED")


def sign_active_run() -> None:
    """Write into the run that kedro-mlflow began who writes it, and close those whose writers died."""
    import mlflow

    run = mlflow.active_run()
    if run is not None:
        client = mlflow.MlflowClient()
        client.set_tag(run.info.run_id, WRITER, own_name())
        close_killed(client, run.info.experiment_id)


def connect(tracking_uri: str) -> Any:
    """An MLflow client; a new SQLite store is made, and one that was moved finds its files."""
    from mlflow import MlflowClient

    prepare(tracking_uri)
    return MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)


def _state(given: str) -> TrialState:
    try:
        return TrialState(given)
    except ValueError:
        raise UnknownNameError("state of a trial", given, [state.value for state in TrialState]) from None


def _log_artifacts(client: Any, run_id: str, artifacts: Mapping[str, object]) -> None:
    if not artifacts:
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, content in artifacts.items():
            path = Path(folder) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            _write_file(path, content)
        client.log_artifacts(run_id, folder)


def _write_file(path: Path, content: object) -> None:
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, str):
        path.write_text(content, encoding="utf-8")
    elif isinstance(content, pd.DataFrame):
        content.to_csv(path, index=False)
    elif hasattr(content, "savefig"):
        content.savefig(path)
    else:
        content = plain(content) if is_dataclass(content) else content
        path.write_text(json.dumps(content, indent=2, sort_keys=True, default=str), encoding="utf-8")


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)
