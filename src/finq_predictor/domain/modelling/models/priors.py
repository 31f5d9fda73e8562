"""What is believed of features before any of our data is looked at, each belief with its source."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from finq_predictor.domain.arrays import Vector
from finq_predictor.domain.errors import ConfigurationError, closest

_PARTS = {"weight", "source"}


def read_priors(given: Any) -> dict[str, float]:
    """Weights by feature.

    Args:
        given: By name of a feature, a mapping of ``weight``, how much a standard deviation of it counts beside those
            of the others and with which sign, and ``source``, who found so.

    Raises:
        ConfigurationError: If it is anything else, or says nothing of any feature.
    """
    if not isinstance(given, Mapping) or not given:
        raise ConfigurationError(
            f"Priors are {given!r}; expected weight and source by feature, such as "
            "{ret_5: {weight: -1.0, source: 'Jegadeesh (1990)'}}."
        )
    weights: dict[str, float] = {}
    for feature, belief in given.items():
        weight: Any = belief["weight"] if isinstance(belief, Mapping) and set(belief) == _PARTS else None
        if type(weight) not in (int, float) or not math.isfinite(weight) or weight == 0.0:
            raise ConfigurationError(
                f"The prior of {feature} is {belief!r}; expected a weight other than 0, and its source."
            )
        if not isinstance(belief["source"], str) or not belief["source"].strip():
            raise ConfigurationError(f"The prior of {feature} has no source; say who found so, and when.")
        weights[str(feature)] = float(weight)
    return weights


def place_priors(weights: Mapping[str, float], features: tuple[str, ...], model: str) -> Vector:
    """Weights in the order of the features (k); 0 where nothing is believed.

    Args:
        weights: Of :func:`read_priors`. A feature whose inputs are not delivered is not among the features; what is
            believed of the others stands.
        features: Names of the columns.
        model: For the error.

    Raises:
        ConfigurationError: If nothing is believed of any of the features.
    """
    placed = np.array([weights.get(name, 0.0) for name in features])
    if not placed.any():
        first = next(iter(weights))
        raise ConfigurationError(
            f"Model {model!r} believes something of {', '.join(weights)}, and none of them is in the feature set. "
            f"{closest(first, features)}"
        )
    return placed


def positive(given: Any, what: str) -> float:
    """How much is believed: a finite number above 0.

    Raises:
        ConfigurationError: If it is anything else.
    """
    if type(given) not in (int, float) or not math.isfinite(given) or given <= 0.0:
        raise ConfigurationError(f"The {what} of a belief is {given!r}; expected a number above 0, such as 0.025.")
    return float(given)
