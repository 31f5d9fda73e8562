"""What came of trying challengers, as an input of a pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from finq_predictor.adapters.datasets.read_only import ReadOnlyDataset
from finq_predictor.adapters.layout import locate
from finq_predictor.adapters.live_trials import read_report
from finq_predictor.domain.evaluation.live_trials import ExperimentReport


class LiveTrialsDataset(ReadOnlyDataset[ExperimentReport | None]):
    """The last comparison of what was served: None where nothing was ever tried.

    It is made beside the service from the store of what was answered, by the keeper and by `finq experiment report`;
    a run reads what was left, so that it needs no database.

    Args:
        filepath: Where it is left, as the layout has it.
        metadata: For other tools, such as kedro-viz.
    """

    refusal: ClassVar[str] = "What was tried is compared by the service; run: finq experiment report"

    def __init__(self, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def load(self) -> ExperimentReport | None:
        """The last report.

        Raises:
            StoreError: If it cannot be read; says how to make it anew.
        """
        where = locate(self._path)
        return read_report(where.root, where.market)

    def _exists(self) -> bool:
        return self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._path.as_posix()}
