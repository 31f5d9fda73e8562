"""What one caller, and all of them together, may ask in a minute."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.serving.rates import Rate, Taken
from finq_predictor.serving.shared_rates import SharedRates, share

logger = logging.getLogger(__name__)


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
