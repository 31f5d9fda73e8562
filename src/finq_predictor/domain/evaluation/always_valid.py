"""A comparison that may be looked at every day and stopped at any time, and is still right.

An ordinary p-value is right at one moment that was chosen before. Who looks at it each day and stops when it is small
finds something in noise sooner or later. A bettor who can never expect to win under the null hypothesis cannot deceive
himself in that way: however often one looks, the chance that his wealth ever reaches 20 is at most one in twenty
(Ville, 1939; Waudby-Smith and Ramdas, 2024).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from finq_predictor.domain.arrays import Array, Vector
from finq_predictor.domain.errors import DataError

# At most half of the wealth is put on one bar, so that no bar can ruin the bettor.
_BOLDEST = 0.5
# One more square in the sum, of a size that no mean reaches, keeps the first bets small.
_CAUTION = 0.25


@dataclass(frozen=True)
class Evidence:
    """What betting has shown so far.

    Attributes:
        wealth: Wealth now; begins with 1.
        highest: The highest wealth ever.
        p_value: 1 / highest, at most 1: valid at whatever time one looks.
        bars: Bars that went in.
        decided_at: Position of the first bar at which the p-value was at most the level; None where it never was.
    """

    wealth: float
    highest: float
    p_value: float
    bars: int
    decided_at: int | None


def bet_on(differences: Array, horizon: int, level: float = 0.05) -> Evidence:
    """Bet that a mean is above zero, bar after bar, each bet chosen from what was known before it.

    Labels over ``horizon`` bars overlap, so that neighbouring bars share outcomes. Bars that are ``horizon`` apart do
    not: there are so many bettors, each of whom sees every ``horizon``-th bar, and their mean wealth is the evidence.

    Args:
        differences: One value for each bar, in [-1, 1], in the order of time (n): how much better the one model did
            than the other, such as the mean difference of Brier scores. NaN where there is none to compare.
        horizon: Bars after a bar at which its outcome is known: those of the label and of the entry.
        level: Of the decision.

    Returns:
        The evidence against "the mean is not above zero", one-sided.

    Raises:
        DataError: If a difference lies outside of [-1, 1], or the horizon is below 1.
    """
    values = np.asarray(differences, dtype=np.float64)
    known = ~np.isnan(values)
    if (np.abs(values[known]) > 1.0 + 1e-12).any():
        raise DataError(f"A difference of {np.nanmax(np.abs(values)):g} was given; expected values from -1 to 1.")
    if horizon < 1:
        raise DataError(f"The horizon is {horizon} bars; expected 1 or more.")
    stakes = np.where(known, values, 0.0)
    place = np.arange(len(values))
    wealth = np.ones((horizon, len(values)))
    for bettor in range(horizon):
        mine = stakes[bettor::horizon]
        grown = np.concatenate([[1.0], np.cumprod(1.0 + _bets(mine) * mine)])
        wealth[bettor] = grown[np.maximum((place - bettor) // horizon + 1, 0)]
    together = wealth.mean(axis=0)
    highest = np.maximum.accumulate(together) if len(values) else np.ones(0)
    reached = np.flatnonzero(highest >= 1.0 / level)
    best = max(1.0, float(highest[-1])) if len(values) else 1.0
    return Evidence(
        wealth=float(together[-1]) if len(values) else 1.0,
        highest=best,
        p_value=1.0 / best,
        bars=int(known.sum()),
        decided_at=int(reached[0]) if len(reached) else None,
    )


def _bets(values: Vector) -> Vector:
    """The share of the wealth on each value, from those before it: the bet that would have grown fastest on them."""
    before = np.concatenate([[0.0], np.cumsum(values)[:-1]])
    squares = np.concatenate([[0.0], np.cumsum(values**2)[:-1]])
    # Mean over mean square is the best bet for small values (Kelly, 1956).
    return np.clip(before / (squares + _CAUTION), 0.0, _BOLDEST)
