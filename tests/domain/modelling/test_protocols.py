"""Three protocols: what each tests, and that the sealed block is in none of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from finq_predictor.domain.modelling.protocols import Division, Protocol, splits_of
from finq_predictor.domain.modelling.splits import Gap
from synthetic_splits import panel

PROTOCOLS = {
    "expanding": Protocol(),
    "rolling": Protocol(kind="rolling", window_bars=60),
    "years": Protocol(kind="rolling", window_years=0.25),
    "combinatorial": Protocol(kind="combinatorial", n_groups=5, n_test_groups=2),
}


@pytest.fixture(scope="module")
def rows() -> tuple[pd.DataFrame, Division]:
    found, sessions = panel(240, 3, 5, drop=0.1, late=0.05)
    return found, Division(4, 0.4, Gap(embargo_bars=3), 5, sessions)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_the_sealed_block_is_neither_learned_from_nor_tested_nor_reached_by_an_outcome(rows, name):
    found, division = rows
    sealed = division.sealed_from(found["ts"], found["label_end"])
    assert sealed == division.walk_forward(found["ts"], found["label_end"])[-1].test_start
    splits = splits_of(PROTOCOLS[name], found["ts"], found["label_end"], division)
    assert len(splits) == (10 if name == "combinatorial" else 3)
    for split in splits:
        assert found["ts"].iloc[split.train].max() < sealed
        assert found["label_end"].iloc[split.train].max() < sealed
        for test in split.tests.values():
            assert found["ts"].iloc[test].max() < sealed
            if name == "combinatorial":
                assert found["label_end"].iloc[test].max() < sealed


def test_walk_forwards_have_one_path_and_combinations_many(rows):
    found, division = rows
    for name, protocol in PROTOCOLS.items():
        splits = splits_of(protocol, found["ts"], found["label_end"], division)
        paths: dict[int, list[int]] = {}
        for split in splits:
            for path, test in split.tests.items():
                paths.setdefault(path, []).extend(test)
        assert len(paths) == (4 if name == "combinatorial" else 1)
        assert all(len(set(path)) == len(path) for path in paths.values()), "each row once on a path"
        assert len({tuple(sorted(path)) for path in paths.values()}) == 1, "and the same rows on all paths"


def test_a_rolling_window_learns_from_less_and_tests_the_same(rows):
    found, division = rows
    whole, rolling = (
        splits_of(PROTOCOLS[name], found["ts"], found["label_end"], division) for name in ("expanding", "rolling")
    )
    for one, other in zip(whole, rolling, strict=True):
        np.testing.assert_array_equal(one.tests[1], other.tests[1])
        assert set(other.train) < set(one.train)


def test_a_single_block_may_be_looked_at(rows):
    found, division = rows
    alone = Division(1, 0.6, division.gap, division.label_bars, division.sessions)
    assert alone.sealed_from(found["ts"], found["label_end"]) is None
    (split,) = splits_of(Protocol(), found["ts"], found["label_end"], alone)
    assert found["ts"].iloc[split.tests[1]].max() == found["ts"].max()
    combined = splits_of(PROTOCOLS["combinatorial"], found["ts"], found["label_end"], alone)
    assert max(test.max() for split in combined for test in split.tests.values()) == len(found) - 1


def test_only_combinations_look_ahead():
    assert [name for name, protocol in PROTOCOLS.items() if protocol.looks_ahead] == ["combinatorial"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kind": "rolling"}, "was given 0 windows"),
        ({"kind": "rolling", "window_bars": 5, "window_years": 1.0}, "was given 2 windows"),
        ({"window_bars": 5}, "expanding was given 1 windows"),
        ({"kind": "combinatorial", "n_groups": 3, "n_test_groups": 3}, "nothing would be left"),
        ({"kind": "random"}, "expanding"),
        ({"folds": 3}, "Extra inputs"),
    ],
)
def test_what_is_no_protocol_is_refused(given, message):
    with pytest.raises(ValidationError, match=message):
        Protocol(**given)
