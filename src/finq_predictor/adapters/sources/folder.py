"""A folder of files that together are one table: a file for each instrument, or for each day or batch."""

from __future__ import annotations

import logging
import re
from collections.abc import Container, Iterator, Sequence
from functools import cached_property
from hashlib import sha256
from pathlib import Path

import pandas as pd

from finq_predictor.adapters.sources.own_file import READERS, OwnFileSource, format_of
from finq_predictor.adapters.sources.protocol import Part
from finq_predictor.domain.errors import ConfigurationError, MappingError, SourceError
from finq_predictor.domain.ingestion.column_mapping import ALIASES, TIME, map_columns, normalise
from finq_predictor.domain.ingestion.times import parse_times
from finq_predictor.domain.market.instruments import pairs_in

logger = logging.getLogger(__name__)

_SHOWN = 5
_TICK = pd.Timedelta(microseconds=1)
_DATED = re.compile(r"^\d{4}[-_.]?\d{2}")
# By which a row is known again; the time stands in all of them.
_IDENTITY = {
    "bars": ("instrument", TIME),
    "benchmark": (TIME,),
    "articles": ("instrument", "article_id", "published_at", "title"),
    "macro": ("series", "period", "known_at"),
    "membership": ("date", "since", "instrument"),
}


def file_or_folder(
    filepath: str | Path | None, table: str, parameter: str | None = None, required: bool = False
) -> OwnFileSource | FolderSource:
    """A table in a file, or in all files of a folder; the arguments are those of `OwnFileSource`."""
    if isinstance(filepath, str | Path) and Path(filepath).expanduser().is_dir():
        return FolderSource(filepath, table, parameter)
    return OwnFileSource(filepath, table, parameter, required)


