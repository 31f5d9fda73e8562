"""From scores to probabilities that mean what they say."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np

from finq_predictor.domain.arrays import Array, Vector
from finq_predictor.domain.errors import DataError, StoreError
from finq_predictor.domain.modelling.models.base import SMALLEST, log_odds

NEWTON_STEPS = 100
SIGNIFICANT = 0.975
"""Quantile beyond which a finding is significant: two-sided, at five in a hundred."""


class PlattCalibrator:
    """Logistic curve over the log-odds of a score, never falling (Platt, 1999).

    ``probability = expit(slope * logit(score) + intercept)`` with ``slope >= 0``: a higher score never gets a lower
    probability. A slope of 0 gives everybody the base rate: the honest answer when scores carry nothing.

    Args:
        slope: Steepness, at least 0.
        intercept: Log-odds at a score of one half.

    Attributes:
        modules: What its methods import, as :attr:`Model.modules`.
    """

    modules: ClassVar[tuple[str, ...]] = ("scipy.optimize", "scipy.special")

    def __init__(self, slope: float = 1.0, intercept: float = 0.0) -> None:
        if not (np.isfinite(slope) and np.isfinite(intercept) and slope >= 0.0):
            raise DataError(
                f"Slope {slope} and intercept {intercept}: expected finite numbers and a slope of 0 or more."
            )
        self.slope, self.intercept = float(slope), float(intercept)

    def fit(
        self,
        score: np.ndarray[Any, Any],
        y: np.ndarray[Any, Any],
        day: np.ndarray[Any, Any] | None = None,
        base_rate: float | None = None,
        believed: float = 0.0,
    ) -> Self:
        """Fit slope and intercept by maximum likelihood.

        Args:
            score: Scores in [0, 1] of rows the model was not fitted on (n).
            y: Labels 0 or 1 (n).
            day: Code of the day, or of the block of days, of each row: rows of one block are one witness. Where given,
                the slope is shrunk towards ``believed`` by what its clustered variance says is luck, see :func:`kept`.
            base_rate: Mean that the probabilities shall have; None takes the share of ones in ``y``. A longer
                window knows the base rate better than the rows held out for calibration.
            believed: Slope before any outcome: 1 takes the log-odds of a score for what they say, 0 takes them for
                nothing until outcomes speak for them.

        Returns:
            The calibrator itself.

        Raises:
            DataError: If there is no row, a value is NaN, or a label is not 0 or 1.
        """
        x, labels = log_odds(score), np.asarray(y, dtype=np.float64)
        if x.shape != labels.shape or x.size == 0 or np.isnan(x).any() or not np.isin(labels, (0.0, 1.0)).all():
            raise DataError(
                f"Calibration got scores of shape {x.shape} and labels of shape {labels.shape}; expected equally many, "
                "at least one, scores without NaN and labels 0 or 1."
            )
        rate = float(np.clip(labels.mean() if base_rate is None else base_rate, SMALLEST, 1.0 - SMALLEST))
        center, spread = float(x.mean()), float(x.std())
        slope, intercept = 0.0, float(log_odds(rate))
        if spread > 1e-9:
            z, slope = (x - center) / spread, believed * spread
            if 0.0 < labels.mean() < 1.0:
                slope = max(_shrunk_slope(z, labels, slope, day), 0.0)
            intercept = _intercept(z * slope, rate)
            slope /= spread
            intercept -= slope * center
        self.slope, self.intercept = float(slope), float(intercept)
        return self

    def transform(self, score: np.ndarray[Any, Any]) -> Vector:
        """Turn scores in [0, 1] into probabilities (n); each depends on its own score only, NaN stays NaN."""
        from scipy.special import expit

        probability: Vector = expit(self.slope * log_odds(score) + self.intercept)
        return probability

    def state(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {"slope": self.slope, "intercept": self.intercept}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Rebuild a calibrator.

        Raises:
            StoreError: If the state is not one of a calibrator.
        """
        try:
            return cls(slope=state["slope"], intercept=state["intercept"])
        except (KeyError, TypeError, DataError) as error:
            raise StoreError(f"The stored calibrator cannot be read: {error!r}. Train the model again.") from error


def shrunk_base_rate(y: np.ndarray[Any, Any], day: np.ndarray[Any, Any]) -> float:
    """Share of ones, shrunk towards one half by what its clustered variance says is luck.

    Args:
        y: Labels 0 or 1 (n).
        day: Code of the day, or of the block of days, of each row: rows of one block are one witness.

    Returns:
        One half plus what is :func:`kept` of the distance of the mean from it. In one block the mean tells nothing, and
        it is one half.
    """
    mean, variance, blocks = clustered_mean(np.asarray(y, dtype=np.float64), day)
    return 0.5 + (mean - 0.5) * kept(mean - 0.5, variance, blocks)


def clustered_mean(values: Vector, day: Array) -> tuple[float, float, int]:
    """Mean of values (n), its variance with rows of one block as one witness, and the number of blocks."""
    sums = _by_block(values - values.mean(), day)[:, 0]
    variance = float(sums @ sums) / len(values) ** 2 * len(sums) / max(len(sums) - 1, 1)
    return float(values.mean()), variance, len(sums)


