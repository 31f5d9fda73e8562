"""What is noted beside the deliveries of a market about the calls that brought them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from finq_predictor.adapters.bronze.call_notes import read_calls, read_outages
from finq_predictor.adapters.datasets.read_only import ReadOnlyDataset
from finq_predictor.adapters.layout import Folder
from finq_predictor.domain.columns import UTC_MICROSECONDS
from finq_predictor.domain.monitoring.providers import ProviderNotes

_CALL = {"table": "str", "source": "str", "started_at": UTC_MICROSECONDS, "outcome": "str"}


class ProviderNotesDataset(ReadOnlyDataset[ProviderNotes]):
    """Read-only dataset: the calls and outages that sources noted; none where nobody was asked.

    Args:
        root: Folder of the data.
        market: Name of the market.
        metadata: For other tools, such as kedro-viz.
    """

    refusal = "The notes of calls cannot be saved; sources write them when they are asked."

    def __init__(self, *, root: str, market: str, metadata: dict[str, Any] | None = None) -> None:
        self._folder = Path(root) / Folder.BRONZE / market
        self.metadata = metadata

    def load(self) -> ProviderNotes:
        """Read what is noted in the folder of each table."""
        folders = sorted(folder for folder in self._folder.glob("*") if folder.is_dir())
        calls = [read_calls(folder).assign(table=folder.name) for folder in folders]
        parts = [_typed(part) for part in calls if len(part)]
        outages = {folder.name: read_outages(folder) for folder in folders}
        together = pd.concat(parts, ignore_index=True) if parts else _typed(pd.DataFrame(columns=list(_CALL)))
        return ProviderNotes(together, {table: said for table, said in outages.items() if said})

    def _describe(self) -> dict[str, Any]:
        return {"folder": self._folder.as_posix()}


def _typed(calls: pd.DataFrame) -> pd.DataFrame:
    started = pd.to_datetime(calls["started_at"], utc=True, format="ISO8601")
    return calls.assign(started_at=started)[list(_CALL)].astype(_CALL)
