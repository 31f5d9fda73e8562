"""How functions of numbers are turned into machine code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile on first use, without fast-math, which reorders sums; the machine code is kept beside the module.

    Where neither that folder nor the user's can be written, as in a container whose files are read-only, it is kept in
    the folder that `NUMBA_CACHE_DIR` names, or compiled anew by every process.
    """
    try:
        return cast("F", njit(cache=True, nogil=True)(function))
    except RuntimeError:
        # The library finds no place for it, and would rather not compute at all.
        return cast("F", njit(nogil=True)(function))
