"""How often somebody may ask: a sliding window, counted in memory, and shared between workers where there is a Redis.

A window is cut in two: what was counted in the last full period counts for as much of it as the window still covers.
That needs two numbers for each name, and is off only as far as requests were uneven within a period. `limits` counts
the same way under the name of sliding window counter, and takes five times as long.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import NamedTuple

from finq_predictor.serving.errors import TooManyError

_MOST_NAMES = 20_000
_ROUNDING = 1e-6


class Taken(NamedTuple):
    """What is left after a request was counted.

    Attributes:
        most: The limit.
        left: Requests that may come now.
        reset: Seconds until the period turns.
    """

    most: int
    left: int
    reset: int

    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """As an answer carries it."""
        return (
            (b"ratelimit-limit", b"%d" % self.most),
            (b"ratelimit-remaining", b"%d" % self.left),
            (b"ratelimit-reset", b"%d" % self.reset),
        )


class Rate:
    """So many requests in so many seconds, for each name.

    Args:
        most: Requests in a window.
        seconds: Its length.
        what: What is limited, to be named in the refusal.
        clock: Tells the time, in seconds.
    """

    def __init__(self, most: int, seconds: int, what: str, clock: Callable[[], float] = time.time) -> None:
        self.most, self.seconds, self.what = most, seconds, what
        self._clock = clock
        # Name -> number of the period, counted in it, counted in the one before.
        self._counts: dict[str, list[int]] = {}
        # What other processes were not told yet; None where nobody shares it.
        self._news: dict[str, int] | None = None

    def take(self, name: str) -> Taken:
        """Count a request.

        Raises:
            TooManyError: If that is too many; it is not counted, and the answer says when to come again.
        """
        now = self._clock()
        period, gone = divmod(now, self.seconds)
        counts = self._turned(name, int(period))
        left = 1 - gone / self.seconds
        used = int(counts[2] * left) + counts[1]
        if used >= self.most:
            if self._news is not None:
                # Others may have been quiet since: ask again how much is used.
                self._news.setdefault(name, 0)
            raise self._refusal(counts[1], counts[2], left)
        counts[1] += 1
        if self._news is not None:
            self._news[name] = self._news.get(name, 0) + 1
        return Taken(self.most, self.most - used - 1, math.ceil(left * self.seconds))

    def is_full(self, name: str) -> bool:
        """Whether the next request would be too many."""
        period, gone = divmod(self._clock(), self.seconds)
        counts = self._turned(name, int(period))
        return int(counts[2] * (1 - gone / self.seconds)) + counts[1] >= self.most

    def share(self) -> None:
        """Begin to keep what other processes shall be told."""
        self._news = {}

    def news(self) -> list[tuple[str, int]]:
        """What was counted since the last time, for each name that came."""
        told, self._news = self._news or {}, {}
        return list(told.items())

    def replace(self, name: str, used: int) -> None:
        """Take over how much of the window all processes together have used."""
        counts = self._turned(name, int(self._clock() // self.seconds))
        counts[1], counts[2] = used + (self._news or {}).get(name, 0), 0

    def _turned(self, name: str, period: int) -> list[int]:
        counts = self._counts.get(name)
        if counts is None:
            if len(self._counts) >= _MOST_NAMES:
                self._forget(period)
            counts = self._counts[name] = [period, 0, 0]
        elif counts[0] != period:
            counts[2] = counts[1] if counts[0] == period - 1 else 0
            counts[0], counts[1] = period, 0
        return counts

    def _forget(self, period: int) -> None:
        """Forget who has not come for two periods; where all have, those who came first."""
        self._counts = {name: counts for name, counts in self._counts.items() if counts[0] >= period - 1}
        for name in list(self._counts)[: max(0, len(self._counts) - _MOST_NAMES // 2)]:
            del self._counts[name]

    def _refusal(self, counted: int, before: int, left: float) -> TooManyError:
        # Until so little of the last period is covered that one more fits; where this one is full, it is that one.
        room = (self.most - counted) / before if counted < self.most else self.most / counted - 1
        periods = left - room
        wait = math.floor(periods * self.seconds + _ROUNDING) + 1
        headers = {name.decode(): value.decode() for name, value in Taken(self.most, 0, wait).headers()}
        return TooManyError(
            f"More than {self.most:,} {self.what} in {self.seconds} seconds; come again in {wait}.",
            {**headers, "Retry-After": str(wait)},
        )
