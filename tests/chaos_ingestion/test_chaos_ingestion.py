"""A short form of ``make chaos-ingestion``: a kill and a pair of runs, and the next run makes it good."""

from __future__ import annotations

import random

import pandas as pd
import pytest

from chaos_ingestion.arena import is_within, require_covered
from chaos_ingestion.play import Plan, play
from chaos_ingestion.world import BEGIN, HOUR, PAIRS, providers
from finq_predictor.adapters.bronze.coverage import Coverage


@pytest.mark.slow
def test_whenever_an_ingestion_is_killed_the_next_one_makes_it_good(tmp_path):
    arena, watch = play(Plan(seed=1, kills=1, pairs=1, stages=("merging",)), tmp_path, say=False)
    assert arena.tally.failures == []
    assert watch.wrong == []
    assert arena.tally.killed >= 2
    assert sum(arena.tally.survived.values()) == 2
    assert watch.looks > 0
    assert arena.past > 0


def test_a_window_that_is_noted_and_not_there_is_found():
    hours = [BEGIN, BEGIN + HOUR, BEGIN + 3 * HOUR]
    rows = pd.DataFrame({"instrument": PAIRS[0], "time": [f"{hour:%Y-%m-%dT%H:%M:%SZ}" for hour in hours]})
    require_covered(Coverage().with_window(PAIRS[:1], BEGIN, BEGIN + 2 * HOUR), rows)
    with pytest.raises(AssertionError, match="is not there"):
        require_covered(Coverage().with_window(PAIRS[:1], BEGIN, BEGIN + 3 * HOUR), rows)
    with pytest.raises(AssertionError, match="is not there"):
        require_covered(Coverage().with_window(PAIRS[1:2], BEGIN, BEGIN + HOUR), rows)


@pytest.mark.parametrize(
    ("some", "right"), [([1.0, 3.0], True), ([], True), ([3.0, 1.0], False), ([1.0, 1.0], False), ([4.0], False)]
)
def test_what_was_seen_is_what_was_said_in_its_order_and_once(some, right):
    assert is_within(some, [1.0, 2.0, 3.0]) is right


def test_the_provider_remembers_every_version_that_it_gave():
    chance = random.Random(3)
    with providers(chance) as world:
        begun = len(world.said)
        revised = [key for _ in range(20) for key in world.move_on(chance)]
        assert len(world.said) == begun + len(PAIRS) * (world.now - BEGIN - 100 * HOUR) // HOUR
        assert {key for key, said in world.said.items() if len(said) > 1} == set(revised)
        assert all(said[-1] != said[-2] for said in world.said.values() if len(said) > 1)
