"""Control of false discoveries over many tests."""

from __future__ import annotations

import numpy as np


def benjamini_hochberg(p_values: np.ndarray) -> np.ndarray:
    """Adjust p-values so that "adjusted <= q" keeps the expected share of false discoveries at q or below.

    Args:
        p_values: M p-values in [0, 1]; NaN is not counted as a test and stays NaN.

    Returns:
        M adjusted p-values, each at least its own (Benjamini and Hochberg, 1995).
    """
    adjusted = np.full(len(p_values), np.nan)
    tested = np.flatnonzero(np.isfinite(p_values))
    if len(tested) == 0:
        return adjusted
    order = tested[np.argsort(p_values[tested], kind="stable")]
    scaled = p_values[order] * len(order) / np.arange(1, len(order) + 1)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted
