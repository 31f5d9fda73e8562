"""How much of the planted signal there is at a time: it fades, stops for a while, and turns."""

from __future__ import annotations

import numpy as np

from finq_predictor.simulation.config import PlantingConfig

COMPONENTS = 3


def strength_path(
    planting: PlantingConfig, draw: np.random.Generator, size: int, per_year: float, before: int = 0
) -> np.ndarray:
    """Strength of each component at each step, drawn before anything else happens, and so no part of what happens.

    Args:
        planting: How strong, how fading, how unsteady.
        draw: Random stream of the stretches.
        size: Steps T, days or hours.
        per_year: Steps in a year.
        before: Steps before the history begins; the strength does not fade in them.

    Returns:
        (3, T) factors on the weights; negative where a component has the other sign. All are exactly 1 where nothing
        fades and nothing stops.
    """
    path = np.full((COMPONENTS, size), planting.strength)
    if planting.half_life is not None:
        years = np.maximum(np.arange(size) - before, 0) / per_year
        path = path * 0.5 ** (years / planting.half_life)
    if planting.off or planting.reversed:
        path = path * np.stack([_stretches(planting, draw, size, per_year) for _ in range(COMPONENTS)])
    return path


def _stretches(planting: PlantingConfig, draw: np.random.Generator, size: int, per_year: float) -> np.ndarray:
    """One component's stretches, (T,): 1 on, 0 off, -1 reversed; exponential lengths, states drawn independently."""
    signs, mean = np.empty(size), planting.stretch * per_year / 12.0
    start = 0
    while start < size:
        luck, length = draw.random(), 1 + int(mean * draw.standard_exponential())
        sign = 0.0 if luck < planting.off else -1.0 if luck < planting.off + planting.reversed else 1.0
        signs[start : start + length] = sign
        start += length
    return signs
