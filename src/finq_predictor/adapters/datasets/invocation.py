"""How the present run was started, as a dataset, so that no node has to ask."""

from __future__ import annotations

from typing import Any

from finq_predictor.adapters.datasets.read_only import ReadOnlyDataset
from finq_predictor.adapters.invocation import Invocation


class InvocationDataset(ReadOnlyDataset[Invocation]):
    """Read-only dataset: how the run that loads it was started; a hook tells it before the first node.

    Args:
        metadata: For other tools, such as kedro-viz.
    """

    refusal = "The invocation is read-only; remove it from the outputs of the node."

    def __init__(self, metadata: dict[str, Any] | None = None) -> None:
        self.metadata = metadata
        self._invocation = Invocation()

    def tell(self, invocation: Invocation) -> None:
        """Say how the run was started."""
        self._invocation = invocation

    def load(self) -> Invocation:
        """How the run was started; outside a run, as if nothing had been given."""
        return self._invocation

    def _describe(self) -> dict[str, Any]:
        return {"command": self._invocation.command}
