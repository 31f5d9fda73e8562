"""Reading deliveries out of files that may hold several of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.adapters.bronze.manifest import Entry
from finq_predictor.domain.columns import CONTENT_HASH, RECEIVED_AT, UTC_MICROSECONDS
from finq_predictor.domain.errors import StoreError


def checksum(file: Path) -> str:
    """SHA-256 of a file, read piece by piece."""
    digest = sha256()
    with file.open("rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def is_whole(folder: Path, entry: Entry) -> bool:
    """Whether the file of a delivery is there and is what was written."""
    file = folder / entry.file
    return file.exists() and checksum(file) == entry.checksum


def read_labelled(folder: Path, entries: Sequence[Entry]) -> pd.DataFrame:
    """Read deliveries in their order, with ``_received_at`` (UTC) and ``_content_hash``.

    Args:
        folder: Where they lie.
        entries: At least one.

    Raises:
        StoreError: If a file is damaged.
        FileNotFoundError: If a file is not there.
    """
    for entry in {entry.file: entry for entry in entries}.values():
        if not is_whole(folder, entry):
            raise _gone(folder, entry) if not (folder / entry.file).exists() else _damaged(folder, entry)
    # What holds no rows has columns all the same, of which nobody wants to hear.
    filled = [entry for entry in entries if entry.rows] or entries[:1]
    parts = [_labelled(folder, run) for run in _runs(filled)]
    return parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)


def read_delivery(folder: Path, entry: Entry) -> pd.DataFrame:
    """The rows of one delivery as they were received; the file is not checked."""
    return as_frame(read_rows(folder / entry.file, entry.offset, entry.rows))


def read_rows(file: Path, offset: int, rows: int) -> Any:
    """Some rows of a file as an Arrow table; only the groups of rows in which they lie are read.

    Args:
        file: A Parquet file.
        offset: Number of the first row.
        rows: How many.
    """
    from pyarrow.parquet import ParquetFile

    with ParquetFile(file) as parquet:
        about = parquet.metadata
        if offset == 0 and rows == about.num_rows:
            return parquet.read()
        ends = np.cumsum([about.row_group(group).num_rows for group in range(about.num_row_groups)])
        first, last = (int(group) for group in np.searchsorted(ends, [offset, offset + max(rows, 1) - 1], side="right"))
        before = int(ends[first - 1]) if first else 0
        return parquet.read_row_groups(list(range(first, min(last, len(ends) - 1) + 1))).slice(offset - before, rows)


def as_frame(table: Any) -> pd.DataFrame:
    """The rows of an Arrow table with an index of their own."""
    frame: pd.DataFrame = table.to_pandas()
    return frame.reset_index(drop=True)


def _runs(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Neighbours that lie in one file one after the other: they are read in one go."""
    run: list[Entry] = []
    for entry in entries:
        if run and not (run[-1].file == entry.file and run[-1].offset + run[-1].rows == entry.offset):
            yield run
            run = []
        run.append(entry)
    yield run


def _labelled(folder: Path, run: list[Entry]) -> pd.DataFrame:
    frame = as_frame(read_rows(folder / run[0].file, run[0].offset, sum(entry.rows for entry in run)))
    times = pd.DatetimeIndex([pd.Timestamp(entry.received_at) for entry in run]).as_unit("us")
    # Each text is converted once and not for each of its rows, which took a third of the reading.
    hashes = pd.array([entry.hash for entry in run], dtype="str")
    delivery = np.repeat(np.arange(len(run)), [entry.rows for entry in run])
    return frame.assign(
        **{
            RECEIVED_AT: pd.Series(times.take(delivery), index=frame.index).astype(UTC_MICROSECONDS),
            CONTENT_HASH: pd.Series(hashes.take(delivery), index=frame.index, dtype="str"),
        }
    )


def _gone(folder: Path, entry: Entry) -> FileNotFoundError:
    return FileNotFoundError(
        f"The delivery {folder / entry.file} is in the manifest but the file is gone. {_advice(entry)}"
    )


def _damaged(folder: Path, entry: Entry) -> StoreError:
    return StoreError(
        f"The delivery {folder / entry.file}, received {entry.received_at} from {entry.source!r}, is damaged: its "
        f"checksum is not the one noted on receipt. {_advice(entry)}"
    )


def _advice(entry: Entry) -> str:
    if entry.until:
        return "Restore the file from a backup: a provider may not deliver again what it has delivered once."
    return (
        f"Run the ingestion pipeline: if the source still delivers the same content, {entry.file} is replaced. "
        "Otherwise restore the file from a backup."
    )
