"""One table of a source as a read-only dataset."""

from __future__ import annotations

from typing import Any, Protocol, cast

import pandas as pd
from kedro.io import AbstractDataset, DatasetError
from kedro.utils import load_obj

from finq_predictor.adapters.datasets.secrets import masked
from finq_predictor.domain.columns import SOURCE
from finq_predictor.domain.ingestion.provenance import SourceKind


class Source(Protocol):
    """What every source can do."""

    @property
    def source_id(self) -> str:
        """Names the delivery's origin: equal for equal origin and options."""

    @property
    def simulated(self) -> bool:
        """Whether the data are invented."""

    def read(self) -> pd.DataFrame:
        """The table as delivered; no rows where the source has no such table."""


class SourceDataset(AbstractDataset[None, pd.DataFrame]):
    """Reads one table from a source and notes the source in every row.

    Args:
        source: ``class`` is the path of a class that satisfies `Source`; the rest are its constructor's arguments.
        metadata: For other tools, such as kedro-viz.
    """

    def __init__(self, source: dict[str, Any], metadata: dict[str, Any] | None = None) -> None:
        if "class" not in source:
            raise DatasetError(f"A source needs a `class`; found only {sorted(source)}.")
        self._class = str(source["class"])
        self._options = {str(name): value for name, value in source.items() if name != "class"}
        self.metadata = metadata

    def load(self) -> pd.DataFrame:
        """Read the table as delivered, plus the column ``_source``: ``simulated:<id>`` or ``own:<id>``."""
        source = cast(Source, load_obj(self._class)(**self._options))
        frame = source.read()
        return frame.assign(**{SOURCE: pd.Series(lineage(source), index=frame.index, dtype="str")})

    def save(self, data: None) -> None:  # noqa: ARG002 - the signature is Kedro's
        """Refuse: a source is not written by a pipeline."""
        raise DatasetError("A source is read-only; remove it from the outputs of the node.")

    def _describe(self) -> dict[str, Any]:
        return masked({"source": self._class, **self._options})


def lineage(source: Source) -> str:
    """The value of ``_source``: kind of source and its identity, ``kind:id``."""
    kind = SourceKind.SIMULATED if source.simulated else SourceKind.OWN
    return f"{kind}:{source.source_id}"
