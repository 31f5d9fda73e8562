"""However the work is cut and whoever does it, every bit of every value is the same."""

from __future__ import annotations

import threading

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.features import FeatureSpec, compute_features, make_feature_set, select_features
from finq_predictor.domain.features import _blocks as blocks
from finq_predictor.domain.features.engine import feature_parts
from finq_predictor.domain.features.sets import members_of
from finq_predictor.domain.panel import Panel


@pytest.fixture(scope="module")
def wide(market, panel) -> Panel:
    """Instruments beside each other again, each with prices of its own, so that there are several blocks."""
    factor = np.linspace(1.0, 3.0, 5)
    fields = {
        name: np.hstack([values * (1.0 if name == "sector" else by) for by in factor])
        if values.shape[1] > 1
        else values
        for name, values in panel.fields.items()
    }
    names = tuple(f"{name}{number}" for number in range(5) for name in panel.instruments)
    return Panel(panel.market, panel.ts, names, fields)


@pytest.fixture(scope="module")
def everything(market, wide) -> tuple[FeatureSpec, ...]:
    return select_features(market, wide.available, members=members_of("all"))


@pytest.fixture(scope="module")
def by_one(wide, everything) -> pd.DataFrame:
    return compute_features(wide, make_feature_set(everything), threads=1)


@pytest.mark.parametrize(("threads", "cells"), [(2, blocks.CELLS), (3, 1), (1, 1), (4, 420 * 16), (2, 420 * 8)])
def test_blocks_and_threads_change_no_bit(monkeypatch, wide, everything, by_one, threads, cells):
    monkeypatch.setattr(blocks, "CELLS", cells)
    again = compute_features(wide, make_feature_set(everything), threads=threads)
    pd.testing.assert_frame_equal(again, by_one, check_exact=True)


def test_several_work_at_once(monkeypatch, wide, everything):
    seen, kept = set(), blocks._fill

    def noted(*given):
        seen.add(threading.get_ident())
        met.wait(timeout=60)
        return kept(*given)

    # Each waits for another: it ends only where two are at work at the same time.
    met = threading.Barrier(2)
    own = [spec for spec in everything if "cross_section" not in spec.inputs][:5]
    monkeypatch.setattr(blocks, "_fill", noted)
    monkeypatch.setattr(blocks, "CELLS", wide.fields["close"].size // 2)
    compute_features(wide, make_feature_set(own), threads=2)
    assert len(seen) == 2


def test_what_goes_wrong_in_a_thread_is_told(wide, everything):
    def broken(bars):
        raise RuntimeError("a formula that fails")

    values, cells = np.empty((1, 4)), np.arange(4)
    spec = FeatureSpec("broken", "none", ("close",), (), 1, "", "", "", (), broken)
    with pytest.raises(RuntimeError, match="a formula that fails"):
        blocks.fill_columns(wide, 0, [spec], cells, cells, values, threads=2)


def test_half_the_digits_are_the_same_numbers_rounded(wide, everything, by_one):
    narrow = compute_features(wide, make_feature_set(everything), dtype="float32")
    pd.testing.assert_frame_equal(narrow, by_one.astype(narrow.dtypes), check_exact=True)
    assert (narrow.dtypes.iloc[2:] == "float32").all()


def test_a_number_too_large_for_half_the_digits_is_missing(wide):
    huge = FeatureSpec("huge", "none", ("close",), (), 1, "", "", "", (), lambda bars: bars.close * 1e300)
    cells = np.arange(4)
    values = np.empty((1, 4), dtype=np.float32)
    blocks.fill_columns(wide, 0, [huge], np.full(4, 300), cells, values, threads=1)
    assert np.isnan(values).all()


@pytest.mark.parametrize("bars", [1, 97, 1000])
def test_parts_one_after_the_other_are_the_whole(wide, everything, bars):
    if bars == 1:
        wide = wide.rows(300, 305)
    chosen = make_feature_set(everything)
    parts = list(feature_parts(wide, chosen, bars=bars))
    whole = compute_features(wide, chosen, dtype="float32")
    pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), whole, check_exact=True)
    assert len(parts) == -(-len(wide.ts) // bars)


def test_a_part_without_bars_is_refused(wide, everything):
    with pytest.raises(ConfigurationError, match="has 0 bars; give 1 or more"):
        next(feature_parts(wide, make_feature_set(everything), bars=0))
