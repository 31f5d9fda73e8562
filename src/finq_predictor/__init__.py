"""Point-in-time features, calibrated probabilities and governed predictions for equities and FX."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from finq_predictor.loaded_frame import LoadedFrame, load_frame

__all__ = ["LoadedFrame", "load_frame"]


def __getattr__(name: str) -> Any:
    """What a notebook starts with; it needs pandas, and most who import the package do not."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from finq_predictor import loaded_frame

    return getattr(loaded_frame, name)


def __dir__() -> list[str]:
    """Also what is imported when it is asked for."""
    return sorted([*globals(), *__all__])
