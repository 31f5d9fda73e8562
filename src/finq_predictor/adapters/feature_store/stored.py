"""What an online store keeps of a market, and what every store of that kind does."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from hashlib import blake2b
from typing import Protocol

import numpy as np

from finq_predictor.adapters.feature_store.packing import FORM, Packer, short
from finq_predictor.domain.arrays import Positions
from finq_predictor.domain.features import FeatureSet

Place = tuple[int, str]
"""Bar, in microseconds since 1970, and instrument."""
_MARK_BYTES = 16


@dataclass(frozen=True)
class Standing:
    """What a store holds of a market: all of it is of one feature set and of one state of the data.

    Attributes:
        market: Name of the market.
        feature_set: The features of every row.
        data: Mark of what they were computed from and by, see :func:`~finq_predictor.adapters.feature_store.marks`.
        bars: How many rows each bar has, by its close in microseconds since 1970, ascending.
        newest: The last bar of each instrument that has any.
        created: When it was written, microseconds since 1970.
        form: Of the rows.
    """

    market: str
    feature_set: FeatureSet
    data: str
    bars: dict[int, int]
    newest: dict[str, int]
    created: int
    form: int = FORM

    @cached_property
    def closes(self) -> Positions:
        """The bars, ascending."""
        return np.array(list(self.bars), dtype=np.int64)

    def packer(self, key: bytes | None) -> Packer:
        """Writes and reads its rows."""
        return Packer(self.market, self.feature_set.definitions_hash, len(self.feature_set.names), key)

    def to_bytes(self, key: bytes | None) -> bytes:
        """As a store keeps it: a mark that shows damage and strangers, then JSON."""
        plain = vars(replace(self)) | {"feature_set": self.feature_set.to_dict()}
        body = json.dumps(plain, separators=(",", ":")).encode()
        return _mark(body, key) + body

    @classmethod
    def from_bytes(cls, content: bytes, key: bytes | None) -> Standing | None:
        """What :meth:`to_bytes` wrote; None for what is damaged, of another form, or not signed with our key."""
        body = content[_MARK_BYTES:]
        if _mark(body, key) != content[:_MARK_BYTES]:
            return None
        plain = json.loads(body)
        if plain["form"] != FORM:
            return None
        bars = {int(bar): count for bar, count in plain["bars"].items()}
        return cls(**plain | {"feature_set": FeatureSet.from_dict(plain["feature_set"]), "bars": bars})


def _mark(body: bytes, key: bytes | None) -> bytes:
    return blake2b(body, digest_size=_MARK_BYTES, key=short(key)).digest()


@dataclass(frozen=True)
class Look:
    """What a store held at one moment.

    Attributes:
        standing: None where it holds nothing of the market, or nothing that can be believed.
        rows: The packed rows that were asked for and are there.
    """

    standing: Standing | None
    rows: Mapping[Place, bytes]


class OnlineStore(Protocol):
    """Rows of features of the newest bars.

    Everything raises :class:`~finq_predictor.domain.errors.StoreError` where the store does not answer; its text shows
    no address.
    """

    kind: str
    key: bytes | None

    def standing(self, market: str) -> Standing | None:
        """What is held of a market."""

    def places(self, market: str, wanted: Callable[[Standing], Iterable[Place]]) -> Look:
        """Rows of some instruments at some bars, all as they stood at one moment."""

    def bar(self, market: str, bar: int) -> Look:
        """All rows of a bar, as they stood at one moment."""

    def everything(self, market: str) -> dict[Place, bytes]:
        """All rows of a market, whatever they are of."""

    def put(self, standing: Standing, changed: Mapping[Place, bytes], gone: Collection[Place]) -> None:
        """Write all of it or nothing: whoever reads sees what was before or what is now."""

    def close(self) -> None:
        """Leave the store."""
