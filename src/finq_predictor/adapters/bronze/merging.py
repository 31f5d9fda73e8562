"""Many small files become one: every row stays, with its order, its delivery and its time of receipt."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from finq_predictor.adapters.atomic_file import write_atomically
from finq_predictor.adapters.bronze.content import content_hash
from finq_predictor.adapters.bronze.manifest import Entry
from finq_predictor.adapters.bronze.slices import as_frame, checksum, is_whole, read_delivery, read_rows
from finq_predictor.domain.errors import StoreError

# Rows of small deliveries are written together: a group of rows each would be slow to read.
_GROUP_ROWS = 100_000
LARGE = 2_000_000
"""From so many rows on a file is merged no more: copying all of history for each new day would take ever longer."""
PART, MERGED = "part-", "merged-"
_DELIVERIES = b"finq_deliveries"
"""Where a merged file says which deliveries it holds, in case nothing else does."""


def merge(folder: Path, entries: Sequence[Entry]) -> list[Entry]:
    """Write neighbouring deliveries of equal columns into files of their own, until these are large.

    One delivery at a time is in memory. What was written is read again and compared with the hashes of the deliveries
    before anybody is told of it; the old files stay until :func:`superfluous`.

    Args:
        folder: Where they lie.
        entries: The manifest, oldest first.

    Returns:
        The same deliveries in the same order, where they lie now.

    Raises:
        StoreError: If a file is damaged or gone.
    """
    for entry in {entry.file: entry for entry in entries}.values():
        if not is_whole(folder, entry):
            raise StoreError(f"{folder / entry.file} is damaged or gone; nothing was merged. Restore it from a backup.")
    _clear_interrupted(folder, entries)
    places: dict[str, Entry] = {}
    for run in _mergeable(folder, list({entry.hash: entry for entry in entries}.values())):
        places |= {moved.hash: moved for moved in (_merged(folder, run) if len(run) > 1 else run)}
    return [entry.moved(place.file, place.checksum, place.offset) for entry in entries if (place := places[entry.hash])]


def superfluous(folder: Path, before: Sequence[Entry], after: Sequence[Entry]) -> None:
    """Remove the files whose deliveries all lie in another file by now.

    A file that neither manifest names stays: it may be all that is left of a manifest that was lost. What was written
    by a merge that was killed before its manifest is cleared away by the next :func:`merge`.

    Args:
        folder: Where they lie.
        before: The manifest before they were merged.
        after: The manifest that was written since.
    """
    once = {entry.file for entry in before} | {part_name(entry.hash) for entry in after}
    for name in once - {entry.file for entry in after}:
        (folder / name).unlink(missing_ok=True)


def small_files(entries: Sequence[Entry]) -> int:
    """How many files could be merged."""
    return sum(rows < LARGE for rows in _rows_by_file(entries).values())


def part_name(content: str) -> str:
    """Name of the file of one delivery."""
    return f"{PART}{content[:16]}.parquet"


def _clear_interrupted(folder: Path, entries: Sequence[Entry]) -> None:
    """Remove merged files that no manifest names, each of whose deliveries lies whole where the manifest says."""
    from pyarrow import ArrowInvalid
    from pyarrow.parquet import read_metadata

    known, named = {entry.hash for entry in entries}, {entry.file for entry in entries}
    for file in folder.glob(f"{MERGED}*.parquet"):
        if file.name in named:
            continue
        try:
            said = (read_metadata(file).metadata or {}).get(_DELIVERIES)
        except ArrowInvalid:
            # Whatever became of it, it cannot be said to be told elsewhere.
            continue
        if said is not None and known.issuperset(json.loads(said)):
            file.unlink()


def _mergeable(folder: Path, entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Runs of deliveries whose files have equal columns and are not large yet."""
    from pyarrow.parquet import read_schema

    schemas = {file: _bare(read_schema(folder / file)) for file in {entry.file for entry in entries}}
    rows = _rows_by_file(entries)
    run: list[Entry] = []
    for entry in entries:
        if run and entry.file != (last := run[-1].file):
            full = max(rows[entry.file], sum(rows[file] for file in {one.file for one in run})) >= LARGE
            if full or not schemas[last].equals(schemas[entry.file], check_metadata=True):
                yield run
                run = []
        run.append(entry)
    if run:
        yield run


def _rows_by_file(entries: Sequence[Entry]) -> dict[str, int]:
    rows: dict[str, int] = defaultdict(int)
    for entry in {entry.hash: entry for entry in entries}.values():
        rows[entry.file] += entry.rows
    return rows


def _bare(schema: Any) -> Any:
    """A schema without what it says of the index, which counts the rows of one file."""
    about = json.loads(schema.metadata[b"pandas"])
    kept = {"columns": about["columns"], "column_indexes": [], "index_columns": []}
    return schema.with_metadata({b"pandas": json.dumps(kept, sort_keys=True).encode()})


def _merged(folder: Path, run: list[Entry]) -> list[Entry]:
    """Write deliveries into one file and make sure that each is there as it was."""
    if len({entry.file for entry in run}) == 1:
        return run
    name = f"{MERGED}{sha256(''.join(entry.hash for entry in run).encode()).hexdigest()[:16]}.parquet"
    before: list[str] = []
    write_atomically(folder / name, lambda temporary: before.extend(_write(folder, run, temporary)))
    found, offset, moved = checksum(folder / name), 0, []
    for entry, content in zip(run, before, strict=True):
        moved.append(entry.moved(name, found, offset))
        offset += entry.rows
        if content_hash(read_delivery(folder, moved[-1])) != content:
            raise StoreError(
                f"The delivery {entry.hash[:16]} is not the same in the merged file {folder / name}; the files stay as "
                "they are."
            )
    return moved


def _write(folder: Path, run: list[Entry], target: Path) -> list[str]:
    """Copy deliveries one after the other; returns the hash of each as it was read."""
    import pyarrow as pa
    from pyarrow.parquet import ParquetWriter, read_schema

    schema = _bare(read_schema(folder / run[0].file))
    waiting: list[Any] = []
    hashes = []
    with ParquetWriter(target, schema) as writer:
        for entry in run:
            table = read_rows(folder / entry.file, entry.offset, entry.rows)
            hashes.append(content_hash(as_frame(table)))
            waiting.append(table.replace_schema_metadata(schema.metadata))
            if sum(len(part) for part in waiting) >= _GROUP_ROWS or entry is run[-1]:
                writer.write_table(pa.concat_tables(waiting))
                waiting = []
        writer.add_key_value_metadata({_DELIVERIES: json.dumps([entry.hash for entry in run])})
    return hashes
