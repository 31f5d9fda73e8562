"""A process that answers for weeks gives back the memory that it does not need any more.

What a new model or new bars took while they were read is freed soon after, but two layers beneath keep it: the pool of
Arrow, and the arenas of the C library, one for each thread. Neither is of use to a process that reads files now and
then.
"""

from __future__ import annotations

import ctypes

import pyarrow as pa

_ARENA_MAX = -8
"""The name of the limit in malloc.h."""


def begin() -> None:
    """Let Arrow ask the C library for memory, and that keep one arena; before anything large is read."""
    pa.set_memory_pool(pa.system_memory_pool())
    if (limit := _of_the_c_library("mallopt")) is not None:
        limit(_ARENA_MAX, 1)


def give_back() -> None:
    """Give back what was freed; takes some milliseconds."""
    if (trim := _of_the_c_library("malloc_trim")) is not None:
        trim(0)


def _of_the_c_library(name: str) -> ctypes._NamedFuncPointer | None:
    """A function of glibc; None where the C library is another one."""
    try:
        found: ctypes._NamedFuncPointer = getattr(ctypes.CDLL(None), name)
    except (AttributeError, OSError, TypeError):
        return None
    return found
