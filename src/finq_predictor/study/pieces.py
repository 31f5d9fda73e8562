"""Finished pieces of studies, each under the hash of all that it depends on."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from finq_predictor.adapters.atomic_file import write_atomically

OLDEST_S = 30 * 86_400.0


@dataclass(frozen=True)
class Pieces:
    """A folder of pieces.

    Attributes:
        folder: The folder; it is made if need be.
    """

    folder: Path

    def get(self, key: str) -> pd.DataFrame | None:
        """A piece as it was stored, bit by bit; None where it was not finished, or cannot be read."""
        place = self._place(key)
        try:
            found = pd.read_parquet(place)
        except (OSError, ValueError):
            return None
        # A study that goes on needs it: it does not grow old.
        place.touch()
        return found

    def put(self, key: str, piece: pd.DataFrame) -> None:
        """Store a piece; a killed process leaves it whole or not at all."""
        write_atomically(self._place(key), lambda path: piece.to_parquet(path, index=False))

    def prune(self, now: float | None = None) -> int:
        """Remove pieces that no study has read or written for a month.

        Args:
            now: Seconds since 1970; None is the clock.

        Returns:
            How many were removed.
        """
        moment = time.time() if now is None else now
        old = [path for path in self.folder.glob("*.parquet") if path.stat().st_mtime < moment - OLDEST_S]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def _place(self, key: str) -> Path:
        return self.folder / f"{key}.parquet"
