"""Reading compressed files without trusting what they grow to."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO, Protocol

from finq_predictor.domain.errors import DataError

ROOMY = 64 << 20
"""Bytes that any file may grow to."""
RATIO = 100
"""How many times its size a file may grow to, beyond that; tables of text shrink five- to thirtyfold."""
_CHUNK = 1 << 20


class _Readable(Protocol):
    """Binary content, read piece by piece."""

    def read(self, size: int, /) -> bytes: ...


def _only_member(path: Path) -> IO[bytes]:
    archive = zipfile.ZipFile(path)
    names = [name for name in archive.namelist() if not name.endswith("/")]
    if len(names) != 1:
        raise DataError(f"the archive holds {len(names)} files, expected one table; pack each table alone")
    return archive.open(names[0])


OPENERS: dict[str, Callable[[Path], AbstractContextManager[_Readable]]] = {
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
    ".zip": _only_member,
}
"""Suffix of a compressed file -> how it is opened."""


def allowance(size: int) -> int:
    """Bytes that a file of a size may grow to."""
    return max(ROOMY, RATIO * size)


def unpacked(path: Path) -> Path | io.BytesIO:
    """The content of a compressed file, unpacked in memory; another file as it is.

    Raises:
        DataError: If it grows beyond :func:`allowance`; what was read by then is dropped.
    """
    opener = OPENERS.get(path.suffix.lower())
    if opener is None:
        return path
    limit, content = allowance(path.stat().st_size), io.BytesIO()
    with opener(path) as file:
        while chunk := file.read(_CHUNK):
            if content.tell() + len(chunk) > limit:
                raise DataError(
                    f"unpacked it is larger than {limit >> 20} MiB, {limit / path.stat().st_size:,.0f} times its size; "
                    "tables are not like that. Unpack it yourself and look at it, or deliver it without compression"
                )
            content.write(chunk)
    content.seek(0)
    return content


def check_announced(path: Path, cells: int, size: int) -> None:
    """Refuse a table whose file says that it holds far more than its size lets expect.

    Args:
        path: Its file, compressed inside.
        cells: Rows x columns.
        size: Bytes of what it holds when that is unpacked.

    Raises:
        DataError: If they, or eight bytes a cell, are more than :func:`allowance`.
    """
    if max(8 * cells, size) > allowance(path.stat().st_size):
        raise DataError(
            f"it says that it holds {cells:,} values in {size:,} bytes, far more than its {path.stat().st_size:,} "
            "bytes are likely to; "
            "look at it, or deliver it as CSV"
        )
