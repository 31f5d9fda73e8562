"""Imports that a service can do without."""

from __future__ import annotations

import sys
from collections.abc import Callable
from threading import RLock
from typing import TypeVar

T = TypeVar("T")
_FOR_LEARNING = "sklearn"
# Another thread would import it as soon as the first one is done.
_alone = RLock()


def without_learning(work: Callable[[], T]) -> T:
    """Do something while scikit-learn cannot be imported, or with it where it cannot be done without.

    Libraries of trees take it with them wherever it is installed, for the sake of learning only. It costs a process
    more time than all else together, and 60 MB.
    """
    with _alone:
        return _without(work)


def _without(work: Callable[[], T]) -> T:
    if _FOR_LEARNING in sys.modules:
        return work()
    sys.modules[_FOR_LEARNING] = None  # type: ignore[assignment]  # Python's way to say that there is none
    try:
        return work()
    except ImportError:
        del sys.modules[_FOR_LEARNING]
        return work()
    finally:
        if _FOR_LEARNING in sys.modules and sys.modules[_FOR_LEARNING] is None:
            del sys.modules[_FOR_LEARNING]
