"""How right the models were that answered, as an input of a pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from finq_predictor.adapters.datasets.read_only import ReadOnlyDataset
from finq_predictor.adapters.score_cards import read_score_cards
from finq_predictor.domain.evaluation.score_cards import ScoreCards


class ScoreCardsDataset(ReadOnlyDataset[ScoreCards | None]):
    """Read-only dataset: the score-cards that the keeper of the service left; None where it left none.

    Args:
        root: Folder that the service writes into; where nothing else is said, that of the data.
        metadata: For other tools, such as kedro-viz.
    """

    refusal: ClassVar[str] = "Score-cards are made by the service from what it answered; run: finq score-card"

    def __init__(self, *, root: str, metadata: dict[str, Any] | None = None) -> None:
        self._root = Path(root)
        self.metadata = metadata

    def load(self) -> ScoreCards | None:
        """The score-cards.

        Raises:
            StoreError: If they cannot be read; says how to make them anew.
        """
        return read_score_cards(self._root)

    def _describe(self) -> dict[str, Any]:
        return {"root": self._root.as_posix()}
