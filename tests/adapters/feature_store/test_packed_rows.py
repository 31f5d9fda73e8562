"""A packed row is read as it was written, and by nobody who expects another one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from finq_predictor.adapters.feature_store import marks
from finq_predictor.adapters.feature_store.marks import data_mark
from finq_predictor.adapters.feature_store.packing import Packer
from finq_predictor.adapters.snapshots.store import SnapshotStore
from finq_predictor.domain.market.markets import MARKETS

HASH, OTHER = "ab" * 32, "cd" * 32
values = st.lists(st.floats(width=64), min_size=3, max_size=3).map(np.array)


@given(values, st.integers(0, 2**62), st.text(max_size=12))
def test_a_row_comes_back_bit_by_bit(row, bar, name):
    packer = Packer("fx", HASH, 3)
    found = packer.unpack(name, bar, packer.pack(name, bar, 17, row))
    assert (found.bar, found.created) == (bar, 17)
    assert found.values.tobytes() == row.tobytes()


@given(st.integers(0, 2**31), st.integers(1, 255))
def test_one_changed_byte_is_seen(place, change):
    packer = Packer("fx", HASH, 3)
    packed = bytearray(packer.pack("EUR_USD", 5, 6, np.array([1.0, np.nan, 3.0])))
    packed[place % len(packed)] ^= change
    assert packer.unpack("EUR_USD", 5, bytes(packed)) is None


def test_a_row_is_of_its_place_its_definitions_and_its_key():
    row, key = np.arange(3.0), b"k" * 40
    packed = Packer("fx", HASH, 3).pack("EUR_USD", 5, 6, row)
    assert Packer("fx", HASH, 3).unpack("EUR_USD", 5, packed) is not None
    assert Packer("fx", HASH, 3).unpack("GBP_USD", 5, packed) is None
    assert Packer("fx", HASH, 3).unpack("EUR_USD", 4, packed) is None
    assert Packer("equity", HASH, 3).unpack("EUR_USD", 5, packed) is None
    assert Packer("fx", OTHER, 3).unpack("EUR_USD", 5, packed) is None
    assert Packer("fx", HASH, 4).unpack("EUR_USD", 5, packed) is None
    assert Packer("fx", HASH, 3, key).unpack("EUR_USD", 5, packed) is None
    signed = Packer("fx", HASH, 3, key).pack("EUR_USD", 5, 6, row)
    assert Packer("fx", HASH, 3, key).unpack("EUR_USD", 5, signed) is not None
    for other in (None, b"l" * 40):
        assert Packer("fx", HASH, 3, other).unpack("EUR_USD", 5, signed) is None
    assert Packer("fx", HASH, 3).unpack("EUR_USD", 5, packed[:-1]) is None


def test_a_mark_is_of_the_silver_tables_and_of_what_reads_them(small_project, monkeypatch):
    """Another content, another version: another mark. What is made of silver does not count."""
    snapshot, fx = SnapshotStore(small_project, "fx").newest(), MARKETS["fx"]
    mark = data_mark(snapshot, fx)
    assert mark == data_mark(snapshot, fx)
    entries = dict(snapshot.manifest.entries)
    for name, changes in (("silver_bars", True), ("silver_sentiment", True), ("gold", False), ("champion", False)):
        other = entries | {name: replace(entries[name], content="0" * 64)}
        changed = replace(snapshot, manifest=replace(snapshot.manifest, entries=other))
        assert (data_mark(changed, fx) != mark) == changes, name
    monkeypatch.setattr(marks, "_here", lambda: ("another machine",))
    assert data_mark(snapshot, fx) != mark
