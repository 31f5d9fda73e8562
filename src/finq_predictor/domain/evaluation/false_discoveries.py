"""Many tests at once: p-values by which the share of false discoveries is kept small."""

from __future__ import annotations

import numpy as np

from finq_predictor.domain.arrays import Array, Vector


def adjust_p_values(p_values: Array, *, dependent: bool = False) -> Vector:
    """Adjust p-values so that "adjusted <= q" keeps the expected share of false discoveries at q or below.

    Args:
        p_values: M p-values in [0, 1]; NaN is not counted as a test and stays NaN.
        dependent: Whether the tests may depend on each other in any way (Benjamini and Yekutieli, 2001), which costs
            a factor of about ``log M``; else they may go together only (Benjamini and Hochberg, 1995).

    Returns:
        M adjusted p-values, each at least its own.
    """
    from scipy.stats import false_discovery_control

    adjusted = np.full(len(p_values), np.nan)
    tested = np.isfinite(p_values)
    if tested.any():
        adjusted[tested] = false_discovery_control(p_values[tested], method="by" if dependent else "bh")
    return adjusted
