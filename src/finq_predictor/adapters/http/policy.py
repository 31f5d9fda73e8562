"""How long a provider is waited for, how often it is asked, and how much of its answer is taken."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from finq_predictor.domain.errors import ConfigurationError

# Nobody means more, and what is much longer fits into no date.
_YEAR = 365 * 86_400.0


@dataclass(frozen=True)
class Policy:
    """The rules under which one source talks to its provider.

    Args:
        connect_seconds: Longest wait for a connection.
        read_seconds: Longest wait for the next bytes.
        total_seconds: Longest time for an attempt in all, so that a server that sends a byte a second is cut off.
        attempts: How often a request is made when something fails that may pass.
        first_wait_seconds: Upper end of the first pause; each further one is twice as long, and the pause itself is
            drawn evenly from 0 to there, so that many clients do not come back together.
        longest_wait_seconds: Where that stops growing.
        longest_retry_after_seconds: Longest wait that a provider may ask for, or that its limit of requests may take;
            beyond, an error says when to come back.
        requests_per_minute: Most requests to a host in any 60 seconds.
        failures_to_open: Failures in a row after which a host is asked nothing for a while.
        open_seconds: How long; then one request goes through as a trial.
        largest_download: Most bytes of an answer as they come over the line.
        largest_body: Most bytes of an answer once it is unpacked.

    Raises:
        ConfigurationError: If one of them is not above 0, or the first wait is longer than the longest.
    """

    connect_seconds: float = 5.0
    read_seconds: float = 15.0
    total_seconds: float = 60.0
    attempts: int = 4
    first_wait_seconds: float = 1.0
    longest_wait_seconds: float = 30.0
    longest_retry_after_seconds: float = 120.0
    requests_per_minute: int = 60
    failures_to_open: int = 5
    open_seconds: float = 60.0
    largest_download: int = 32 << 20
    largest_body: int = 128 << 20

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not value > 0:
                raise ConfigurationError(f"The policy's {field.name} is {value!r}; expected a number above 0.")
        if self.first_wait_seconds > self.longest_wait_seconds:
            raise ConfigurationError(
                f"The policy's first_wait_seconds is {self.first_wait_seconds:g}, longer than its "
                f"longest_wait_seconds, {self.longest_wait_seconds:g}. Make the first one shorter."
            )


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Time:
    """Where time and chance come from; tests give their own, in which a minute takes no time.

    Args:
        now: The time of day (UTC).
        monotonic: Seconds of a clock that nobody sets.
        sleep: Waits for so many seconds.
        random: Draws from 0 to below 1.
    """

    now: Callable[[], datetime] = _now
    monotonic: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = random.random


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that an answer asks to wait, at most a year.

    Args:
        headers: Its headers, by name in any case.
        now: Our time, used for a date where the server does not tell its own; a difference of clocks does no harm
            where it does.

    Returns:
        0 for a time that has passed; None where nothing is asked, or nothing that can be read.
    """
    told = {name.lower(): value.strip() for name, value in headers.items()}
    asked = told.get("retry-after", "")
    if asked.isascii() and asked.isdigit():
        return min(float(asked), _YEAR)
    until = _date(asked)
    if until is None:
        return None
    since = _date(told.get("date", "")) or now
    return min(max((until - since).total_seconds(), 0.0), _YEAR)


def _date(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
