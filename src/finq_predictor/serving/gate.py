"""Where whatever takes long is worked on: beside the event loop, a few at a time, and no more waiting than agreed."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar, TypeVarTuple

from anyio import CapacityLimiter, move_on_after, to_thread

from finq_predictor.serving.errors import OverloadedError

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class Gate:
    """Lets requests in as long as there is room, and gives threads to those inside, in the order they ask.

    A request that needs several pieces of work queues up for each, so that a long one does not hold up a short one.

    Args:
        threads: Pieces of work that run at a time. Few, because they share one interpreter with the event loop.
        waiting: Requests inside beyond those.
        seconds: Longest wait of a piece of work for its turn. What waits when too much is asked for is old when it is
            answered, and all that comes later waits for it as well: long after the rush, if nobody is sent away.
    """

    def __init__(self, threads: int, waiting: int, seconds: float = math.inf) -> None:
        self._most, self._seconds = threads + waiting, seconds
        self._turns, self._threads = CapacityLimiter(threads), CapacityLimiter(math.inf)
        self.inside = 0

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be inside, in order to :meth:`run`.

        Raises:
            OverloadedError: If there is no room.
        """
        if self.inside >= self._most:
            raise OverloadedError(f"{self.inside} requests are being worked on, which is the limit; try again later.")
        self.inside += 1
        try:
            yield
        finally:
            self.inside -= 1

    async def run(self, work: Callable[[*Ts], T], *given: *Ts) -> T:
        """Do a piece of work in a thread, when it is its turn.

        Raises:
            OverloadedError: If that takes too long.
        """
        turn = object()
        with move_on_after(self._seconds) as waited:
            await self._turns.acquire_on_behalf_of(turn)
        if waited.cancelled_caught:
            raise OverloadedError(f"It was not the turn of this request for {self._seconds:g} s; try again later.")
        try:
            return await to_thread.run_sync(work, *given, limiter=self._threads)
        finally:
            self._turns.release_on_behalf_of(turn)
