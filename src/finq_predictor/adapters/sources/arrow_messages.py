"""What an Arrow file says that it holds, before any of it is unpacked.

The pieces of a Feather file (version 2) are messages of Arrow's stream format behind eight bytes; each begins with a
FlatBuffers table that names its rows and buffers, and a buffer that is compressed begins with its size unpacked (Apache
Arrow, "Columnar Format", sections "Encapsulated message format" and "Buffer compression"). pyarrow unpacks a whole
batch at once and has no limit, so these few numbers are read here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa

MAGIC = b"ARROW1"
_START = 8
_DICTIONARY, _RECORDS = 2, 3
_HEADER_TYPE, _HEADER = 1, 2
_LENGTH, _NODES, _BUFFERS, _COMPRESSION = 0, 1, 2, 3
_DATA = 1


@dataclass(frozen=True)
class Announced:
    """What one batch says of itself.

    Attributes:
        values: Rows x columns, inner ones included.
        size: Bytes of its buffers when they are unpacked.
    """

    values: int
    size: int


def announced(path: Path) -> Iterator[Announced]:
    """What each batch of a Feather file says of itself, in the order in which they lie.

    Raises:
        ValueError: If it is no such file, or a batch points out of itself.
    """
    with pa.memory_map(str(path)) as file:
        file.seek(_START)
        for message in pa.ipc.MessageReader.open_stream(file):
            try:
                yield from _read(message.metadata.to_pybytes(), message.body)
            except (struct.error, IndexError) as error:
                raise ValueError(f"a batch of it is damaged ({error})") from None


def read_batches(path: Path) -> pd.DataFrame:
    """The batches of a Feather file as they lie: those that :func:`announced` counts, and no others.

    The list at the end of the file, by which it is read otherwise, may name one batch many times.
    """
    with pa.memory_map(str(path)) as file:
        file.seek(_START)
        with pa.ipc.open_stream(file) as stream:
            frame: pd.DataFrame = stream.read_pandas()
    return frame


def is_feather(path: Path) -> bool:
    """Whether a file is one of version 2; that of version 1 is never compressed."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def _read(metadata: bytes, body: pa.Buffer | None) -> Iterator[Announced]:
    (root,) = struct.unpack_from("<I", metadata)
    kind = _field(metadata, root, _HEADER_TYPE)
    header = _field(metadata, root, _HEADER)
    if kind is None or header is None or metadata[kind] not in (_DICTIONARY, _RECORDS):
        return
    batch = _follow(metadata, header)
    if metadata[kind] == _DICTIONARY:
        batch = _follow(metadata, _needed(_field(metadata, batch, _DATA)))
    length = _field(metadata, batch, _LENGTH)
    rows = 0 if length is None else struct.unpack_from("<q", metadata, length)[0]
    nodes = list(_structs(metadata, batch, _NODES))
    longest = max([0, rows, *(count for count, _ in nodes)])
    compressed = _field(metadata, batch, _COMPRESSION) is not None
    size = 0
    for offset, count in _structs(metadata, batch, _BUFFERS):
        # One that says less than nothing must not make up for another.
        size += max(0, count, _unpacked(body, offset, count) if compressed else 0)
    yield Announced(longest * len(nodes), size)


def _unpacked(body: pa.Buffer | None, offset: int, count: int) -> int:
    """Size of a buffer unpacked: its first eight bytes; -1 says that it is not packed."""
    if body is None or count < 8:
        return 0
    return int(struct.unpack("<q", body.slice(offset, 8).to_pybytes())[0])


def _follow(metadata: bytes, at: int) -> int:
    return at + int(struct.unpack_from("<I", metadata, at)[0])


def _field(metadata: bytes, table: int, number: int) -> int | None:
    """Where a field of a table lies; None where it was left out."""
    (back,) = struct.unpack_from("<i", metadata, table)
    virtual = table - back
    (size,) = struct.unpack_from("<H", metadata, virtual)
    place = 4 + 2 * number
    if place + 2 > size:
        return None
    (offset,) = struct.unpack_from("<H", metadata, virtual + place)
    return table + offset if offset else None


def _structs(metadata: bytes, table: int, number: int) -> Iterator[tuple[int, int]]:
    """Pairs of whole numbers in a vector of a table."""
    field = _field(metadata, table, number)
    if field is None:
        return
    vector = _follow(metadata, field)
    (count,) = struct.unpack_from("<I", metadata, vector)
    if vector + 4 + 16 * count > len(metadata):
        raise IndexError("a list that is longer than its message")
    yield from struct.iter_unpack("<qq", metadata[vector + 4 : vector + 4 + 16 * count])


def _needed(place: int | None) -> int:
    if place is None:
        raise IndexError("a dictionary without values")
    return place
