"""A short form of ``make soak``: models and bars change while clients ask, and nobody notices but by the version."""

from __future__ import annotations

import pytest

from endurance.play import playing


@pytest.mark.slow
def test_models_are_replaced_under_clients_that_never_stop_asking(tmp_path):
    with playing(tmp_path, "uvicorn", clients=4, pause=0.05, poll=0.1) as play:
        swaps, soak, accounts = play.swaps(4), play.soak(2.0, every=1.0), play.account()
    for phase in (swaps, soak, accounts):
        assert phase.wrong == []
    for phase in (swaps, soak):
        # Where other tests take the machine, a client may be told to come back; nothing else is answered.
        assert set(phase.statuses) <= {"200", "503"}
        assert phase.statuses.get("503", 0) <= 0.1 * phase.statuses["200"]
        assert phase.states > 0
    assert len(swaps.swaps) == 4
    assert swaps.states >= 4
