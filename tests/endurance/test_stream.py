"""A short form of the stream of fifty million rows: memory does not grow with what is delivered."""

from __future__ import annotations

import pytest

from endurance.stream import fill, in_a_process


@pytest.mark.slow
def test_memory_does_not_grow_with_what_a_source_delivers(tmp_path):
    few, many = (_peak(tmp_path / str(rows), rows) for rows in (60_000, 300_000))
    # A quarter of a million rows more are 75 MB as a frame.
    assert many < few + 30


def _peak(folder, rows):
    folder.mkdir()
    end = fill(folder / "market.db", rows)
    figures = in_a_process(folder / "market.db", folder / "bars", end, chunk=20_000)
    assert figures.rows == rows
    return figures.peak_mb
