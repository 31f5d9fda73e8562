"""What the features and probabilities looked like when a model was trained: what drift is measured against."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any, Self

import numpy as np
import pandas as pd

from finq_predictor.domain.errors import StoreError

BINS = 10
QUANTILES = 101
MAX_ROWS = 200_000


@dataclass(frozen=True)
class ColumnProfile:
    """The distribution of one column.

    Attributes:
        edges: Inner edges of bins of equal mass, ascending, at most 9; bin i holds ``edges[i-1] < x <= edges[i]``.
        shares: Share of the known values in each bin, one more than edges, summing to 1; empty if nothing was known.
        missing_share: Share of missing values, in [0, 1].
        quantiles: The 0 %, 1 %, ... 100 % quantiles of the known values (101); empty if nothing was known.
        mean: Mean of the known values; 0 if nothing was known.
        std: Their standard deviation; 0 if nothing was known.
    """

    edges: tuple[float, ...]
    shares: tuple[float, ...]
    missing_share: float
    quantiles: tuple[float, ...]
    mean: float
    std: float

    @classmethod
    def of(cls, values: np.ndarray[Any, Any]) -> Self:
        """Describe values (n); NaN counts as missing."""
        array = np.asarray(values, dtype=np.float64)
        known = array[~np.isnan(array)]
        missing = 1.0 - known.size / array.size if array.size else 1.0
        if not known.size:
            return cls((), (), missing, (), 0.0, 0.0)
        quantiles = np.quantile(known, np.linspace(0.0, 1.0, QUANTILES))
        inner = np.unique(quantiles[10:-1:10])
        edges = inner[inner < quantiles[-1]]
        shares = np.bincount(np.searchsorted(edges, known, side="left"), minlength=len(edges) + 1) / known.size
        return cls(
            edges=tuple(edges.tolist()),
            shares=tuple(shares.tolist()),
            missing_share=missing,
            quantiles=tuple(quantiles.tolist()),
            mean=float(known.mean()),
            std=float(known.std()),
        )

    def shares_of(self, values: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Share of other known values in the bins of this profile (one more than edges); zeros if none is known."""
        array = np.asarray(values, dtype=np.float64)
        known = array[~np.isnan(array)]
        counts = np.bincount(np.searchsorted(self.edges, known, side="left"), minlength=len(self.edges) + 1)
        return counts / max(known.size, 1)

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> Self:
        """Rebuild from :func:`dataclasses.asdict` after JSON.

        Raises:
            ValueError: If it describes no column.
        """
        edges, shares, quantiles = (_finite(state[name], name) for name in ("edges", "shares", "quantiles"))
        missing, mean, std = _finite([state[name] for name in ("missing_share", "mean", "std")], "a moment")
        profile = cls(edges, shares, missing, quantiles, mean, std)
        counted = len(shares) == (len(edges) + 1 if quantiles else 0) and len(quantiles) in (0, QUANTILES)
        rising = all(low <= high for line in (edges, quantiles) for low, high in pairwise(line))
        if not (counted and rising and all(0.0 <= share <= 1.0 for share in (missing, *shares)) and std >= 0.0):
            raise ValueError(f"{profile!r:.200} describes no column")
        return profile


def _finite(given: Any, what: str) -> tuple[float, ...]:
    if not isinstance(given, list | tuple) or not all(type(x) in (int, float) and math.isfinite(x) for x in given):
        raise ValueError(f"{what} is no list of finite numbers")
    return tuple(float(x) for x in given)


@dataclass(frozen=True)
class TrainingProfile:
    """Distributions of everything that goes into a model and comes out of it.

    Attributes:
        features: Per feature, over the rows the model was trained on.
        probability: Of the calibrated probabilities on the held-out rows of the calibration.
        n_rows: Number of training rows.
        label_rate: Share of ones among their labels.
    """

    features: dict[str, ColumnProfile]
    probability: ColumnProfile
    n_rows: int
    label_rate: float

    def with_probability(self, probability: np.ndarray[Any, Any]) -> Self:
        """Return the same profile with other held-out probabilities (m)."""
        return replace(self, probability=ColumnProfile.of(probability))

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, state: dict[str, Any]) -> Self:
        """Rebuild from :meth:`to_dict`.

        Raises:
            StoreError: If something is missing or out of range.
        """
        try:
            return cls(
                features={name: ColumnProfile.from_dict(column) for name, column in state["features"].items()},
                probability=ColumnProfile.from_dict(state["probability"]),
                n_rows=int(state["n_rows"]),
                label_rate=float(state["label_rate"]),
            )
        except (ArithmeticError, AttributeError, KeyError, TypeError, ValueError) as error:
            raise StoreError(f"The stored training profile cannot be read: {error!r}. Train again.") from error


def build_profile(
    features: pd.DataFrame, label: np.ndarray[Any, Any], probability: np.ndarray[Any, Any]
) -> TrainingProfile:
    """Describe the rows a model was trained on.

    Args:
        features: Feature columns only (n, k); above 200,000 rows an even sample is described.
        label: Labels (n).
        probability: Held-out calibrated probabilities (m).
    """
    step = np.unique(np.linspace(0, len(features) - 1, min(len(features), MAX_ROWS)).astype(int))
    return TrainingProfile(
        features={str(name): ColumnProfile.of(features[name].to_numpy()[step]) for name in features.columns},
        probability=ColumnProfile.of(probability),
        n_rows=len(features),
        label_rate=float(np.mean(label)) if len(features) else 0.0,
    )
