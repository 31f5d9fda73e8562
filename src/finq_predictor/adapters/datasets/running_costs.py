"""What it takes to answer with each candidate, measured once for each model."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import pandas as pd
from kedro.io import AbstractDataset

from finq_predictor.adapters.atomic_file import write_text_atomically
from finq_predictor.adapters.bundle_store import save_bundle
from finq_predictor.adapters.typed_json import from_json, to_json
from finq_predictor.domain.errors import StoreError
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.decisions import AbstentionRules
from finq_predictor.domain.modelling.model_hash import model_hash
from finq_predictor.domain.modelling.prediction import predict_rows
from finq_predictor.domain.promotion.running_cost import RunningCost, RunningCosts

TIMES = 5
"""The shortest of so many counts: whatever else the machine does only makes it longer."""


@dataclass(frozen=True)
class ToMeasure:
    """What is measured.

    Attributes:
        candidates: Name -> fitted model.
        bar: All instruments of one bar, with every feature.
    """

    candidates: Mapping[str, ModelBundle]
    bar: pd.DataFrame


class RunningCostsDataset(AbstractDataset[ToMeasure, RunningCosts]):
    """Saving measures the models that were not met before; loading gives what is known of all.

    A model is measured once, so that the same candidate is judged by the same figures however busy the machine is
    when a run is made again.

    Args:
        filepath: Where it is remembered.
        metadata: For other tools, such as kedro-viz.
        clock: Seconds from some moment on.
    """

    def __init__(
        self, filepath: str, metadata: dict[str, Any] | None = None, clock: Callable[[], float] = perf_counter
    ) -> None:
        self._path, self._clock = Path(filepath), clock
        self.metadata = metadata

    def save(self, data: ToMeasure) -> None:
        """Measure what is new.

        Raises:
            StoreError: If it is nothing to measure.
        """
        if not isinstance(data, ToMeasure):
            raise StoreError(
                f"{self._path} is made of a ToMeasure, not of {type(data).__name__}; let the node return one, or "
                "correct the catalog."
            )
        known = self.load()
        met = {model_hash(bundle): bundle for _, bundle in sorted(data.candidates.items())}
        new = {digest: self._measure(one, data.bar) for digest, one in met.items() if known.of(digest) is None}
        if new:
            write_text_atomically(self._path, to_json(known.added(new)))

    def load(self) -> RunningCosts:
        """What is known.

        Raises:
            StoreError: If the file cannot be read.
        """
        if not self._path.is_file():
            return RunningCosts()
        advice = "Remove it, and what is in use is measured anew."
        return from_json(RunningCosts, self._path.read_bytes(), self._path, advice)

    def _measure(self, bundle: ModelBundle, bar: pd.DataFrame) -> RunningCost:
        return RunningCost(
            row_ms=self._shortest(bundle, bar.head(1)),
            bar_ms=self._shortest(bundle, bar),
            rows=len(bar),
            size=_size(bundle),
        )

    def _shortest(self, bundle: ModelBundle, rows: pd.DataFrame) -> float:
        """Milliseconds, of the way that the service goes as well."""
        rules, found = AbstentionRules(), []
        for _ in range(TIMES):
            begun = self._clock()
            predict_rows(bundle, rows, rules)
            found.append(self._clock() - begun)
        return 1e3 * min(found)

    def _exists(self) -> bool:
        return self._path.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._path.as_posix()}


def _size(bundle: ModelBundle) -> int:
    with tempfile.TemporaryDirectory(prefix="finq-size-") as folder:
        save_bundle(bundle, Path(folder) / "bundle")
        return sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
