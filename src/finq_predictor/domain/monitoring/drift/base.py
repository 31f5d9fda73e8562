"""What a drift test is, and how values are shared out over the bins of training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import numpy as np

from finq_predictor.domain.errors import UnknownNameError
from finq_predictor.domain.modelling.training_profile import ColumnReference

SHARE_FLOOR = 1e-4
"""An empty bin counts as this share, so that logarithms stay finite."""


def shares_in_training(reference: ColumnReference) -> np.ndarray:
    """Return the shares of all rows per training bin and, last, of missing ones; they sum to 1."""
    known = np.asarray(reference.shares if reference.shares else (0.0,), dtype="float64")
    return np.append(known * (1.0 - reference.missing_share), reference.missing_share)


def shares_now(reference: ColumnReference, values: np.ndarray) -> np.ndarray:
    """Return the same shares of current values; NaN values are missing, and without values all shares are NaN."""
    if len(values) == 0:
        return np.full(len(reference.edges) + 2, np.nan)
    missing = float(np.isnan(values).mean())
    return np.append(reference.shares_of(values) * (1.0 - missing), missing)


class DriftTest(ABC):
    """A measure of how far current values are from training; subclasses register by being defined.

    Attributes:
        name: Name in parameters, tables and metrics.
        threshold: Above this the difference is large enough to matter, by default.
        source: Author and year.
    """

    name: ClassVar[str]
    threshold: ClassVar[float]
    source: ClassVar[str]

    def __init_subclass__(cls) -> None:
        DRIFT_TESTS[cls.name] = cls

    @abstractmethod
    def statistic(self, reference: ColumnReference, current: np.ndarray) -> float:
        """Measure the difference.

        Args:
            reference: The column in training.
            current: N current values; NaN is missing.

        Returns:
            0 for no difference, larger for more; NaN when there is nothing to compare.
        """


DRIFT_TESTS: dict[str, type[DriftTest]] = {}


def get_drift_test(name: str) -> DriftTest:
    """Make a drift test by name.

    Raises:
        UnknownNameError: If there is no such test; near misses are suggested.
    """
    if name not in DRIFT_TESTS:
        raise UnknownNameError("drift test", name, DRIFT_TESTS)
    return DRIFT_TESTS[name]()


def floored(shares: np.ndarray) -> np.ndarray:
    """Lift shares to ``SHARE_FLOOR`` and let them sum to 1 again."""
    lifted: np.ndarray = np.maximum(shares, SHARE_FLOOR)
    lifted = lifted / lifted.sum()
    return lifted
