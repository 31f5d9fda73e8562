"""What is expected of each instrument, from its probability and how far it usually moves."""

from __future__ import annotations

import numpy as np

from finq_predictor.domain.arrays import Vector

MEAN_MOVE = float(np.sqrt(2.0 / np.pi))
"""Mean distance of a normal move from zero, in standard deviations."""


def expected_returns(probability: Vector, deviation: Vector, horizon: int) -> Vector:
    """Expected return over the horizon: the chance of a rise beyond that of a fall, times the mean move.

    As if a move were as long when the answer is yes as when it is no, and normal. Where the question is relative to a
    benchmark, so is the expectation.

    Args:
        probability: Calibrated probability of yes (n).
        deviation: Standard deviation of the return of a bar (n).
        horizon: Bars that the probability is about.
    """
    return np.asarray((2.0 * probability - 1.0) * MEAN_MOVE * deviation * horizon**0.5)
