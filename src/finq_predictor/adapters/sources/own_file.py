"""A table in a file of the user's own."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd

from finq_predictor.adapters.sources.unpacking import OPENERS, check_announced, unpacked
from finq_predictor.domain.errors import ConfigurationError, SourceError, UnknownNameError, closest
from finq_predictor.domain.ingestion.wide_tables import with_index_as_columns
from finq_predictor.domain.registry import Registry

# A company may trade under "NA" or "TRUE"; only what nobody is called counts as missing.
_MISSING = ("", "nan", "NaN", "null", "None", "N/A", "#N/A", "-")

READERS: Registry[Callable[[Path], pd.DataFrame]] = Registry("file format")
"""How a file is read, by the suffix that tells its format."""


class OwnFileSource:
    """Reads a file as it is: CSV, TSV, Parquet, Feather, JSON or one JSON object a line, text ones also compressed.

    Args:
        filepath: The file; None for a table that was not given.
        table: Which table it is, for messages.
        parameter: The run parameter that gives the file, for messages.
        required: Whether a run can do without it.

    Raises:
        ConfigurationError: If ``filepath`` is not the name of one file, but for example a list.
    """

    simulated = False

    def __init__(
        self, filepath: str | Path | None, table: str, parameter: str | None = None, required: bool = False
    ) -> None:
        self._table = table
        self._parameter = parameter or table
        if filepath is not None and not isinstance(filepath, str | Path):
            raise ConfigurationError(
                f"The file of the {table} (run parameter `{self._parameter}`) is {filepath!r}, a "
                f"{type(filepath).__name__}; expected the name of one file. Join several files that have the same "
                f'columns into one, and give it as --params "{self._parameter}=FILE".'
            )
        self._path = None if filepath in (None, "", "null", "None") else Path(filepath).expanduser()
        self._required = required

    @property
    def source_id(self) -> str:
        """Name of the file, and a short hash of where it lies, so that equal names do not mix."""
        if self._path is None:
            return "none"
        return f"{self._path.name}#{sha256(str(self._path.resolve()).encode()).hexdigest()[:8]}"

    def read(self) -> pd.DataFrame:
        """The table as it is in the file; no rows where none was given.

        Raises:
            ConfigurationError: If a needed file was not given.
            SourceError: If the file is not there, of unknown format or damaged.
        """
        if self._path is None:
            if self._required:
                raise ConfigurationError(
                    f'No file was given for the {self._table}. Add it to the run: --params "{self._parameter}=FILE"'
                )
            return pd.DataFrame()
        if not self._path.is_file():
            raise SourceError(
                f"There is no file {self._path} (run parameter `{self._parameter}`). {_neighbours(self._path)}"
            )
        read = _reader(self._path)
        try:
            frame = read(self._path)
        except Exception as error:
            raise SourceError(
                f"The file {self._path} (run parameter `{self._parameter}`) cannot be read as {format_of(self._path)}: "
                f"{type(error).__name__}: {error}. It may be cut off or damaged; deliver it again. "
                "Nothing was changed by this run."
            ) from error
        return _flat(frame)


def _neighbours(path: Path) -> str:
    if not path.parent.is_dir():
        return f"There is no folder {path.parent} either."
    return closest(path.name, [file.name for file in path.parent.iterdir() if file.is_file()])


def format_of(path: Path) -> str:
    """Suffix that tells the format, without that of a compression."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    while suffixes and suffixes[-1] in OPENERS:
        suffixes.pop()
    return suffixes[-1].lstrip(".") if suffixes else ""


def _reader(path: Path) -> Callable[[Path], pd.DataFrame]:
    try:
        return READERS[format_of(path)]
    except UnknownNameError as error:
        raise SourceError(f"The file {path} cannot be read. {error}") from None


@READERS.register("csv", "txt")
def _read_csv(path: Path) -> pd.DataFrame:
    content = unpacked(path)
    return _read_delimited(content, _separator(content))


@READERS.register("tsv", "tab")
def _read_tsv(path: Path) -> pd.DataFrame:
    return _read_delimited(unpacked(path), "\t")


def _read_delimited(content: Path | io.BytesIO, separator: str) -> pd.DataFrame:
    frame: pd.DataFrame = pd.read_csv(
        content, sep=separator, keep_default_na=False, na_values=list(_MISSING), low_memory=False, encoding="utf-8-sig"
    )
    return frame


def _separator(content: Path | io.BytesIO) -> str:
    """The separator that occurs most in the heading."""
    heading = pd.read_csv(content, sep="\x00", nrows=0, encoding="utf-8-sig").columns
    if isinstance(content, io.BytesIO):
        content.seek(0)
    text = str(heading[0]) if len(heading) else ""
    return max(",;\t|", key=text.count)


@READERS.register("parquet", "pq")
def _read_parquet(path: Path) -> pd.DataFrame:
    from pyarrow.parquet import read_metadata

    about = read_metadata(path)
    size = sum(about.row_group(number).total_byte_size for number in range(about.num_row_groups))
    check_announced(path, about.num_rows * about.num_columns, size)
    return with_index_as_columns(pd.read_parquet(path))


@READERS.register("feather", "arrow")
def _read_feather(path: Path) -> pd.DataFrame:
    from finq_predictor.adapters.sources.arrow_messages import announced, is_feather, read_batches

    if not is_feather(path):
        return with_index_as_columns(pd.read_feather(path))
    batches = list(announced(path))
    check_announced(path, sum(one.values for one in batches), sum(one.size for one in batches))
    return with_index_as_columns(read_batches(path))


@READERS.register("json")
def _read_json(path: Path) -> pd.DataFrame:
    text = _text(path).strip()
    try:
        return pd.DataFrame(_records(json.loads(text)))
    except json.JSONDecodeError:
        return _from_lines(text)


@READERS.register("ndjson", "jsonl")
def _read_lines(path: Path) -> pd.DataFrame:
    return _from_lines(_text(path))


def _from_lines(text: str) -> pd.DataFrame:
    return pd.DataFrame([json.loads(line) for line in text.splitlines() if line.strip()])


def _text(path: Path) -> str:
    content = unpacked(path)
    raw = content.read_bytes() if isinstance(content, Path) else content.getvalue()
    return raw.decode("utf-8-sig")


def _records(content: Any) -> list[dict[str, Any]]:
    """The rows of a JSON document: a list of objects, or the one list in an object, beside what all rows share."""
    if isinstance(content, list):
        return list(content)
    lists = [name for name, value in content.items() if isinstance(value, list)]
    if len(lists) != 1:
        # Columns by name, as pandas writes them.
        return list(pd.DataFrame(content).to_dict("records"))
    shared = {name: value for name, value in content.items() if not isinstance(value, list | dict)}
    return [{**shared, **row} for row in content[lists[0]]]


def _flat(frame: pd.DataFrame) -> pd.DataFrame:
    """Objects in cells, as in ``{"mid": {"o": 1.1, ...}}``, become columns ``mid_o``; names are text."""
    nested = [name for name in frame.select_dtypes("object", exclude="str") if isinstance(_first(frame[name]), dict)]
    for name in nested:
        inner = pd.json_normalize(
            frame[name].map(lambda cell: cell if isinstance(cell, dict) else {}).tolist(), sep="_"
        )
        inner.index = frame.index
        frame = frame.drop(columns=name).join(inner.add_prefix(f"{name}_"))
    return frame.set_axis([str(name) for name in frame.columns], axis=1)


def _first(column: pd.Series) -> Any:
    known = column.dropna()
    return known.iloc[0] if len(known) else None
