"""MLflow runs as catalog datasets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset, DatasetError

from finq_predictor.adapters.atomic_file import write_atomically
from finq_predictor.adapters.secrets import masked
from finq_predictor.adapters.tracking import Attachment, TrackedRun, TrackedRuns, Tracker
from finq_predictor.adapters.typed_json import from_json, to_json


class TrackedRunDataset(AbstractDataset[Sequence[TrackedRun], TrackedRuns]):
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
        runs = {run.model: self.tracker.write(run) for run in data}
        text = to_json(TrackedRuns(dict(sorted(runs.items()))))

        def write(temporary: Path) -> None:
            temporary.write_text(text, encoding="utf-8")

        write_atomically(self.path, write)

    def load(self) -> TrackedRuns:
        """Where the last runs are found, by model."""
        if not self.path.is_file():
            raise DatasetError(f"No run has been tracked yet: {self.path} is absent; run the evaluation pipeline.")
        return from_json(TrackedRuns, self.path.read_bytes(), self.path, "Run the evaluation pipeline again.")

    def _exists(self) -> bool:
        return self.path.is_file()

    def _describe(self) -> dict[str, Any]:
        return masked(
            {
                "experiment": self.tracker.experiment,
                "tracking_uri": self.tracker.tracking_uri,
                "filepath": str(self.path),
            }
        )


class TrackedReportDataset(AbstractDataset[Attachment, None]):
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

    def save(self, data: Attachment) -> None:
        """Attach the files to each of the runs."""
        self.tracker.attach(data)

    def load(self) -> None:
        """Refuse: the files live in the runs."""
        raise DatasetError("The report of a run is write only; open the report dataset, or the run in MLflow.")

    def _exists(self) -> bool:
        return False

    def _describe(self) -> dict[str, Any]:
        return masked({"experiment": self.tracker.experiment, "tracking_uri": self.tracker.tracking_uri})
