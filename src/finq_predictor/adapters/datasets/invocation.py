"""How the present run was started, as a dataset, so that no node has to ask."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from finq_predictor.adapters.datasets.read_only import ReadOnlyDataset
from finq_predictor.adapters.invocation import Invocation
from finq_predictor.adapters.retraining import RetrainLog


class InvocationDataset(ReadOnlyDataset[Invocation]):
    """Read-only dataset: how the run that loads it was started; a hook tells it before the first node.

    Args:
        root: Folder of the data, below which the log of requests for training lies; None looks for none.
        market: Name of the market.
        metadata: For other tools, such as kedro-viz.
    """

    refusal = "The invocation is read-only; remove it from the outputs of the node."

    def __init__(self, root: str | None = None, market: str = "", metadata: dict[str, Any] | None = None) -> None:
        self._log = None if root is None else RetrainLog(Path(root), market)
        self.metadata = metadata
        self._invocation = Invocation()

    def tell(self, invocation: Invocation) -> None:
        """Say how the run was started."""
        self._invocation = invocation

    def load(self) -> Invocation:
        """How the run was started; outside a run, as if nothing had been given.

        Raises:
            StoreError: If the log of requests for training cannot be read.
        """
        why = "" if self._log is None else self._log.last_reason()
        return replace(self._invocation, why_trained=why)

    def _describe(self) -> dict[str, Any]:
        return {"command": self._invocation.command}