class FolderSource:
    """Reads the files of a folder one by one, each in any format that a file of one's own may have.

    Alone it delivers the files that are new or changed since the last run, by their content. What was delivered stays:
    a file that is gone takes nothing back, and of a changed one the rows are new that say something else. In a chain it
    delivers windows of time, instrument by instrument.

    All files have the same columns, in any order. Where none names the instrument, the file's name does, up to its
    first dot. Hidden files and unknown formats are passed over.

    Args:
        filepath: The folder.
        table: Which table it holds.
        parameter: The run parameter that gives the folder, for messages.
        subfolders: Whether files in folders below count.
        instruments: What it delivers in a chain, where a column names the instruments; elsewhere the files do.
    """

    simulated = False

    def __init__(
        self,
        filepath: str | Path,
        table: str,
        parameter: str | None = None,
        subfolders: bool = True,
        instruments: Sequence[str] | None = None,
    ) -> None:
        self._folder, self._table, self._parameter = Path(filepath).expanduser(), table, parameter or table
        self._subfolders, self._instruments = subfolders, instruments

    @property
    def source_id(self) -> str:
        """Name of the folder, and a short hash of where it lies, so that equal names do not mix."""
        return f"{self._folder.name}#{sha256(str(self._folder.resolve()).encode()).hexdigest()[:8]}"

    @property
    def identity(self) -> tuple[str, ...]:
        """The columns by which a row is known again, as they are called in the files; all where they are not known."""
        return self._form[1]

    @property
    def keys(self) -> tuple[str, ...]:
        """The instruments that it delivers in a chain.

        Raises:
            ConfigurationError: If they cannot be known without reading every file.
        """
        if self._instruments is not None:
            return tuple(self._instruments)
        if self._names_instruments:
            raise ConfigurationError(
                f"The files of {self._folder} name their instruments in a column. In a chain, say which ones it has: "
                "`instruments: [...]`."
            )
        return tuple(dict.fromkeys(_instrument_of(file) for file in self._files))

    def parts(self, answered: Container[str]) -> Iterator[Part]:
        """Deliver the files that were not delivered as they are now, see `GrowingSource`.

        Args:
            answered: Keys of parts that were delivered before.

        Yields:
            A part for each file with rows; its keys are the file and its content.

        Raises:
            SourceError: If there is no such folder or no file in it; after the last part if some files could not be
                read or have other columns, naming them.
        """
        failures: list[str] = []
        for file in self._files:
            try:
                name = file.relative_to(self._folder).as_posix()
                content = f"{name}#{_digest(file)}"
                if content in answered:
                    continue
                frame = self._read(file)
                if frame.empty:
                    logger.warning("%s holds no rows", file)
                    continue
                yield Part(frame, (name, content), identity=self.identity)
            except (SourceError, OSError) as error:
                logger.warning("%s", error)
                failures.append(str(error))
        if failures:
            more = f" And {len(failures) - _SHOWN} more." if len(failures) > _SHOWN else ""
            raise SourceError(
                f"{len(failures)} of {len(self._files)} files could not be taken. {' '.join(failures[:_SHOWN])}{more}"
            )

    def fetch(
        self, keys: Sequence[str], since: pd.Timestamp, until: pd.Timestamp, as_of: pd.Timestamp
    ) -> Iterator[Part]:
        """Deliver what there is of a window, file by file in order of their names, see `WindowSource`.

        What it answers ends with the last row of an instrument: beyond that it has nothing to say, and the next
        provider is asked. A bar of the running day is believed to be complete, because a file does not say.
        """
        wanted = set(keys)
        for file in self._files:
            if not self._names_instruments and _instrument_of(file) not in wanted:
                continue
            rows, times, names = self._timed(file)
            inside = (times >= since) & (times < min(until, as_of)) & names.isin(wanted)
            for name in sorted(names[inside].unique()):
                own = inside & (names == name)
                yield Part(rows[own].reset_index(drop=True), (name,), until=min(times[own].max() + _TICK, until))

    @cached_property
    def _files(self) -> tuple[Path, ...]:
        if not self._folder.is_dir():
            raise SourceError(f"There is no folder {self._folder} (run parameter `{self._parameter}`).")
        found = self._folder.rglob("*") if self._subfolders else self._folder.glob("*")
        files = sorted(
            file
            for file in found
            if file.is_file()
            and not any(part.startswith((".", "~")) for part in file.relative_to(self._folder).parts)
            and format_of(file) in READERS
        )
        if not files:
            raise SourceError(
                f"The folder {self._folder} (run parameter `{self._parameter}`) holds no file that can be read; "
                f"expected one of: {', '.join(sorted(READERS))}, compressed or not."
            )
        return tuple(files)

    @cached_property
    def _form(self) -> tuple[Path, tuple[str, ...], pd.DataFrame]:
        """The first file that can be read, the identity of its rows, and its columns: those of all others."""
        reasons = []
        for file in self._files:
            try:
                frame = self._named(file, OwnFileSource(file, self._table, self._parameter).read())
            except SourceError as error:
                reasons.append(error)
                continue
            return file, _identity(frame, self._table), frame.iloc[:0]
        raise reasons[0]

    @cached_property
    def _names_instruments(self) -> bool:
        """Whether a column names the instruments."""
        frame = OwnFileSource(self._form[0], self._table, self._parameter).read()
        return _has_instruments(frame, self._table)

    def _named(self, file: Path, frame: pd.DataFrame) -> pd.DataFrame:
        """With a column of the instrument, where only the name of the file says it."""
        if self._table not in ("bars", "articles") or _has_instruments(frame, self._table) or _DATED.match(file.name):
            return frame
        return frame.assign(instrument=pd.Series(_instrument_of(file), index=frame.index, dtype="str"))

    def _read(self, file: Path) -> pd.DataFrame:
        frame = self._named(file, OwnFileSource(file, self._table, self._parameter).read())
        first, _, form = self._form
        lacking, besides = ([str(name) for name in a if name not in b] for a, b in ((form, frame), (frame, form)))
        if lacking or besides:
            told = [f"lacks {', '.join(lacking)}"] if lacking else []
            told += [f"has {', '.join(besides)} besides"] if besides else []
            raise SourceError(
                f"{file} has other columns than {first}: it {' and '.join(told)}. All files of a folder are one table; "
                "deliver it with the same columns, or from a folder of its own."
            )
        return frame[list(form)]

    def _timed(self, file: Path) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
        """The rows of a file with their times (UTC) and instruments."""
        frame = self._read(file)
        mapped = map_columns(frame, self._table).frame
        times = parse_times(mapped[TIME if TIME in mapped else "published_at"], "UTC").utc
        names = mapped["instrument"] if "instrument" in mapped else pd.Series(self.keys[0], index=mapped.index)
        return frame.reset_index(drop=True), times, names.astype("str")


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        digest = sha256()
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()[:16]


def _instrument_of(file: Path) -> str:
    """The instrument in a file's name: a pair of currencies anywhere in it, else all up to the first dot."""
    stem = file.name.split(".", 1)[0]
    return next(iter(pairs_in(stem)), stem)


def _has_instruments(frame: pd.DataFrame, table: str) -> bool:
    usual = ALIASES[table].get("instrument", ())
    return any(normalise(name) in usual for name in frame)


def _identity(frame: pd.DataFrame, table: str) -> tuple[str, ...]:
    try:
        columns = map_columns(frame.iloc[:0], table).columns
    except MappingError:
        # Columns that the parameters name are not known here: then every row that says something else is another row.
        return tuple(map(str, frame))
    found = tuple(columns[name] for name in _IDENTITY[table] if columns.get(name) in frame)
    return found if columns.get(TIME, "") in found or TIME not in _IDENTITY[table] else tuple(map(str, frame))
