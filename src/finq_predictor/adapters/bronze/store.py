"""A folder of deliveries: Parquet files that only grow in number or are merged, and a manifest of what came when."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pandas as pd
from filelock import FileLock

from finq_predictor.adapters.atomic_file import write_atomically
from finq_predictor.adapters.bronze.asked import Asked, unnoted
from finq_predictor.adapters.bronze.content import content_hash, row_hashes, storable
from finq_predictor.adapters.bronze.coverage import COVERAGE, Coverage
from finq_predictor.adapters.bronze.manifest import MANIFEST, Entry, read_manifest, write_manifest
from finq_predictor.adapters.bronze.merging import merge, part_name, small_files, superfluous
from finq_predictor.adapters.bronze.slices import checksum, is_whole, read_delivery, read_labelled
from finq_predictor.domain.columns import SOURCE
from finq_predictor.domain.errors import StoreError

LONGEST_WAIT_S = 300.0
MOST_FILES = 64

logger = logging.getLogger(__name__)


class BronzeStore:
    """Keeps what was delivered.

    A delivery is never changed or removed; files are only merged, with every row, its order and its time of receipt.
    Whoever writes holds a lock; whoever reads needs none.

    Args:
        folder: Where it lies; made with the first delivery.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep_whole(self, raw: pd.DataFrame) -> None:
        """Keep a whole table, unless its content is kept already.

        If something else came in between, one line of the manifest says that the old content is current again.

        Args:
            raw: Rows as delivered, with ``_source``.
        """
        raw = storable(raw)
        content = content_hash(raw)
        with self.alone():
            entries = read_manifest(self.folder)
            kept = next((entry for entry in reversed(entries) if entry.hash == content), None)
            if kept and not is_whole(self.folder, kept):
                entries, kept = self._without_damaged(entries, kept), None
            if kept and kept is entries[-1]:
                return
            entry = replace(kept, again_at=_now()) if kept else self._write(raw, content)
            write_manifest(self.folder, [*entries, entry])

    def keep_part(self, raw: pd.DataFrame, asked: Asked) -> int:
        """Keep what a source had of a window, but for rows that only repeat what is kept.

        Args:
            raw: Rows as delivered, with ``_source``; may be none.
            asked: What was asked for.

        Returns:
            The number of rows that are new: unknown before, or revised.
        """
        with self.alone():
            entries = read_manifest(self.folder)
            new = storable(self._news(raw, asked, entries))
            if len(new) or not entries:
                entry = self._write(new, content_hash(new))
                window = {"since": asked.since.isoformat(), "until": asked.until.isoformat()}
                entries.append(replace(entry, source=asked.origin, keys=asked.keys, **window))
                write_manifest(self.folder, entries)
                if small_files(entries) > MOST_FILES:
                    # What is damaged is named whenever it is read; what comes must be kept all the same.
                    try:
                        self._merge(entries)
                    except StoreError as error:
                        logger.warning("%s What was delivered now is kept all the same.", error)
            # Only after the rows: whoever is killed in between asks again, and nothing is stored twice.
            Coverage.read(self.folder).with_window(asked.keys, asked.since, asked.until).write(self.folder)
        return len(new)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let nobody else write: what another run notes between reading the manifest and replacing it would be lost."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / ".manifest.lock", timeout=LONGEST_WAIT_S):
            yield

    def files(self) -> list[Path]:
        """Everything that belongs to what is kept, the manifest first; none before the first delivery."""
        entries = read_manifest(self.folder)
        notes = [file for file in (self.folder / MANIFEST, self.folder / COVERAGE) if file.is_file()]
        return [*notes, *sorted({self.folder / entry.file for entry in entries})] if entries else []

    def merge(self) -> None:
        """Merge the files into as few as their columns allow, but for those that are large already."""
        with self.alone():
            self._merge(read_manifest(self.folder))

    def _merge(self, entries: Sequence[Entry]) -> None:
        merged = merge(self.folder, entries)
        write_manifest(self.folder, merged)
        superfluous(self.folder, entries, merged)

    def entries(self, as_of: pd.Timestamp | None = None) -> list[Entry]:
        """What came, oldest first.

        Args:
            as_of: Leaves out what came later; None leaves out nothing.
        """
        found = read_manifest(self.folder)
        return found if as_of is None else [entry for entry in found if entry.noted_at <= as_of]

    def last(self, as_of: pd.Timestamp | None = None) -> pd.DataFrame:
        """The content that came last, with ``_source``, ``_received_at`` (UTC) and ``_content_hash``; of parts all.

        Args:
            as_of: Looks at the folder as it was then.

        Raises:
            StoreError: If nothing was delivered by then, or a file is absent or not what was received.
        """
        return self._read(as_of, whole=True)

    def all(self, as_of: pd.Timestamp | None = None) -> pd.DataFrame:
        """Every delivery of the source that delivered last, in order of receipt; as :meth:`last`."""
        return self._read(as_of, whole=False)

    def current(self) -> str:
        """Hash of what is kept: of the newest delivery, or of all where they are parts; empty before the first."""
        return self.hash_of(read_manifest(self.folder))

    @staticmethod
    def hash_of(entries: Sequence[Entry]) -> str:
        """The same of deliveries that came one after the other."""
        if not entries or not entries[-1].until:
            return entries[-1].hash if entries else ""
        return sha256("".join(entry.hash for entry in entries).encode()).hexdigest()

    def _read(self, as_of: pd.Timestamp | None, *, whole: bool) -> pd.DataFrame:
        while True:
            entries = self.entries(as_of)
            if not entries:
                raise StoreError(_nothing(self.folder, as_of))
            try:
                alone = whole and not entries[-1].until
                return read_labelled(self.folder, entries[-1:] if alone else _of_the_last_source(entries))
            except FileNotFoundError as error:
                # Unless another run has just merged it into another file, it is gone.
                if self.entries(as_of) == entries:
                    raise StoreError(str(error)) from None

    def _news(self, raw: pd.DataFrame, asked: Asked, entries: Sequence[Entry]) -> pd.DataFrame:
        """The rows that say something else than what was said last under their identity."""
        raw = unnoted(raw).reset_index(drop=True)
        names = [*asked.identity, SOURCE]
        if absent := [name for name in names if len(raw) and name not in raw]:
            raise StoreError(f"What {asked.origin} delivered lacks {', '.join(absent)}, by which a row is known again.")
        held = [read_delivery(self.folder, entry) for entry in entries if len(raw) and entry.may_hold(asked)]
        held = [part for part in held if len(part) and set(names) <= set(part)]
        if not held:
            return raw
        said, told = (pd.concat([_said(part, names) for part in parts]) for parts in (held, [raw]))
        last, now = (
            rows.drop_duplicates("identity", keep="last").set_index("identity")["values"] for rows in (said, told)
        )
        # Of rows that contradict each other in one delivery the last one counts, and all of them are known or none is.
        changed = now.index[now.ne(last.reindex(now.index))]
        new = ~pd.MultiIndex.from_frame(told).isin(pd.MultiIndex.from_frame(said))
        touched = changed.union(told.loc[new, "identity"].unique())
        return raw[told["identity"].isin(touched).to_numpy()].reset_index(drop=True)

    def _write(self, raw: pd.DataFrame, content: str) -> Entry:
        file = self.folder / part_name(content)
        write_atomically(file, raw.to_parquet)
        source = str(raw[SOURCE].iloc[-1]) if len(raw) and SOURCE in raw else ""
        return Entry(content, source, _now(), len(raw), file.name, checksum(file))

    def _without_damaged(self, entries: list[Entry], kept: Entry) -> list[Entry]:
        logger.warning("The delivery %s was damaged or gone; the same content came again and replaces it.", kept.file)
        return [entry for entry in entries if entry.hash != kept.hash]


def _said(part: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"identity": row_hashes(part[names]), "values": row_hashes(part)})


def _of_the_last_source(entries: Sequence[Entry]) -> list[Entry]:
    # A whole table that came again stays where it first came: a dict keeps the place of the first. A part came again
    # because something else had been said in between.
    ours = [entry for entry in entries if entry.source == entries[-1].source]
    return list({entry.received_at if entry.until else entry.hash: entry for entry in ours}.values())


def _nothing(folder: Path, as_of: pd.Timestamp | None) -> str:
    by_then = "yet" if as_of is None else f"by {as_of}"
    return f"Nothing was delivered to {folder} {by_then}. Make it with: kedro run --pipelines=ingestion"


def _now() -> str:
    return datetime.now(UTC).isoformat()
