"""Limits that several processes keep together: what each has counted is put into Redis, some times a second.

A request is judged by what is in memory, and waits for nobody. So a limit can be exceeded by what all processes let in
between two exchanges, a fifth of a second. Where Redis does not answer, each process counts for itself and says so.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Mapping
from typing import Any

from finq_predictor.adapters.secret_values import read_secret
from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.serving.rates import Rate

logger = logging.getLogger(__name__)
URL = "FINQ_REDIS_URL"
_PAUSE_S, _AWAY_S = 0.2, 5.0
_TIMEOUT_S = 0.5
# What is let in is judged here; Redis only adds up.
_ANY_NUMBER = 2**31 - 1


class SharedRates:
    """Exchanges counts with the other processes.

    Args:
        url: Address of the Redis; never shown.
        rates: What is counted, by a name that all processes give it.

    Raises:
        ConfigurationError: If the address is none.
    """

    def __init__(self, url: str, rates: Mapping[str, Rate]) -> None:
        from limits import RateLimitItemPerSecond
        from limits.storage import RedisStorage
        from limits.strategies import SlidingWindowCounterRateLimiter

        try:
            storage = RedisStorage(url, key_prefix="finq", socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S)
        except (ValueError, TypeError):
            raise ConfigurationError(
                f"The address in {URL} is none that is known; expected redis://:password@host:6379/0 or rediss://..."
            ) from None
        self._storage: Any = storage
        self._limiter = SlidingWindowCounterRateLimiter(storage)
        self._items = {name: RateLimitItemPerSecond(_ANY_NUMBER, rate.seconds, name) for name, rate in rates.items()}
        self._rates = dict(rates)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.away = False
        for rate in rates.values():
            rate.share()

    def start(self) -> None:
        """Exchange counts in a thread until :meth:`stop`."""
        self._thread = threading.Thread(target=self._go_on, name="finq-rates", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=10)

    def exchange(self) -> None:
        """Tell what was counted here since the last time, and take over what all have counted."""
        from redis.exceptions import RedisError

        try:
            if self.away:
                # There may be nothing to tell.
                self._storage.storage.ping()
            for name, rate in self._rates.items():
                for caller, count in rate.news():
                    self._exchange(self._items[name], rate, caller, count)
        except (RedisError, OSError) as error:
            if not self.away:
                # Its text may show where Redis is.
                logger.error(
                    "Redis does not answer (%s): each process counts requests for itself.", type(error).__name__
                )
            self.away = True
            return
        if self.away:
            logger.warning("Redis answers again: requests are counted together.")
        self.away = False

    def _exchange(self, item: Any, rate: Rate, caller: str, count: int) -> None:
        if count:
            self._limiter.hit(item, caller, cost=count)
        before, expires_in, now, _ = self._storage.get_sliding_window(item.key_for(caller), item.get_expiry())
        rate.replace(caller, math.floor(before * expires_in / item.get_expiry()) + now)

    def _go_on(self) -> None:
        while not self._stop.wait(_AWAY_S if self.away else _PAUSE_S):
            try:
                self.exchange()
            except Exception:
                # Without the thread nobody would say that each counts for itself.
                logger.exception("Exchanging counts of requests failed")


def share(rates: Mapping[str, Rate]) -> SharedRates | None:
    """Have limits kept together with other processes, where a Redis is named; None where there is none.

    Raises:
        ConfigurationError: If its address is none.
    """
    url = read_secret(URL, "the address")
    return None if url is None or not rates else SharedRates(url.decode(), rates)
