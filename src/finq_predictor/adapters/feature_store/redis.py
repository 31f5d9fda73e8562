"""The online store in Redis: for processes on several machines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from finq_predictor.adapters.feature_store.packing import FORM
from finq_predictor.adapters.feature_store.stored import Look, Place, Standing
from finq_predictor.domain.errors import ConfigurationError, StoreError

_TIMEOUT_S = 0.25
_WRITE_TIMEOUT_S = 20.0
_ATTEMPTS = 4


class RedisStore:
    """Rows of features in Redis: a hash for each bar, by instrument, and one string that says what all of it is of.

    A write is one transaction of Redis. What is read goes through one as well, so that rows and what is said of them
    are of the same moment.

    Args:
        url: Address of the Redis; never shown.
        key: Signs rows; None where nothing is signed.
        variable: Where the address is from, for messages.

    Raises:
        ConfigurationError: If the address is none.
    """

    kind = "redis"

    def __init__(self, url: str, key: bytes | None = None, variable: str = "FINQ_FEATURE_STORE_URL") -> None:
        from redis import Redis

        try:
            self._redis: Any = Redis.from_url(url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S)
            # A first write is long, and nobody waits for it.
            self._writer: Any = Redis.from_url(url, socket_timeout=_WRITE_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S)
        except ValueError:
            raise ConfigurationError(
                f"The address in {variable} is none that is known; expected redis://:password@host:6379/0 or "
                "rediss://..."
            ) from None
        self.key = key
        self._known: dict[str, tuple[bytes, Standing]] = {}

    def standing(self, market: str) -> Standing | None:
        """See :class:`~finq_predictor.adapters.feature_store.stored.OnlineStore`."""
        with _asking():
            return self._parsed(market, self._redis.get(_standing(market)))

    def places(self, market: str, wanted: Callable[[Standing], Iterable[Place]]) -> Look:
        """See :class:`~finq_predictor.adapters.feature_store.stored.OnlineStore`."""
        expected = self._known[market][1] if market in self._known else self.standing(market)
        for _ in range(_ATTEMPTS):
            if expected is None:
                return Look(None, {})
            asked: dict[int, list[str]] = defaultdict(list)
            for bar, instrument in wanted(expected):
                asked[bar].append(instrument)
            content, *found = self._together(market, [("hmget", _bar(market, bar), asked[bar]) for bar in asked])
            now = self._parsed(market, content)
            if now is expected:
                pairs = zip(asked.items(), found, strict=True)
                rows = {
                    (bar, name): vector
                    for (bar, names), vectors in pairs
                    for name, vector in zip(names, vectors, strict=True)
                    if vector is not None
                }
                return Look(now, rows)
            # It was written meanwhile; which rows are wanted may be others by now.
            expected = now
        return Look(None, {})

    def bar(self, market: str, bar: int) -> Look:
        """See :class:`~finq_predictor.adapters.feature_store.stored.OnlineStore`."""
        content, found = self._together(market, [("hgetall", _bar(market, bar))])
        standing = self._parsed(market, content)
        return Look(standing, {(bar, name.decode()): vector for name, vector in found.items()} if standing else {})

    def everything(self, market: str) -> dict[Place, bytes]:
        """See :class:`~finq_predictor.adapters.feature_store.stored.OnlineStore`."""
        rows: dict[Place, bytes] = {}
        with _asking():
            for key in self._writer.scan_iter(match=_bar(market, "*"), count=1000):
                bar = int(key.rpartition(b":")[2])
                rows |= {(bar, name.decode()): vector for name, vector in self._writer.hgetall(key).items()}
        return rows

    def put(self, standing: Standing, changed: Mapping[Place, bytes], gone: Collection[Place]) -> None:
        """See :class:`~finq_predictor.adapters.feature_store.stored.OnlineStore`."""
        market = standing.market
        by_bar: dict[int, dict[str, bytes]] = defaultdict(dict)
        for (bar, instrument), vector in changed.items():
            by_bar[bar][instrument] = vector
        left: dict[int, list[str]] = defaultdict(list)
        for bar, instrument in gone:
            left[bar].append(instrument)
        with _asking(), self._writer.pipeline(transaction=True) as pipeline:
            for bar, names in left.items():
                pipeline.hdel(_bar(market, bar), *names)
            for bar, rows in by_bar.items():
                pipeline.hset(_bar(market, bar), mapping=rows)
            pipeline.set(_standing(market), standing.to_bytes(self.key))
            pipeline.execute()

    def close(self) -> None:
        """See :class:`~finq_predictor.adapters.feature_store.stored.OnlineStore`."""
        self._redis.close()
        self._writer.close()

    def _together(self, market: str, commands: list[tuple[Any, ...]]) -> list[Any]:
        with _asking(), self._redis.pipeline(transaction=True) as pipeline:
            pipeline.get(_standing(market))
            for name, *arguments in commands:
                getattr(pipeline, name)(*arguments)
            found: list[Any] = pipeline.execute()
            return found

    def _parsed(self, market: str, content: bytes | None) -> Standing | None:
        if content is None:
            self._known.pop(market, None)
            return None
        known = self._known.get(market)
        if known is None or known[0] != content:
            standing = Standing.from_bytes(content, self.key)
            if standing is None:
                return None
            known = self._known[market] = content, standing
        return known[1]


def _standing(market: str) -> str:
    return f"finq:features:{FORM}:{market}"


def _bar(market: str, bar: int | str) -> str:
    return f"finq:features:{FORM}:{market}:{bar}"


@contextmanager
def _asking() -> Iterator[None]:
    from redis.exceptions import RedisError

    try:
        yield
    except (RedisError, OSError) as error:
        # Its text may show where Redis is.
        raise StoreError(f"The feature store in Redis does not answer ({type(error).__name__}).") from None
