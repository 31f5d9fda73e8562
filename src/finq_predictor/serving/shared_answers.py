"""Answers that one process has computed, for the others: in Redis, under the snapshot and the bar that they are of.

The snapshot stands in the name, so that nothing has to be thrown away when new bars or a new champion come: nobody asks
for the old ones any more, and they go by themselves. Whoever may write into Redis may not thereby say what is answered
where models are signed: answers are signed with the same key. Where Redis does not answer, each process computes for
itself, and says so.

Libraries of the extra `serve` are imported where Redis is asked: `finq predict` answers without them.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from finq_predictor.adapters.secret_values import read_secret
from finq_predictor.adapters.signing import is_signed, sign, signing_key
from finq_predictor.domain.errors import ConfigurationError

logger = logging.getLogger(__name__)
URL = "FINQ_REDIS_URL"
_TIMEOUT_S = 0.25
_FAILURES, _OPEN_S = 5, 60.0
_FORM = 1
"""Of what is written; another one is not read."""


class SharedAnswers:
    """A quarter of an hour's memory that processes have in common.

    Args:
        url: Address of the Redis; never shown.
        seconds: How long an answer is kept.
        key: Signs what is written; None where nothing is signed.

    Raises:
        ConfigurationError: If the address is none.
    """

    def __init__(self, url: str, seconds: float = 900.0, key: bytes | None = None) -> None:
        from redis import Redis

        from finq_predictor.adapters.breaker import Breaker

        try:
            self._redis: Any = Redis.from_url(url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S)
        except ValueError:
            raise ConfigurationError(
                f"The address in {URL} is none that is known; expected redis://:password@host:6379/0 or rediss://..."
            ) from None
        self._seconds, self._key = seconds, key
        self._breaker = Breaker(_FAILURES, _OPEN_S, time.monotonic)
        self._well = True

    @property
    def problem(self) -> str | None:
        """Why each process computes for itself; None while Redis answers."""
        return None if self._well else "Redis does not answer: each process computes its answers for itself."

    def get(self, name: str) -> dict[str, Any] | None:
        """What was put under a name; None where there is nothing, or nothing that can be believed."""
        import orjson

        content = self._asked(lambda: self._redis.get(self._place(name)))
        if not isinstance(content, bytes):
            return None
        signature, _, body = content.partition(b"\n")
        if self._key is not None and not is_signed(
            self._key, name.encode() + b"\n" + body, signature.decode("latin-1")
        ):
            logger.warning("An answer in Redis is not signed with our key and is not used.")
            return None
        try:
            found = orjson.loads(body)
        except orjson.JSONDecodeError:
            return None
        return found if isinstance(found, dict) else None

    def put(self, name: str, answers: dict[str, Any]) -> None:
        """Keep answers under a name; where that does not work, nothing happens."""
        import orjson

        body = orjson.dumps(answers)
        signature = sign(self._key, name.encode() + b"\n" + body) if self._key is not None else ""
        content = signature.encode() + b"\n" + body
        self._asked(lambda: self._redis.set(self._place(name), content, px=int(1000 * self._seconds)))

    def _place(self, name: str) -> str:
        return f"finq:answers:{_FORM}:{name}"

    def _asked(self, ask: Any) -> Any:
        """Ask Redis, unless it has not answered several times in a row lately."""
        from redis.exceptions import RedisError

        from finq_predictor.adapters.breaker import BreakerOpenError

        try:
            with self._breaker.trying():
                found = ask()
        except BreakerOpenError:
            return None
        except (RedisError, OSError) as error:
            if self._well:
                # Its text may show where Redis is.
                logger.error("Redis does not answer (%s): each process computes for itself.", type(error).__name__)
            self._well = False
            return None
        if not self._well:
            logger.warning("Redis answers again: answers are shared.")
        self._well = True
        return found


def shared_answers(seconds: float) -> SharedAnswers | None:
    """The memory that processes have in common, where a Redis is named; None where there is none.

    Raises:
        ConfigurationError: If its address is none, or the key cannot be read.
    """
    url = read_secret(URL, "the address")
    return None if url is None else SharedAnswers(url.decode(), seconds, signing_key())
