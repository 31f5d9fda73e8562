"""What takes long is worked on a few at a time, and nobody waits for it beyond what was agreed."""

from __future__ import annotations

import asyncio
import threading

import pytest

from finq_predictor.serving.errors import OverloadedError
from finq_predictor.serving.gate import Gate


def test_whoever_waits_too_long_is_sent_away_and_the_next_one_is_served():
    over = threading.Event()

    async def play() -> list[object]:
        gate = Gate(threads=1, waiting=8, seconds=0.05)
        first = asyncio.create_task(gate.run(over.wait, 30.0))
        await asyncio.sleep(0)
        late = await asyncio.gather(*(gate.run(str, number) for number in range(3)), return_exceptions=True)
        over.set()
        return [*late, await first, await gate.run(str, "next")]

    *late, first, following = asyncio.run(play())
    assert [type(one) for one in late] == [OverloadedError] * 3
    assert "not the turn of this request for 0.05 s" in str(late[0])
    assert (first, following) == (True, "next")


def test_a_turn_is_given_back_whatever_becomes_of_the_work():
    over = threading.Event()

    async def play() -> str:
        gate = Gate(threads=1, waiting=8, seconds=5.0)
        with pytest.raises(ZeroDivisionError):
            await gate.run(lambda: 1 / 0)
        working = asyncio.create_task(gate.run(over.wait, 30.0))
        waiting = asyncio.create_task(gate.run(str, "left"))
        await asyncio.sleep(0.01)
        # A client that leaves while it waits takes no turn with it.
        waiting.cancel()
        over.set()
        await working
        return await gate.run(str, "next")

    assert asyncio.run(play()) == "next"


def test_no_more_are_inside_than_there_is_room_for():
    gate = Gate(threads=1, waiting=1)
    full = pytest.raises(OverloadedError, match="2 requests are being worked on")
    with gate.entered(), gate.entered(), full, gate.entered():
        pass
    with gate.entered():
        assert gate.inside == 1
