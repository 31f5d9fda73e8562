"""Files of a panel give back any block and any span of it, and say what to do where a worker does not see them."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from spark_cases import CASES

from finq_predictor.adapters.spark.cutting import Cut
from finq_predictor.adapters.spark.panel_files import write_panel
from finq_predictor.domain.errors import StoreError


@pytest.fixture(scope="module", params=["every_equity", "every_fx"])
def panel(request):
    return CASES[request.param].panel()


@pytest.fixture
def files(panel, tmp_path):
    count = len(panel.instruments)
    return write_panel(panel, Cut(((0, 1), (1, 3), (3, count)), ((0, len(panel.ts)),)), tmp_path)


def same(one, other) -> bool:
    return one.shape == other.shape and np.array_equal(one, other, equal_nan=True)


def test_a_block_has_all_bars_of_its_instruments(panel, files):
    for number, (start, stop) in enumerate(files.blocks):
        block, expected = files.block(number), panel.columns(start, stop)
        assert (block.market, block.instruments) == (panel.market, expected.instruments)
        assert block.ts.equals(panel.ts)
        assert set(block.fields) == set(panel.fields)
        assert all(same(values, expected.fields[name]) for name, values in block.fields.items())


def test_a_span_has_some_bars_of_all_instruments(panel, files):
    span, expected = files.span(100, 150, {"close", "member", "volume"}), panel.rows(100, 150)
    assert span.instruments == panel.instruments
    assert {"close", "volume"} <= set(span.fields)
    assert "high" not in span.fields
    assert all(same(values, expected.fields[name]) for name, values in span.fields.items())
    assert np.array_equal(span.universe, expected.universe)


def test_what_describes_a_field_comes_along(panel, files):
    described = [name for name in files.wide if "." in name]
    for name in described:
        assert name in files.span(0, 5, {name.partition(".")[0]}).fields


def test_a_worker_that_does_not_see_the_folder_says_so(files):
    shutil.rmtree(files.folder)
    with pytest.raises(StoreError, match="the same folder of the data under the same path"):
        files.block(0)
