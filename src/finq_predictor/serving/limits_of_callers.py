"""What one caller, and all of them together, may ask in a minute, and what one may ask at a time."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.serving.access.callers import Caller
from finq_predictor.serving.errors import TooManyError
from finq_predictor.serving.rates import Rate, Taken
from finq_predictor.serving.shared_rates import SharedRates, share

logger = logging.getLogger(__name__)


_SOON_S = 1


class Places:
    """How many requests of one account are worked on at a time, so that nobody takes the places of all.

    Where nobody is asked who they are, nobody can be told from the others, and the limits of all hold alone.

    Args:
        most: That many; zero means as many as they like.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken: Counter[str] = Counter()

    @contextmanager
    def taken(self, caller: Caller) -> Iterator[None]:
        """Take a place of a caller, as long as a request of theirs is worked on.

        Raises:
            TooManyError: If all of theirs are taken.
        """
        name = caller.user
        if name is None or not self._most:
            yield
            return
        if self._taken[name] >= self._most:
            raise TooManyError(
                f"{self._most} requests of {name} are being worked on, which is the most at a time; wait for one of "
                "them, or ask for several things in one batch.",
                {"Retry-After": str(_SOON_S)},
            )
        self._taken[name] += 1
        try:
            yield
        finally:
            self._taken[name] -= 1
            if not self._taken[name]:
                del self._taken[name]


class Rates:
    """What one caller and all of them together may ask in a minute; zero means as much as they like.

    Args:
        each: Requests of one caller.
        total: Requests of all callers, to this process.
        clock: Tells the time, in seconds.
    """

    SECONDS = 60

    def __init__(self, each: int, total: int, clock: Callable[[], float] = time.time) -> None:
        self.each = Rate(each, self.SECONDS, "requests of one caller", clock) if each else None
        self.total = Rate(total, self.SECONDS, "requests of all callers", clock) if total else None
        self._shared: SharedRates | None = None

    def start(self) -> None:
        """Keep the limits together with other processes, where a Redis is named."""
        named = {"caller": self.each, "total": self.total}
        try:
            self._shared = share({name: rate for name, rate in named.items() if rate is not None})
        except ConfigurationError as error:
            # A service that fails at start is only started again and again.
            logger.error("Each process counts requests for itself: %s", error)
        if self._shared is not None:
            self._shared.start()

    @property
    def problem(self) -> str | None:
        """Why each process counts for itself although a Redis is named; None where it does not."""
        return "Redis does not answer: each process counts requests for itself." if self.kept == "away" else None

    def stop(self) -> None:
        """End that."""
        if self._shared is not None:
            self._shared.stop()

    @property
    def kept(self) -> str:
        """Who counts, in a word: ``nobody``, ``each process``, ``all together``, or ``away`` while Redis is."""
        if self.each is None and self.total is None:
            return "nobody"
        if self._shared is None:
            return "each process"
        return "away" if self._shared.away else "all together"

    def take(self, name: str) -> Taken | None:
        """Count a request of a caller.

        Raises:
            TooManyError: If that is too many, of them or of all.
        """
        if self.total is not None:
            if self.each is not None and self.each.is_full(name):
                # One who is refused takes nothing of what is there for all.
                return self.each.take(name)
            taken = self.total.take("")
            return taken if self.each is None else self.each.take(name)
        return None if self.each is None else self.each.take(name)
