"""The append-only copy of every delivery as a dataset."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from kedro.io import AbstractDataset

from finq_predictor.adapters.bronze.arrivals import note_arrival
from finq_predictor.adapters.bronze.asked import question_of, unnoted
from finq_predictor.adapters.bronze.call_notes import read_outages
from finq_predictor.adapters.bronze.store import BronzeStore
from finq_predictor.domain.columns import CONTENT_HASH, NOTES, RECEIVED_AT
from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.ingestion.times import as_moment


class BronzeDataset(AbstractDataset[pd.DataFrame | Iterator[pd.DataFrame], pd.DataFrame]):
    """A folder of deliveries: Parquet files by content and a manifest of what came when.

    A delivery is never changed or removed. A whole table that is delivered again adds nothing; if something else came
    in between, one line of the manifest says that the old content is current again. Of a part of a table, only rows
    are added that are new or say something else than before.

    Args:
        filepath: The folder.
        deliveries: What ``load`` returns. ``last`` is for sources that deliver a whole table each time, as files and
            the simulator do: a row that was taken out of the file is gone; where parts are delivered, as from a folder
            of files, all of them. ``all`` is for sources that deliver only
            what is new: every delivery of the last delivery's source, in order of receipt.
        as_of: ``load`` sees the folder as it was at this time, ISO 8601; None sees all of it.
        metadata: For other tools, such as kedro-viz.
    """

    def __init__(
        self,
        filepath: str,
        deliveries: Literal["last", "all"] = "last",
        as_of: str | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        if deliveries not in ("last", "all"):
            raise ConfigurationError(f"`deliveries` must be 'last' or 'all', not {deliveries!r}.")
        self._store = BronzeStore(Path(filepath))
        self._deliveries = deliveries
        self._as_of = as_moment(as_of, "as_of")
        self.metadata = metadata

    def save(self, data: pd.DataFrame | Iterator[pd.DataFrame]) -> None:
        """Keep a delivery, unless its content is kept already, and note that it came.

        Args:
            data: The raw frame with ``_source``; lineage columns of an earlier load are ignored. Of several, each is
                kept before the next one is asked for.
        """
        for part in [data] if isinstance(data, pd.DataFrame) else data:
            self._keep(part)
        note_arrival(self._store.folder, datetime.now(UTC))

    def _keep(self, data: pd.DataFrame) -> None:
        asked = question_of(data)
        raw = unnoted(data).drop(columns=[RECEIVED_AT, CONTENT_HASH], errors="ignore").reset_index(drop=True)
        if asked is None:
            self._store.keep_whole(raw)
        else:
            self._store.keep_part(raw, asked)

    def load(self) -> pd.DataFrame:
        """Read the current deliveries with ``_source``, ``_received_at`` (UTC) and ``_content_hash``.

        What could not be had the last time stands in the attribute ``notes``.

        Raises:
            StoreError: If nothing was delivered yet, or a file is absent or not what was received.
        """
        found = self._store.last(self._as_of) if self._deliveries == "last" else self._store.all(self._as_of)
        if self._as_of is None and (outages := read_outages(self._store.folder)):
            found.attrs[NOTES] = outages
        return found

    def then(self, moment: pd.Timestamp) -> pd.DataFrame:
        """As :meth:`load`, of the deliveries that had come by a moment."""
        return self.store.last(moment) if self._deliveries == "last" else self.store.all(moment)

    @property
    def store(self) -> BronzeStore:
        """Where they are kept."""
        return self._store

    def current(self) -> str:
        """Hash of what is kept, see :meth:`BronzeStore.current`."""
        return self._store.current()

    def _exists(self) -> bool:
        return bool(self._store.entries(self._as_of))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._store.folder.as_posix(), "deliveries": self._deliveries}
