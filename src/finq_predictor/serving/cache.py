"""What is remembered between requests."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock, RLock
from typing import Generic, TypeVar

from finq_predictor.domain.errors import ConfigurationError

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class BoundedCache(Generic[K, V]):
    """A thread-safe cache of the most recently used values; a missing value is computed once.

    Args:
        size: How many values are kept, at least one.
        pinned: A key whose value stays however many others are asked for.
    """

    def __init__(self, size: int, pinned: K | None = None) -> None:
        if size < 1:
            raise ConfigurationError(f"A cache of size {size} holds nothing; expected 1 or more.")
        self._size = size
        self._pinned = pinned
        self._values: OrderedDict[K, V] = OrderedDict()
        self._lock = Lock()
        self._computing = RLock()

    def __len__(self) -> int:
        return len(self._values)

    def recent(self) -> list[K]:
        """The keys, the one that was used last first."""
        with self._lock:
            return list(reversed(self._values))

    def peek(self, key: K) -> V | None:
        """Return the value when it is there, without computing it."""
        with self._lock:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
            return value

    def get(self, key: K, compute: Callable[[], V]) -> V:
        """Return the value, computing it at most once however many threads ask."""
        value = self.peek(key)
        if value is not None:
            return value
        with self._computing:
            value = self.peek(key)
            if value is None:
                value = compute()
                with self._lock:
                    self._values[key] = value
                    if self._pinned is not None and self._pinned in self._values:
                        self._values.move_to_end(self._pinned)
                    while len(self._values) > self._size:
                        self._values.popitem(last=False)
            return value
