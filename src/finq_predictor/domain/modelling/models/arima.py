"""An ARMA process (Box and Jenkins, 1970) of a row's own past: what its next bars add up to, and how likely above 0."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import FeatureMatrix, Positions, Vector
from finq_predictor.domain.errors import ConfigurationError, DataError
from finq_predictor.domain.modelling.models.base import Contributions, Model, ModelKind, log_odds, to_matrix
from finq_predictor.domain.modelling.models.restoring import number, numbers
from finq_predictor.domain.modelling.models.sequences import place_sequences

MEMORY = 4_000
"""So far back the process is followed when its covariances are added up."""
CHUNK = 65_536
LONGEST = 64
SMALLEST = 1e-9


class Arima(Model):
    """ARMA(p, q) of one sequence, pooled over instruments: its coefficients are estimated anew in every window.

    The sequence is of returns, which need no differences taken: the order is (p, 0, q). Its coefficients are those of
    greatest likelihood, which statsforecast finds over many rows' sequences with gaps between them. A row's score is
    the normal probability that its next bars add up to more than nothing, given its own last bars: of an excess over a
    benchmark that it stays ahead, of a return that it rises. It is the exact forecast of the process (that of a Kalman
    filter), whose weights depend on the coefficients only; a lag that is missing is taken for the mean. The labels
    are not looked at: calibration says what the probability is worth.

    Args:
        sequence: See :func:`~finq_predictor.domain.modelling.models.sequences.place_sequences`; of several, the first
            that is delivered.
        horizon: Bars that are added up; those of the label.
        p: Order of the autoregression.
        q: Order of the moving average.
        rows: Rows whose sequences are learned from at most, spread evenly.
        clip: Values are cut to plus and minus so much; the sequences of the house are in standard deviations.
    """

    name: ClassVar[str] = "arima"
    kind: ClassVar[ModelKind] = ModelKind.CANDIDATE
    modules: ClassVar[tuple[str, ...]] = (
        "scipy.stats",
        "scipy.special",
        "scipy.linalg",
        f"{__package__}._statsforecast",
        "statsforecast.arima",
    )
    soft: ClassVar[bool] = True
    seeded: ClassVar[bool] = False

    def __init__(
        self,
        sequence: Sequence[str | Sequence[str]] = ("seq_excess", "seq_return"),
        horizon: int = 5,
        p: int = 2,
        q: int = 1,
        rows: int = 2000,
        clip: float = 5.0,
    ) -> None:
        named = [one if isinstance(one, str) else list(one) for one in sequence]
        super().__init__(sequence=named, horizon=horizon, p=p, q=q, rows=rows, clip=clip)
        for key, value, least in (("horizon", horizon, 1), ("p", p, 0), ("q", q, 0), ("rows", rows, 1)):
            if not (isinstance(value, int) and value >= least):
                raise ConfigurationError(f"{self.name} got {key}={value!r}; expected a whole number from {least}.")
        if not 1 <= p + q <= LONGEST:
            raise ConfigurationError(f"{self.name} got p={p} and q={q}; expected 1 to {LONGEST} of them together.")
        self.horizon, self.order, self.clip = horizon, (p, 0, q), number(clip, "clip", 1e-6)
        self.ar, self.ma = np.zeros(p), np.zeros(q)
        self.mean = self.variance = 0.0
        self._lags: Positions = np.zeros(0, dtype=np.intp)
        self._weights, self._deviation = np.zeros(0), 1.0

    def _fit(self, matrix: FeatureMatrix, y: Vector, seed: int) -> None:  # noqa: ARG002 - one interface
        self._place()
        spread = np.linspace(0, len(matrix) - 1, min(self.params["rows"], len(matrix))).astype(np.intp)
        past = np.clip(matrix[spread][:, self._lags].astype(np.float64), -self.clip, self.clip)
        if not (~np.isnan(past)).any():
            raise DataError(
                f"Model {self.name!r} found no value in the sequence {self.params['sequence']} of {len(past)} rows; "
                "take a longer training window, or leave its columns in when features are selected."
            )
        self.mean = float(np.nanmean(past))
        # As many empty bars between two rows that neither says anything about the other.
        gap = np.full((len(past), 2 * LONGEST), np.nan)
        fitted = _estimated(np.concatenate([past - self.mean, gap], axis=1).ravel(), self.order)
        self.ar = np.array([fitted["coef"].get(f"ar{k + 1}", 0.0) for k in range(self.order[0])], dtype=np.float64)
        self.ma = np.array([fitted["coef"].get(f"ma{k + 1}", 0.0) for k in range(self.order[2])], dtype=np.float64)
        self.variance = float(fitted["sigma2"])
        self._follow()
        # What no row holds says nothing afterwards either.
        self._weights[np.isnan(past).all(axis=0)] = 0.0

    def _place(self) -> None:
        delivered = [one for one in self.params["sequence"] if _is_there(one, self.features, self.name)]
        self._lags = place_sequences(delivered[:1] or self.params["sequence"], self.features, self.name)[0]

    def _follow(self) -> None:
        """Weights of the lags and the deviation of the sum, from the coefficients."""
        self._weights, variance = sum_forecast(self.ar, self.ma, len(self._lags), self.horizon)
        self._deviation = number(float(np.sqrt(variance * self.variance)), "the deviation of the sum", SMALLEST)

    def forecast_sum(self, X: pd.DataFrame) -> tuple[Vector, float]:
        """What the next bars of rows are expected to add up to (n), and the standard deviation of the error."""
        terms = self._terms(to_matrix(X, self.features))
        return self.mean * self.horizon + np.cumsum(terms, axis=1)[:, -1], self._deviation

    def _terms(self, matrix: FeatureMatrix) -> Vector:
        past = np.clip(matrix[:, self._lags].astype(np.float64), -self.clip, self.clip) - self.mean
        terms: Vector = np.nan_to_num(past) * self._weights
        return terms

    def _score(self, matrix: FeatureMatrix) -> Vector:
        from scipy.special import ndtr

        if not len(self._weights):
            raise DataError(f"Model {self.name!r} was asked for scores before it was fitted; call fit first.")
        scores = np.empty(len(matrix))
        for start in range(0, len(matrix), CHUNK):
            # A running sum has one fixed order, whatever the number of rows.
            ahead = self.mean * self.horizon + np.cumsum(self._terms(matrix[start : start + CHUNK]), axis=1)[:, -1]
            scores[start : start + CHUNK] = ndtr(ahead / self._deviation)
        return scores

    def _contributions(self, matrix: FeatureMatrix) -> Contributions:
        # The score is a function of one sum: on the straight way from no term to all of them each adds its share of
        # what the log-odds move by (Aumann and Shapley, 1974), which is exact.
        from scipy.special import ndtr

        terms = self._terms(matrix)
        total, mean = terms.sum(axis=1), self.mean * self.horizon
        base = np.full(len(matrix), log_odds(ndtr(mean / self._deviation)))
        moved = log_odds(ndtr((mean + total) / self._deviation)) - base
        share = np.divide(moved, total, out=np.zeros_like(total), where=np.abs(total) > 1e-12)
        values = np.zeros(matrix.shape)
        values[:, self._lags] = terms * share[:, None]
        return Contributions(values, base)

    def importance(self) -> dict[str, float] | None:
        """Absolute weights of the lags, summing to 1; 0 for every other feature."""
        size = np.zeros(len(self.features))
        size[self._lags] = np.abs(self._weights)
        return dict(zip(self.features, (size / (size.sum() or 1.0)).tolist(), strict=True))

    def _learned(self) -> dict[str, Any]:
        arrays = {"ar": self.ar.tolist(), "ma": self.ma.tolist(), "weights": self._weights.tolist()}
        return {**arrays, "mean": self.mean, "variance": self.variance, "deviation": self._deviation}

    def _restore(self, learned: dict[str, Any]) -> None:
        self._place()
        self.ar = numbers(learned["ar"], "ar", self.order[0])
        self.ma = numbers(learned["ma"], "ma", self.order[2])
        self._weights = numbers(learned["weights"], "the weights", len(self._lags))
        self.mean, self.variance = number(learned["mean"], "the mean"), number(learned["variance"], "the variance", 0.0)
        self._deviation = number(learned["deviation"], "the deviation of the sum", SMALLEST)


def _is_there(one: Any, features: tuple[str, ...], model: str) -> bool:
    try:
        place_sequences([one], features, model)
    except ConfigurationError:
        return False
    return True


def _estimated(series: Vector, order: tuple[int, int, int]) -> dict[str, Any]:
    """Coefficients and variance of greatest likelihood; what is missing is passed over.

    Raises:
        DataError: If there are none.
    """
    from finq_predictor.domain.modelling.models._statsforecast import arima

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # It says so at every step of a search that stops where it gets no further.
        warnings.simplefilter("ignore")
        fitted: dict[str, Any] = arima(series, order=order, include_mean=False, method="ML")
    found = [*fitted["coef"].values(), fitted["sigma2"]]
    if not np.isfinite(found).all() or not fitted["sigma2"] > 0.0:
        known = np.isfinite(series).sum()
        raise DataError(f"No ARMA process of order {order} fits {known} values; take a smaller order.")
    return fitted


def covariances(ar: Vector, ma: Vector, lags: int) -> Vector:
    """Autocovariances of an ARMA process whose shocks have variance 1, at lags 0 to ``lags`` - 1."""
    answers = responses(ar, ma, lags + MEMORY)
    return np.array([answers[: len(answers) - lag] @ answers[lag:] for lag in range(lags)])


def responses(ar: Vector, ma: Vector, steps: int) -> Vector:
    """What a shock of 1 adds so many bars later, from 0 on."""
    answers = np.zeros(steps)
    for step in range(steps):
        own = 1.0 if step == 0 else (ma[step - 1] if step <= len(ma) else 0.0)
        before = answers[max(0, step - len(ar)) : step][::-1]
        answers[step] = own + before @ ar[: len(before)]
    return answers


def sum_forecast(ar: Vector, ma: Vector, lags: int, horizon: int) -> tuple[Vector, float]:
    """How the next bars of an ARMA process add up, given its last ones.

    Args:
        ar: Autoregressive coefficients.
        ma: Those of the moving average.
        lags: Bars that are known.
        horizon: Bars that are added up.

    Returns:
        The weight of each known bar, the oldest first, and the variance of what the sum will be apart from that, in
        variances of a shock.
    """
    from scipy.linalg import solve_toeplitz

    known = covariances(ar, ma, lags + horizon)
    # Of each known bar, the newest first, with the sum of what follows.
    along = np.array([known[lag + 1 : lag + 1 + horizon].sum() for lag in range(lags)])
    weights = solve_toeplitz(known[:lags], along)
    ahead = np.arange(horizon)
    total = float(known[np.abs(ahead[:, None] - ahead)].sum())
    return weights[::-1], max(total - float(weights @ along), 0.0)