def kept(off: float, variance: float, blocks: int, *, stated: bool = False) -> float:
    """Which share of a finding is taken for more than luck, in [0, 1].

    ``max(0, 1 - c / t**2)``, t being the finding in standard errors. With c = 1 it is the positive part of James and
    Stein (1961). A standard error from few blocks is itself a guess, so c grows as the square of Student's quantile
    over that of the normal: a quarter with 13 blocks, fivefold with 3; one block says nothing. Against what was stated
    before the data only what is significant counts, and by what it is beyond that: c is the square of Student's
    quantile itself (non-negative garrote; Breiman, 1995).

    Args:
        off: Distance of what was found from what was believed.
        variance: Its clustered variance.
        blocks: How many blocks it comes from.
        stated: Whether what was believed was stated before the data, or is just where nothing is known.
    """
    if off == 0.0 or blocks < 2:
        return 0.0
    from scipy.special import ndtri, stdtrit

    doubt = float(stdtrit(blocks - 1, SIGNIFICANT)) / (1.0 if stated else float(ndtri(SIGNIFICANT)))
    return max(0.0, 1.0 - doubt**2 * variance / off**2)


def _shrunk_slope(z: Vector, y: Vector, believed: float, day: np.ndarray[Any, Any] | None) -> float:
    """Slope of maximum likelihood, shrunk towards what was believed where days are told; it may be negative."""
    slope, maximum = _newton(z, y, start=float(log_odds(y.mean())))
    if day is None:
        return slope
    variance, off = _variance(z, y, slope, maximum, np.asarray(day)), slope - believed
    return believed + off * kept(off, variance, len(np.unique(day)), stated=believed > 0.0)


def _by_block(values: Array, day: np.ndarray[Any, Any]) -> Array:
    """Sums of rows (n) or of their columns (n, k) by block."""
    _, codes = np.unique(day, return_inverse=True)
    columns = values.reshape(len(values), -1)
    return np.column_stack([np.bincount(codes, weights=column) for column in columns.T])


def _newton(z: Vector, y: Vector, start: float) -> tuple[float, float]:
    """Maximum-likelihood slope and intercept over standardised z, by damped Newton steps on a tiny ridge."""
    from scipy.special import expit

    ridge = 1e-9 * len(z)
    beta = np.array([0.0, start])
    value = _loss(beta, z, y, ridge)
    for _ in range(NEWTON_STEPS):
        p = expit(beta[0] * z + beta[1])
        weight = p * (1.0 - p)
        gradient = np.array([(p - y) @ z + ridge * beta[0], (p - y).sum()])
        off = weight @ z
        hessian = np.array([[weight @ (z * z) + ridge, off], [off, weight.sum() + 1e-12]])
        step = np.linalg.solve(hessian, gradient)
        size = 1.0
        while (new := _loss(beta - size * step, z, y, ridge)) > value + 1e-12 * abs(value) and size > 1e-8:
            size /= 2.0
        beta, value = beta - size * step, new
        if np.abs(size * step).max() < 1e-10:
            break
    return float(beta[0]), float(beta[1])


def _loss(beta: Vector, z: Vector, y: Vector, ridge: float) -> float:
    margin = beta[0] * z + beta[1]
    return float((np.logaddexp(0.0, margin) - y * margin).sum() + 0.5 * ridge * beta[0] ** 2)


def _intercept(offset: Vector, rate: float) -> float:
    """Intercept at which the mean probability is the base rate, for fixed slopes; the likelihood's own maximum."""
    from scipy.optimize import brentq
    from scipy.special import expit

    reach = float(np.abs(offset).max()) + 20.0
    return float(brentq(lambda b: float(expit(offset + b).mean()) - rate, -reach, reach, xtol=1e-13))


def calibration_slope(
    p: np.ndarray[Any, Any], y: np.ndarray[Any, Any], block: np.ndarray[Any, Any], z: float = 1.96
) -> tuple[float, float, float]:
    """How steep outcomes follow stated log-odds: 1 is calibrated, less is too sure of itself, below 0 the wrong way.

    Args:
        p: Probabilities as they were stated (n).
        y: Labels 0 or 1 (n).
        block: Code of the block of days of each row (n); rows of one block are one witness.
        z: Half width of the interval in standard errors.

    Returns:
        The slope of the logistic regression of the labels on the log-odds (Cox, 1958), and the ends of its interval by
        the clustered error (Liang and Zeger, 1986); NaN where the probabilities do not vary or there is one class.
    """
    x, labels = log_odds(p), np.asarray(y, dtype=np.float64)
    center, spread = float(x.mean()), float(x.std())
    if spread <= 1e-9 or not 0.0 < labels.mean() < 1.0:
        return (float("nan"),) * 3
    scaled = (x - center) / spread
    slope, intercept = _newton(scaled, labels, start=float(log_odds(labels.mean())))
    error = float(np.sqrt(_variance(scaled, labels, slope, intercept, np.asarray(block))))
    return slope / spread, (slope - z * error) / spread, (slope + z * error) / spread


def _variance(z: Vector, y: Vector, slope: float, intercept: float, day: np.ndarray[Any, Any]) -> float:
    """Variance of the slope, clustered by day (Liang and Zeger, 1986), unbiased for few of them; 0 with one."""
    from scipy.special import expit

    p = expit(slope * z + intercept)
    weight = p * (1.0 - p)
    design = np.column_stack([z, np.ones_like(z)])
    bread = np.linalg.inv((design * weight[:, None]).T @ design + 1e-12 * np.eye(2))
    clusters = _by_block(design * (y - p)[:, None], day)
    count = len(clusters)
    return float((bread @ (clusters.T @ clusters) @ bread)[0, 0]) * count / max(count - 1, 1)
