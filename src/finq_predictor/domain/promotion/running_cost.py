"""What it takes to answer with a model: measured once for each model, so that no decision depends on a busy minute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

MOST = 1000
"""Models of which it is remembered."""


@dataclass(frozen=True)
class RunningCost:
    """What one model takes.

    Attributes:
        row_ms: Shortest time that one row took, in milliseconds.
        bar_ms: Shortest time that all instruments of one bar took.
        rows: Instruments of that bar.
        size: Bytes of the stored model.
    """

    row_ms: float
    bar_ms: float
    rows: int
    size: int


@dataclass(frozen=True)
class RunningCosts:
    """What models take, by their hash.

    Attributes:
        by_model: Hash of the model -> what was measured when it was met first.
    """

    by_model: Mapping[str, RunningCost] = field(default_factory=dict)

    def of(self, model_hash: str) -> RunningCost | None:
        """What a model takes; None where it was not measured."""
        return self.by_model.get(model_hash)

    def added(self, more: Mapping[str, RunningCost]) -> RunningCosts:
        """These and others; a model that was measured keeps its figures, and the oldest are forgotten at last."""
        both = {**more, **self.by_model}
        ordered = [*self.by_model, *(digest for digest in more if digest not in self.by_model)]
        return RunningCosts({digest: both[digest] for digest in ordered[-MOST:]})
