"""One row of features as bytes: what it is of, then the values, then a mark that shows damage and strangers.

The mark covers the place as well, so that a row of one instrument is none of another. With the key that models are
signed with, only who knows it can write rows that are believed.
"""

from __future__ import annotations

import struct
from hashlib import blake2b, sha256
from hmac import compare_digest
from typing import NamedTuple

import numpy as np

from finq_predictor.domain.arrays import Vector

FORM = 1
"""Of what is written; another one is not read."""
_HEAD = struct.Struct("<4sHH32sqq")
_MAGIC = b"finq"
_MARK_BYTES = 16
_VALUES = "<f8"


class Packed(NamedTuple):
    """One row as it was read.

    Attributes:
        bar: Close of its bar, microseconds since 1970.
        created: When it was written, the same.
        values: Its values, read-only, in the order of the feature set.
    """

    bar: int
    created: int
    values: Vector


class Packer:
    """Writes and reads rows of one market and one feature set.

    Args:
        market: Name of the market.
        definitions_hash: Of the feature set, hexadecimal.
        count: How many features it has.
        key: Signs rows; None where nothing is signed.
    """

    def __init__(self, market: str, definitions_hash: str, count: int, key: bytes | None = None) -> None:
        self._definitions = bytes.fromhex(definitions_hash)
        self._count, self._size = count, _HEAD.size + 8 * count + _MARK_BYTES
        self._start = blake2b(market.encode() + b"\0", digest_size=_MARK_BYTES, key=short(key))

    def pack(self, instrument: str, bar: int, created: int, values: Vector) -> bytes:
        """A row as bytes.

        Args:
            instrument: Whose row.
            bar: Close of its bar, microseconds since 1970.
            created: Now, the same.
            values: As many as there are features.
        """
        head = _HEAD.pack(_MAGIC, FORM, self._count, self._definitions, bar, created)
        body = head + np.ascontiguousarray(values, dtype=_VALUES).tobytes()
        return body + self._mark(instrument, body)

    def unpack(self, instrument: str, bar: int, packed: bytes) -> Packed | None:
        """A row as it was written; None for one that is damaged, of another place or of other definitions."""
        if len(packed) != self._size:
            return None
        magic, form, count, definitions, of, created = _HEAD.unpack_from(packed)
        if (magic, form, count, definitions, of) != (_MAGIC, FORM, self._count, self._definitions, bar):
            return None
        body = memoryview(packed)[:-_MARK_BYTES]
        if not compare_digest(self._mark(instrument, body), packed[-_MARK_BYTES:]):
            return None
        return Packed(of, created, np.frombuffer(packed, _VALUES, self._count, _HEAD.size))

    def _mark(self, instrument: str, body: bytes | memoryview) -> bytes:
        mark = self._start.copy()
        mark.update(instrument.encode() + b"\0")
        mark.update(body)
        return mark.digest()


def short(key: bytes | None) -> bytes:
    """A key in the length that the marks take; none where there is none."""
    return b"" if key is None else sha256(key).digest()
