"""What was decided before, as an input of a pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from finq_predictor.adapters.datasets.read_only import ReadOnlyDataset
from finq_predictor.adapters.layout import locate
from finq_predictor.adapters.promotion_log import PromotionLogFile
from finq_predictor.domain.promotion.log import PromotionLog


class PromotionLogDataset(ReadOnlyDataset[PromotionLog]):
    """Read-only dataset: the log of decisions of a market; without records before the first.

    A decision is entered by saving the champion, in the same step in which it is carried out.

    Args:
        filepath: The log, as the layout has it.
        metadata: For other tools, such as kedro-viz.
    """

    refusal: ClassVar[str] = "A decision is entered in the log by saving the champion, by nothing else."

    def __init__(self, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._path = Path(filepath)
        self.metadata = metadata

    def load(self) -> PromotionLog:
        """All records.

        Raises:
            StoreError: If the log is broken; names the record where, and what to do.
        """
        where = locate(self._path)
        return PromotionLogFile(where.root, where.market).read()

    def _exists(self) -> bool:
        return self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._path.as_posix()}
