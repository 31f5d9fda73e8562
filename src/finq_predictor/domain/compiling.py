"""How functions of numbers are turned into machine code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile on first use and keep the machine code beside the module; without fast-math, which reorders sums."""
    return cast("F", njit(cache=True, nogil=True)(function))
