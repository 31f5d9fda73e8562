"""A clock in which a minute takes no time."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

from finq_predictor.adapters.http import Hosts, Time


class FakeTime:
    """Goes on when somebody sleeps; remembers how long each did."""

    def __init__(self, chance: float = 1.0) -> None:
        self._lock = threading.Lock()
        # It draws `chance` whenever something is drawn by chance.
        self.start = datetime(2024, 3, 1, tzinfo=UTC)
        self.seconds, self.chance = 1000.0, chance
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            self.seconds += seconds

    def hosts(self) -> Hosts:
        return Hosts(
            Time(
                now=lambda: self.start + timedelta(seconds=self.seconds - 1000.0),
                monotonic=lambda: self.seconds,
                sleep=self.sleep,
                random=lambda: self.chance,
            )
        )
