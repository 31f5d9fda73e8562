from __future__ import annotations

import threading

import pytest

from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.serving.cache import BoundedCache


def test_cache_is_bounded_and_keeps_the_recent():
    cache = BoundedCache[int, str](2)
    for key in (1, 2, 1, 3):
        cache.get(key, lambda key=key: str(key))
    assert len(cache) == 2
    assert (cache.peek(1), cache.peek(2), cache.peek(3)) == ("1", None, "3")
    with pytest.raises(ConfigurationError):
        BoundedCache(0)


def test_cache_computes_once_for_many_threads():
    cache, computed, start = BoundedCache[str, int](4), [], threading.Barrier(8)

    def ask():
        start.wait(timeout=10)
        cache.get("key", lambda: computed.append(1) or 1)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert computed == [1]
