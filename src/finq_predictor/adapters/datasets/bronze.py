"""The append-only copy of every delivery, as received, addressed by its content."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from filelock import FileLock
from kedro.io import AbstractDataset

from finq_predictor.adapters.atomic_file import write_atomically, write_text_atomically
from finq_predictor.domain.columns import CONTENT_HASH, RECEIVED_AT, SOURCE
from finq_predictor.domain.errors import ConfigurationError, StoreError

MANIFEST = "manifest.jsonl"
LONGEST_WAIT_S = 300.0

logger = logging.getLogger(__name__)


class BronzeDataset(AbstractDataset[pd.DataFrame, pd.DataFrame]):
    """A folder of deliveries: one Parquet file per distinct content and a manifest of what came when.

    A delivery is never changed or removed. Delivering the same content again adds nothing; if something else came
    in between, one line of the manifest says that the old content is current again.

    Args:
        filepath: The folder.
        deliveries: What ``load`` returns. ``last`` is for sources that deliver a whole table each time, as files and
            the simulator do: a row that was taken out of the file is gone. ``all`` is for sources that deliver only
            what is new: every delivery of the last delivery's source, in order of receipt.
        metadata: For other tools, such as kedro-viz.
    """

    def __init__(
        self,
        filepath: str,
        deliveries: Literal["last", "all"] = "last",
        metadata: dict[str, Any] | None = None,
    ) -> None:
        if deliveries not in ("last", "all"):
            raise ConfigurationError(f"`deliveries` must be 'last' or 'all', not {deliveries!r}.")
        self._folder = Path(filepath)
        self._deliveries = deliveries
        self.metadata = metadata

    def save(self, data: pd.DataFrame) -> None:
        """Keep a delivery, unless its content is kept already.

        Args:
            data: The raw frame with ``_source``; lineage columns of an earlier load are ignored.
        """
        raw = _storable(data.drop(columns=[RECEIVED_AT, CONTENT_HASH], errors="ignore").reset_index(drop=True))
        content = content_hash(raw)
        self._folder.mkdir(parents=True, exist_ok=True)
        # What another run notes between reading the manifest and replacing it would be lost.
        with FileLock(self._folder / ".manifest.lock", timeout=LONGEST_WAIT_S):
            self._note(raw, content)

    def _note(self, raw: pd.DataFrame, content: str) -> None:
        known = self._entries()
        kept = next((entry for entry in reversed(known) if entry["hash"] == content), None)
        if kept and not self._whole(kept):
            logger.warning(
                "The delivery %s was damaged or gone; the same content came again and replaces it.", kept["file"]
            )
            known = [entry for entry in known if entry["hash"] != content]
            kept = None
        if kept and kept is known[-1]:
            return
        entry = {**kept, "again_at": _now()} if kept else self._keep(raw, content)
        lines = "".join(json.dumps(line) + "\n" for line in [*known, entry])
        write_text_atomically(self._folder / MANIFEST, lines)

    def load(self) -> pd.DataFrame:
        """Read the current deliveries with ``_source``, ``_received_at`` (UTC) and ``_content_hash``.

        Raises:
            StoreError: If nothing was delivered yet, or a file is absent or not what was received.
        """
        entries = self._entries()
        if not entries:
            raise StoreError(
                f"Nothing was delivered to {self._folder} yet. Make it with: kedro run --pipelines=ingestion"
            )
        chosen = [entries[-1]]
        if self._deliveries == "all":
            source = entries[-1]["source"]
            # A dict keeps the place of the first, so that what came again stays where it first came.
            chosen = list({entry["hash"]: entry for entry in entries if entry["source"] == source}.values())
        parts = [self._read(entry) for entry in chosen]
        return parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)

    def current(self) -> str:
        """Hash of the newest delivery; empty before the first."""
        entries = self._entries()
        return str(entries[-1]["hash"]) if entries else ""

    def _keep(self, raw: pd.DataFrame, content: str) -> dict[str, Any]:
        file = self._folder / f"part-{content[:16]}.parquet"
        write_atomically(file, raw.to_parquet)
        return {
            "hash": content,
            "source": str(raw[SOURCE].iloc[-1]) if len(raw) and SOURCE in raw else "",
            "received_at": _now(),
            "rows": len(raw),
            "file": file.name,
            "checksum": sha256(file.read_bytes()).hexdigest(),
        }

    def _read(self, entry: dict[str, Any]) -> pd.DataFrame:
        file = self._folder / entry["file"]
        if not file.exists():
            raise StoreError(f"The delivery {file} is in the manifest but the file is gone. {self._advice(entry)}")
        if not self._whole(entry):
            raise StoreError(
                f"The delivery {file}, received {entry['received_at']} from {entry['source']!r}, is damaged: its "
                f"checksum is not the one noted on receipt. {self._advice(entry)}"
            )
        received = pd.Timestamp(entry["received_at"]).as_unit("us")
        frame = pd.read_parquet(file)
        return frame.assign(**{RECEIVED_AT: received, CONTENT_HASH: entry["hash"]})

    def _whole(self, entry: dict[str, Any]) -> bool:
        file = self._folder / entry["file"]
        return file.exists() and sha256(file.read_bytes()).hexdigest() == str(entry["checksum"])

    def _entries(self) -> list[dict[str, Any]]:
        manifest = self._folder / MANIFEST
        if not manifest.exists():
            return []
        try:
            return [json.loads(line) for line in manifest.read_text().splitlines() if line]
        except json.JSONDecodeError as error:
            raise StoreError(f"The manifest {manifest} is damaged ({error}). Restore it from a backup.") from error

    def _advice(self, entry: dict[str, Any]) -> str:
        return (
            f"Run the ingestion pipeline: if the source still delivers the same content, {entry['file']} is replaced. "
            "Otherwise restore the file from a backup."
        )

    def _exists(self) -> bool:
        return (self._folder / MANIFEST).exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self._folder.as_posix(), "deliveries": self._deliveries}


def content_hash(frame: pd.DataFrame) -> str:
    """Hash names, types, values and order of rows.

    Args:
        frame: Any frame; its index does not count.

    Returns:
        64 hexadecimal digits.
    """
    digest = sha256(json.dumps([[str(name), str(kind)] for name, kind in frame.dtypes.items()]).encode())
    for name in frame:
        digest.update(pd.util.hash_pandas_object(frame[name], index=False).to_numpy().tobytes())
    return digest.hexdigest()


def _storable(frame: pd.DataFrame) -> pd.DataFrame:
    """Columns of mixed types become text: Parquet has one type per column and nothing may be lost."""
    mixed = {}
    for name in frame.select_dtypes("object", exclude="str"):
        kind = pd.api.types.infer_dtype(frame[name], skipna=True)
        if kind not in ("string", "date", "boolean", "empty"):
            mixed[name] = frame[name].map(str, na_action="ignore").astype("str")
    return frame.assign(**mixed) if mixed else frame


def _now() -> str:
    return datetime.now(UTC).isoformat()
