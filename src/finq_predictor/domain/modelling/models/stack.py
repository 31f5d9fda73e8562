"""The mean of several models with weights that are learned from what they said of rows they had not seen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from finq_predictor.domain.arrays import Array, Vector
from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.modelling.calibration import clustered_mean, kept
from finq_predictor.domain.modelling.models.base import HeldOut
from finq_predictor.domain.modelling.models.ensemble import Ensemble, odds_on_one_scale


class Stack(Ensemble):
    """Weights that are not below 0 and sum to 1 (Breiman, 1996), shrunk towards equal ones.

    They are learned from what the members said of later parts of the training window, fitted on what was before and
    purged. How far they leave equal weights is what the gain in squared error is beyond luck, block by block; without
    rows that were held out they are equal.

    Args:
        members: As for :class:`~finq_predictor.domain.modelling.models.ensemble.Ensemble`.
        seeds: As members.
        strength: As members.
        held_out_folds: Parts of the training window that the members are asked about.
    """

    name: ClassVar[str] = "stack"
    modules: ClassVar[tuple[str, ...]] = ("scipy.special", "scipy.optimize")

    def __init__(
        self,
        members: Mapping[str, Any],
        seeds: int = 1,
        strength: float | None = None,
        held_out_folds: int = 3,
    ) -> None:
        if type(held_out_folds) is not int or held_out_folds < 1:
            raise ConfigurationError(f"held_out_folds of {self.name!r} is {held_out_folds!r}; expected 1 or more.")
        super().__init__(members, seeds, strength, held_out_folds=held_out_folds)
        self.held_out_folds = held_out_folds

    def _shares(self, held_out: HeldOut | None) -> Vector:
        equal = np.full(len(self.groups), 1.0 / len(self.groups))
        if held_out is None:
            return self._of_models(equal)
        said = np.column_stack([held_out.odds[:, positions].mean(axis=1) for positions in self.groups.values()])
        return self._of_models(learn_shares(said, held_out.y, held_out.block))


def learn_shares(odds: Array, y: Vector, block: Array) -> Vector:
    """Weights of columns by non-negative least squares, shrunk towards equal ones.

    Args:
        odds: What each model said of rows it was not fitted on (n, m).
        y: Labels 0 or 1 (n).
        block: Code of the block of days of each row (n); rows of one block are one witness.

    Returns:
        Weights (m), not below 0, with the sum 1.
    """
    from scipy.optimize import nnls

    z, centred = odds_on_one_scale(odds), y - y.mean()
    count = z.shape[1]
    equal = np.full(count, 1.0 / count)
    gram, moment = z.T @ z / len(z), z.T @ centred / len(z)
    # The same minimum from the sums alone: the triangular root of the gram matrix stands for all the rows.
    root = np.linalg.cholesky(gram + 1e-9 * np.eye(count))
    found, _ = nnls(root.T, np.linalg.solve(root, moment))
    if found.sum() <= 0.0:
        return equal
    even = z @ equal
    flat = max(float(even @ centred) / max(float(even @ even), 1e-12), 0.0) * even
    gain = (centred - flat) ** 2 - (centred - z @ found) ** 2
    mean, variance, blocks = clustered_mean(gain, block)
    trusted = kept(mean, variance, blocks, stated=True) if mean > 0.0 else 0.0
    shares: Vector = trusted * found / found.sum() + (1.0 - trusted) * equal
    return shares
