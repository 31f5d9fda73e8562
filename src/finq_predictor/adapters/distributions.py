"""Which libraries compute, and in which versions they are installed; models say themselves what they need."""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

from finq_predictor.domain.modelling.models.base import Distribution, Model

PREDICTING: tuple[Distribution, ...] = (("numpy",), ("pandas",), ("scipy",), ("numba",))
"""What every prediction goes through, whatever the model."""


def needed_by(models: Iterable[type[Model]]) -> tuple[Distribution, ...]:
    """What predicting with these models needs, each once."""
    return tuple(dict.fromkeys((*PREDICTING, *(need for model in models for need in model.requires))))


def installed(wanted: Iterable[Distribution]) -> dict[str, str]:
    """Versions of what is installed.

    Args:
        wanted: Distributions; of alternatives the first one that is there counts.

    Returns:
        Version by name, in the order given; what is not installed is left out.
    """
    found = {}
    for alternatives in wanted:
        for name in alternatives:
            try:
                found[name] = version(name)
            except PackageNotFoundError:
                continue
            break
    return found
