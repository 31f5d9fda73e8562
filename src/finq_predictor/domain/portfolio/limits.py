"""Weights are brought within limits: by name, by sector, and by how much is traded at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from finq_predictor.domain.arrays import Vector
from finq_predictor.domain.portfolio.rules import PortfolioRules

_ROUNDS = 100
_EDGE = 1e-9


def within_limits(weights: Vector, sectors: Sequence[str] | None, rules: PortfolioRules) -> Vector:
    """The nearest that shares can come to what is wanted, by cutting and giving what was cut to the others.

    Args:
        weights: Wanted shares of the capital, none below 0 (n).
        sectors: Of each instrument; None where none is known.
        rules: The limits.

    Returns:
        Shares within the limits of names and sectors, all of the capital where these allow it, else less.
    """
    found = np.clip(np.asarray(weights, dtype=np.float64), 0.0, None)
    named = None if sectors is None else np.asarray(sectors, dtype=object)
    total = min(1.0, float(found.sum()))
    for _ in range(_ROUNDS):
        found, room = _cut(found, named, rules)
        missing = total - float(found.sum())
        if missing <= _EDGE or not room.any():
            break
        base = np.where(room, np.maximum(found, _EDGE), 0.0)
        found = found + missing * base / base.sum()
    return _cut(found, named, rules)[0]


def step_towards(wanted: Vector, before: Vector, max_turnover: float) -> Vector:
    """As far from what is held towards what is wanted as may be traded at once; what lies between two is within limits.

    Args:
        wanted: Shares that are wanted (n).
        before: Shares that are held (n).
        max_turnover: Bought and sold at most, a share of the capital.
    """
    change = float(np.abs(wanted - before).sum())
    return np.asarray(before + min(1.0, max_turnover / change) * (wanted - before)) if change > 0.0 else wanted


def _cut(weights: Vector, sectors: np.ndarray | None, rules: PortfolioRules) -> tuple[Vector, np.ndarray]:
    """Shares that were cut, and who has room left."""
    found = np.minimum(weights, rules.max_weight)
    room = found < rules.max_weight - _EDGE
    if sectors is not None:
        for sector in np.unique(sectors):
            members = sectors == sector
            held = float(found[members].sum())
            if held >= rules.max_sector - _EDGE:
                found[members] *= rules.max_sector / held
                room[members] = False
    return found, room
