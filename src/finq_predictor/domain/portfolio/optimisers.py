"""Rules by which weights are found: equal weight, the naive one, and those of skfolio, which is imported here only.

References: Markowitz (1952), Portfolio selection; Rockafellar and Uryasev (2000), Optimization of conditional
value-at-risk; Lopez de Prado (2016), Building diversified portfolios that outperform out of sample; Ledoit and Wolf
(2004), A well-conditioned estimator for large-dimensional covariance matrices; DeMiguel, Garlappi and Uppal (2009),
Optimal versus naive diversification.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Matrix, Vector
from finq_predictor.domain.errors import ConfigurationError, DataError
from finq_predictor.domain.portfolio.rules import PortfolioRules
from finq_predictor.domain.registry import Registry

EQUAL = "equal"


@dataclass(frozen=True)
class Problem:
    """What a rule decides by; all of it is known when it decides.

    Attributes:
        returns: Of the bars before (L, n), no NaN.
        expected: Return over the horizon (n).
        horizon: Bars that the expectation is about.
        rules: Limits and aversion.
    """

    returns: Matrix
    expected: Vector
    horizon: int
    rules: PortfolioRules


Optimiser = Callable[[Problem], Vector]
OPTIMISERS: Registry[Optimiser] = Registry("portfolio optimiser")
"""Takes a problem; gives shares of the capital that add up to 1, none below 0 (n)."""


@OPTIMISERS.register(EQUAL)
def equal_weight(problem: Problem) -> Vector:
    """The same of everything."""
    n = len(problem.expected)
    return np.full(n, 1.0 / n)


@OPTIMISERS.register("mean_variance")
def mean_variance(problem: Problem) -> Vector:
    """The most expected return less what its variance costs, by a covariance that is shrunk (Ledoit and Wolf)."""
    skfolio = _skfolio()
    return _solved(
        skfolio.MeanRisk(
            objective_function=skfolio.ObjectiveFunction.MAXIMIZE_UTILITY,
            risk_measure=skfolio.RiskMeasure.VARIANCE,
            risk_aversion=0.5 * problem.rules.risk_aversion * problem.horizon,
            prior_estimator=skfolio.prior(problem.expected),
            max_weights=problem.rules.max_weight,
        ),
        problem,
    )


@OPTIMISERS.register("hierarchical_risk_parity")
def hierarchical_risk_parity(problem: Problem) -> Vector:
    """As much risk in each branch of a tree of what moves together; expectations only choose who is in it."""
    skfolio = _skfolio()
    return _solved(skfolio.HierarchicalRiskParity(prior_estimator=skfolio.prior(problem.expected)), problem)


@OPTIMISERS.register("mean_cvar")
def mean_cvar(problem: Problem) -> Vector:
    """The most expected return less what the mean of the worst bars costs, by the bars themselves."""
    skfolio = _skfolio()
    return _solved(
        skfolio.MeanRisk(
            objective_function=skfolio.ObjectiveFunction.MAXIMIZE_UTILITY,
            risk_measure=skfolio.RiskMeasure.CVAR,
            cvar_beta=problem.rules.tail,
            risk_aversion=0.01 * problem.rules.risk_aversion * problem.horizon**0.5,
            prior_estimator=skfolio.prior(problem.expected),
            max_weights=problem.rules.max_weight,
        ),
        problem,
    )


def _solved(estimator: Any, problem: Problem) -> Vector:
    names = [f"i{place:04d}" for place in range(problem.returns.shape[1])]
    with warnings.catch_warnings():
        # What is inaccurate is brought within limits, and judged after costs like all else.
        warnings.filterwarnings("ignore", message=".*Solution may be inaccurate")
        try:
            estimator.fit(pd.DataFrame(problem.returns, columns=names))
        except Exception as error:
            raise DataError(
                f"{type(estimator).__name__} found no weights for {len(names)} instruments: {error}"
            ) from error
    weights = np.clip(np.asarray(estimator.weights_, dtype=np.float64), 0.0, None)
    if not np.isfinite(weights).all() or not weights.sum() > 0.0:
        raise DataError(f"{type(estimator).__name__} found no weights for {len(names)} instruments: {weights}.")
    return np.asarray(weights / weights.sum())


@dataclass(frozen=True)
class _Skfolio:
    """The parts of skfolio that are used."""

    MeanRisk: Any
    HierarchicalRiskParity: Any
    ObjectiveFunction: Any
    RiskMeasure: Any
    prior: Callable[[Vector], Any]


def _skfolio() -> _Skfolio:
    try:
        from skfolio import RiskMeasure
        from skfolio.moments import BaseMu, LedoitWolf
        from skfolio.optimization import HierarchicalRiskParity, MeanRisk, ObjectiveFunction
        from skfolio.prior import EmpiricalPrior
    except ImportError as absent:
        raise ConfigurationError(
            "Portfolios are optimised by skfolio, which is not installed; install it with "
            "`pip install 'finq-predictor[portfolio]'`, or switch evaluation.portfolio off."
        ) from absent

    class Told(BaseMu):  # type: ignore[misc]
        """Expected returns that are told, and not estimated from the past."""

        def __init__(self, expected: Vector | None = None) -> None:
            self.expected = expected

        def fit(self, X: Any, y: Any = None, **_: Any) -> Told:  # noqa: ARG002 - the interface of skfolio
            self.mu_ = np.asarray(self.expected, dtype=np.float64)
            return self

    def prior(expected: Vector) -> Any:
        return EmpiricalPrior(mu_estimator=Told(expected), covariance_estimator=LedoitWolf())

    return _Skfolio(MeanRisk, HierarchicalRiskParity, ObjectiveFunction, RiskMeasure, prior)
