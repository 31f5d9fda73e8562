"""MLflow runs as catalog datasets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset, DatasetError

from finq_predictor.adapters.atomic_file import write_atomically
from finq_predictor.adapters.tracking import TrackedRun, Tracker

RunIds = dict[str, dict[str, str]]


class TrackedRunDataset(AbstractDataset[Sequence[TrackedRun], RunIds]):
    """Writes one MLflow run per model into ``finq-{market}``; loading gives their ids.

    Args:
        market: Name of the market.
        tracking_uri: Of the MLflow store, absolute.
        artifact_root: Folder for the artifacts of a new experiment.
        filepath: Where the ids are kept for later processes.
        metadata: Free to use, such as the layer for kedro-viz.
    """

    def __init__(
        self,
        *,
        market: str,
        tracking_uri: str,
        artifact_root: str,
        filepath: str,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self.tracker = Tracker(tracking_uri, artifact_root, f"finq-{market}")
        self.path = Path(filepath)
        self.metadata = metadata

    def save(self, data: Sequence[TrackedRun]) -> None:
        """Write the runs, then their ids."""
        ids = {run.model: self.tracker.write(run) for run in data}
        text = json.dumps(ids, indent=2, sort_keys=True)

        def write(temporary: Path) -> None:
            temporary.write_text(text, encoding="utf-8")

        write_atomically(self.path, write)

    def load(self) -> RunIds:
        """Model -> ``run_id``, ``run_name``, ``experiment`` of the last runs."""
        if not self.path.is_file():
            raise DatasetError(f"No run has been tracked yet: {self.path} is absent; run the evaluation pipeline.")
        ids: RunIds = json.loads(self.path.read_text(encoding="utf-8"))
        return ids

    def _exists(self) -> bool:
        return self.path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {
            "experiment": self.tracker.experiment,
            "tracking_uri": self.tracker.tracking_uri,
            "filepath": str(self.path),
        }


class TrackedReportDataset(AbstractDataset[dict[str, Any], None]):
    """Attaches files to runs that are already written. Write only.

    Args:
        market: Name of the market.
        tracking_uri: Of the MLflow store, absolute.
        artifact_root: Folder for the artifacts of a new experiment.
        metadata: Free to use, such as the layer for kedro-viz.
    """

    def __init__(
        self, *, market: str, tracking_uri: str, artifact_root: str, metadata: dict[str, Any] | None = None
    ) -> None:
        self.tracker = Tracker(tracking_uri, artifact_root, f"finq-{market}")
        self.metadata = metadata

    def save(self, data: dict[str, Any]) -> None:
        """Attach ``data["artifacts"]`` (file name -> content) to each of ``data["run_ids"]``."""
        for run_id in data["run_ids"]:
            self.tracker.attach(run_id, data["artifacts"])

    def load(self) -> None:
        """Refuse: the files live in the runs."""
        raise DatasetError("The report of a run is write only; open the report dataset, or the run in MLflow.")

    def _exists(self) -> bool:
        return False

    def _describe(self) -> dict[str, Any]:
        return {"experiment": self.tracker.experiment, "tracking_uri": self.tracker.tracking_uri}
