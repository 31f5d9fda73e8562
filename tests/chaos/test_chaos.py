"""A short form of ``make chaos``: a few disasters of every kind, and nothing is lost, doubled or made up."""

from __future__ import annotations

import pytest

from chaos.play import Plan, play


@pytest.mark.slow
def test_whatever_goes_wrong_the_next_run_makes_it_good(tmp_path):
    tally, told = play(Plan(seed=1, random=1, aimed=0, pairs=1, clocks=0, pause=0.3, restores=0), tmp_path, say=False)
    assert tally.failures == []
    assert told.wrong == []
    assert tally.killed > 0
    assert sum(tally.tried.values()) >= 5
    assert told.statuses["200"] > 0
    assert told.checked > 0
