"""A circuit breaker, by pybreaker, with a clock that can be given and without a lock around what is asked.

Imported where something is first asked, because pybreaker is part of the extras `live` and `serve`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Any

from pybreaker import (
    STATE_CLOSED,
    STATE_HALF_OPEN,
    STATE_OPEN,
    CircuitBreaker,
    CircuitBreakerError,
    CircuitBreakerListener,
    CircuitMemoryStorage,
)


class BreakerOpenError(Exception):
    """The breaker lets no request through."""


class _Storage(CircuitMemoryStorage):
    """State in memory, whose time is that of a given clock rather than of the wall, which may be set back."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        super().__init__(STATE_CLOSED)
        self._monotonic = monotonic
        self._opened: float | None = None
        self._lock = Lock()

    def increment_counter(self) -> None:
        # Outcomes are told outside of the library's own lock.
        with self._lock:
            super().increment_counter()

    @property
    def seconds_open(self) -> float:
        return 0.0 if self._opened is None else self._monotonic() - self._opened

    @property
    def opened_at(self) -> datetime | None:
        return None if self._opened is None else datetime.now(UTC) - timedelta(seconds=self.seconds_open)

    @opened_at.setter
    def opened_at(self, _: datetime) -> None:
        self._opened = self._monotonic()


class _OneTrial(CircuitBreakerListener):
    """Lets one request through a half-open breaker; the library lets through all that come until the first ended."""

    def __init__(self) -> None:
        self._running = False

    # The library calls both under its lock.
    def before_call(self, cb: CircuitBreaker, *_: Any, **__: Any) -> None:
        if cb.current_state != STATE_HALF_OPEN:
            return
        if self._running:
            raise CircuitBreakerError("a trial is on its way")
        self._running = True

    def state_change(self, *_: Any) -> None:
        self._running = False


class Breaker:
    """Stops asking a host that failed several times in a row, and tries it once after a while.

    Args:
        failures: Failures in a row that open it.
        open_seconds: How long it stays open.
        monotonic: Seconds of a clock that nobody sets.
        blames: Whether an error is a failure of the host.
    """

    def __init__(
        self,
        failures: int,
        open_seconds: float,
        monotonic: Callable[[], float],
        blames: Callable[[BaseException], bool] = lambda _: True,
    ) -> None:
        self._storage = _Storage(monotonic)
        self._breaker = CircuitBreaker(
            fail_max=failures,
            reset_timeout=open_seconds,
            exclude=[lambda error: not blames(error)],
            listeners=[_OneTrial()],
            state_storage=self._storage,
            throw_new_error_on_trip=False,
        )

    @property
    def failures(self) -> int:
        """Failures in a row that open it."""
        return self._breaker.fail_max

    @property
    def seconds_left(self) -> float:
        """Seconds for which it still lets nothing through; 0 where it does."""
        if self._breaker.current_state != STATE_OPEN:
            return 0.0
        return max(self._breaker.reset_timeout - self._storage.seconds_open, 0.0)

    def obey(self, failures: int, open_seconds: float) -> None:
        """Take on the stricter of the present rules and these."""
        self._breaker.fail_max = min(self._breaker.fail_max, failures)
        self._breaker.reset_timeout = max(self._breaker.reset_timeout, open_seconds)

    @contextmanager
    def trying(self) -> Iterator[None]:
        """Count what is done inside as one request: an error that blames the host is a failure, all else is not.

        Raises:
            BreakerOpenError: If it lets nothing through; then nothing inside is done.
        """
        try:
            with self._breaker.calling():
                yield
        except CircuitBreakerError as error:
            raise BreakerOpenError(str(error)) from None
