"""Files of features, read a piece at a time, and of what is said of them: Parquet, Arrow or CSV by their ending."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from finq_predictor.adapters.atomic_file import write_atomically
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.errors import DataError, closest

PIECE = 25_000
"""Rows that are in memory at a time."""


def read_features(file: Path, names: Sequence[str], piece: int = PIECE) -> Iterator[pd.DataFrame]:
    """Read rows of features in the order of the file.

    Args:
        file: Parquet (`.parquet`), Arrow (`.arrow`, `.feather`) or CSV (`.csv`), with ``ts``, ``instrument`` and a
            column for each feature; others are not read.
        names: The features that are wanted.
        piece: Most rows of a frame.

    Yields:
        ``ts`` (UTC; a time without a zone is taken as UTC), ``instrument`` and the features.

    Raises:
        DataError: If there is no such file, its ending or content is none of these, or a column is missing.
    """
    if not file.is_file():
        raise DataError(
            f"There is no file {file}; expected Parquet, Arrow or CSV with {TS}, {INSTRUMENT} and features."
        )
    reader = _of(_READERS, file)
    columns = [TS, INSTRUMENT, *names]
    try:
        for rows in reader(file, columns, piece):
            yield rows.assign(**{TS: _times(file, rows[TS])})
    except (OSError, ValueError) as error:
        raise DataError(
            f"{file} cannot be read as {file.suffix.lower()[1:]}: {' '.join(str(error).split())}"
        ) from error


def write_rows(file: Path, pieces: Iterable[pd.DataFrame]) -> int:
    """Write frames of equal columns one after the other; the file is there when all of it is.

    Returns:
        The number of rows.

    Raises:
        DataError: If the ending of the file is none that is known.
    """
    writer = _of(_WRITERS, file)
    rows = 0

    def counted() -> Iterator[pd.DataFrame]:
        nonlocal rows
        for one in pieces:
            rows += len(one)
            yield one

    write_atomically(file, lambda temporary: writer(temporary, counted()))
    return rows


def require_known(file: Path) -> None:
    """Make sure that a file has an ending that is known, before anything is worked on."""
    _of(_WRITERS, file)


def _of(known: dict[str, Any], file: Path) -> Callable[..., Any]:
    if (found := known.get(file.suffix.lower())) is None:
        raise DataError(f"{file.name} ends in {file.suffix or 'nothing'!r}; expected one of {', '.join(known)}.")
    kind: Callable[..., Any] = found
    return kind


def _parquet(file: Path, columns: list[str], piece: int) -> Iterator[pd.DataFrame]:
    from pyarrow.parquet import ParquetFile

    with ParquetFile(file) as parquet:
        _require(file, columns, parquet.schema_arrow.names)
        for batch in parquet.iter_batches(batch_size=piece, columns=columns):
            yield batch.to_pandas()


def _arrow(file: Path, columns: list[str], piece: int) -> Iterator[pd.DataFrame]:
    from pyarrow.dataset import dataset

    source = dataset(file, format="ipc")
    _require(file, columns, source.schema.names)
    for batch in source.to_batches(columns=columns, batch_size=piece):
        yield batch.to_pandas()


def _csv(file: Path, columns: list[str], piece: int) -> Iterator[pd.DataFrame]:
    _require(file, columns, list(pd.read_csv(file, nrows=0).columns))
    yield from pd.read_csv(file, usecols=columns, chunksize=piece, dtype={INSTRUMENT: str})


def _require(file: Path, columns: list[str], there: Sequence[str]) -> None:
    if missing := [name for name in columns if name not in set(there)]:
        raise DataError(
            f"{file} lacks {len(missing)} of {len(columns)} columns: {', '.join(missing[:10])}. "
            f"{closest(missing[0], there)} Nothing is filled in."
        )


def _times(file: Path, given: pd.Series) -> pd.Series:
    times = pd.to_datetime(given, utc=True)
    if times.isna().any():
        raise DataError(f"{file} has {int(times.isna().sum()):,} rows without {TS}; every row needs a time.")
    return times


def _write_parquet(file: Path, pieces: Iterable[pd.DataFrame]) -> None:
    from pyarrow.parquet import ParquetWriter

    _write_arrow_tables(pieces, lambda schema: ParquetWriter(file, schema))


def _write_arrow(file: Path, pieces: Iterable[pd.DataFrame]) -> None:
    from pyarrow.ipc import new_file

    _write_arrow_tables(pieces, lambda schema: new_file(file, schema))


def _write_arrow_tables(pieces: Iterable[pd.DataFrame], opened: Callable[[Any], Any]) -> None:
    import pyarrow as pa

    writer = schema = None
    try:
        for piece in pieces:
            if writer is None:
                schema = _schema(piece)
                writer = opened(schema)
            writer.write_table(pa.Table.from_pandas(piece, schema=schema, preserve_index=False))
    finally:
        if writer is not None:
            writer.close()


def _schema(piece: pd.DataFrame) -> Any:
    """The columns of the first piece; one of words that holds none so far is one of words all the same."""
    import pyarrow as pa

    found = pa.Schema.from_pandas(piece, preserve_index=False).remove_metadata()
    return pa.schema([pa.field(one.name, pa.string() if pa.types.is_null(one.type) else one.type) for one in found])


def _write_csv(file: Path, pieces: Iterable[pd.DataFrame]) -> None:
    with file.open("w", newline="") as stream:
        for number, piece in enumerate(pieces):
            piece.to_csv(stream, index=False, header=number == 0)


_READERS = {".parquet": _parquet, ".arrow": _arrow, ".feather": _arrow, ".csv": _csv}
_WRITERS = {".parquet": _write_parquet, ".arrow": _write_arrow, ".feather": _write_arrow, ".csv": _write_csv}
