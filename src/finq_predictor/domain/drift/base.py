"""What a drift test is, and the reference it compares with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from finq_predictor.domain.errors import UnknownNameError

SHARE_FLOOR = 1e-4
"""An empty bin counts as this share, so that logarithms stay finite."""


@dataclass(frozen=True)
class ReferenceColumn:
    """How one column looked in training.

    Attributes:
        edges: K + 1 increasing bin edges; the outer bins are open.
        shares: K shares of the values that were present; they sum to 1.
        missing: Share of rows without a value, in [0, 1].
        sample: S finite values drawn from training, in any order.
    """

    edges: np.ndarray
    shares: np.ndarray
    missing: float
    sample: np.ndarray

    def shares_with_missing(self) -> np.ndarray:
        """Return K + 1 shares that sum to 1, the last one of missing values."""
        return np.append(self.shares * (1.0 - self.missing), self.missing)

    def shares_of(self, values: np.ndarray) -> np.ndarray:
        """Return K + 1 shares of other values in the same bins, the last one of missing (NaN) values."""
        present = values[np.isfinite(values)]
        if len(values) == 0:
            return np.full(len(self.shares) + 1, np.nan)
        counts = np.bincount(np.searchsorted(self.edges[1:-1], present, side="right"), minlength=len(self.shares))
        return np.append(counts, len(values) - len(present)) / len(values)


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
    def statistic(self, reference: ReferenceColumn, current: np.ndarray) -> float:
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
    lifted = np.maximum(shares, SHARE_FLOOR)
    return lifted / lifted.sum()
