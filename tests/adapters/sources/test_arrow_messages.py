"""What a Feather file says of itself is at least what comes out of it, and what is damaged is refused."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import feather

from finq_predictor.adapters.sources.arrow_messages import announced, is_feather, read_batches

COLUMNS = {
    "number": st.floats(allow_nan=True),
    "whole": st.integers(-(2**62), 2**62),
    "text": st.one_of(st.none(), st.text(max_size=20)),
    "yes": st.booleans(),
    "nothing": st.none(),
}


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    rows = draw(st.integers(0, 40))
    names = draw(st.lists(st.sampled_from(sorted(COLUMNS)), unique=True, min_size=1))
    columns = {name: draw(st.lists(COLUMNS[name], min_size=rows, max_size=rows)) for name in names}
    table = pa.table(columns)
    if "text" in names and draw(st.booleans()):
        place = table.column_names.index("text")
        table = table.set_column(place, "text", table["text"].cast(pa.string()).dictionary_encode())
    return table


@settings(deadline=None)
@given(table=tables(), compression=st.sampled_from(["lz4", "zstd", "uncompressed"]), chunk=st.sampled_from([7, 64]))
def test_it_says_at_least_what_comes_out(table, compression, chunk):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.feather"
        feather.write_feather(table, path, compression=compression, chunksize=chunk)
        batches = list(announced(path))
        pd.testing.assert_frame_equal(read_batches(path), pd.read_feather(path))
        read = feather.read_table(path, memory_map=False)
        held = sum(
            buffer.size
            for column in read.columns
            for chunk in column.chunks
            for buffer in chunk.buffers()
            if buffer is not None
        )
    assert sum(one.values for one in batches) >= table.num_rows * table.num_columns
    assert sum(one.size for one in batches) >= held


@settings(deadline=None, max_examples=200)
@given(position=st.integers(0, 10_000), value=st.integers(0, 255))
def test_a_byte_that_is_changed_ends_no_process(position, value):
    frame = pd.DataFrame({"a": np.arange(200.0), "b": ["x", "y"] * 100, "c": pd.Categorical(["u", "v"] * 100)})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.feather"
        frame.to_feather(path, compression="zstd")
        content = bytearray(path.read_bytes())
        content[position % len(content)] = value
        path.write_bytes(content)
        try:
            assert sum(one.size for one in announced(path)) < 2**63
        except (ValueError, OSError, pa.ArrowException, MemoryError):
            return


@pytest.mark.parametrize("compression", ["zstd", "uncompressed"])
def test_no_number_in_a_file_makes_it_say_less_than_nothing(compression, tmp_path):
    """A length that is negative would make up for a buffer that grows to anything."""
    path = tmp_path / "a.feather"
    pd.DataFrame({"a": np.arange(200.0), "b": ["x", "y"] * 100}).to_feather(path, compression=compression)
    content, read = path.read_bytes(), 0
    for place in range(8, len(content) - 8, 8):
        path.write_bytes(content[:place] + (-(2**62)).to_bytes(8, "little", signed=True) + content[place + 8 :])
        try:
            found = list(announced(path))
        except (ValueError, OSError, pa.ArrowException):
            continue
        assert all(one.size >= 0 and one.values >= 0 for one in found)
        read += 1
    assert read > 0


def test_one_batch_is_read_once_however_often_the_end_of_the_file_names_it(tmp_path):
    """The list of batches at the end is not what is read."""
    pd.DataFrame({"a": np.arange(10.0)}).to_feather(tmp_path / "a.feather", compression="uncompressed")
    content = (tmp_path / "a.feather").read_bytes()
    end = content.rindex(b"ARROW1")
    (tmp_path / "b.feather").write_bytes(content[: end - 4] + b"\0\0\0\0" + content[end:])
    assert read_batches(tmp_path / "b.feather")["a"].tolist() == list(range(10))
    assert [one.values for one in announced(tmp_path / "b.feather")] == [10]


def test_a_file_of_the_first_version_is_no_such_file(tmp_path):
    (tmp_path / "a.feather").write_bytes(b"FEA1\0\0\0\0")
    feather.write_feather(pa.table({"a": [1.0]}), tmp_path / "b.feather")
    assert not is_feather(tmp_path / "a.feather")
    assert is_feather(tmp_path / "b.feather")


def test_a_file_that_ends_early_is_refused(tmp_path):
    pd.DataFrame({"a": np.arange(1000.0)}).to_feather(tmp_path / "a.feather")
    (tmp_path / "a.feather").write_bytes((tmp_path / "a.feather").read_bytes()[:600])
    with pytest.raises((ValueError, OSError)):
        list(announced(tmp_path / "a.feather"))
