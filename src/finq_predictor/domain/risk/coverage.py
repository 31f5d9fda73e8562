"""Were losses beyond the value at risk as rare as was told, and did they come alone?

References: Kupiec (1995), Techniques for verifying the accuracy of risk measurement models; Christoffersen (1998),
Evaluating interval forecasts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from finq_predictor.domain.arrays import Array


@dataclass(frozen=True)
class CoverageTest:
    """What the days said of a forecast; NaN where there is no day to ask.

    Attributes:
        days: Days with a forecast.
        exceeded: Days on which more was lost.
        kupiec: Likelihood ratio of the right number, one degree of freedom.
        kupiec_p: Chance of such a number, or a rarer one, if the forecast is right.
        independence: Likelihood ratio of Christoffersen: whether a loss beyond is followed by another as often as not.
        independence_p: Of it.
        joint_p: Chance of both together, two degrees of freedom.
    """

    days: int
    exceeded: int
    kupiec: float
    kupiec_p: float
    independence: float
    independence_p: float
    joint_p: float


def judge_coverage(exceeded: Array, level: float) -> CoverageTest:
    """Judge one forecast.

    Args:
        exceeded: Whether more was lost, day by day (n), days without a forecast left out.
        level: Of the value at risk, such as 0.95.
    """
    from scipy.stats import chi2

    hits = np.asarray(exceeded, dtype=bool)
    n, x = len(hits), int(hits.sum())
    if n == 0:
        return CoverageTest(0, 0, *(float("nan"),) * 5)
    kupiec = _ratio(x, n, 1.0 - level)
    if n == 1:
        return CoverageTest(n, x, kupiec, float(chi2.sf(kupiec, 1)), *(float("nan"),) * 3)
    before, now = hits[:-1], hits[1:]
    after_none, after_one = int((~before).sum()), int(before.sum())
    none_one, one_one = int((~before & now).sum()), int((before & now).sum())
    free = _log_likelihood(none_one, after_none) + _log_likelihood(one_one, after_one)
    independence = max(2.0 * (free - _log_likelihood(none_one + one_one, n - 1)), 0.0)
    return CoverageTest(
        n,
        x,
        kupiec,
        float(chi2.sf(kupiec, 1)),
        independence,
        float(chi2.sf(independence, 1)),
        float(chi2.sf(kupiec + independence, 2)),
    )


def _ratio(hits: int, n: int, chance: float) -> float:
    told = hits * np.log(chance) + (n - hits) * np.log1p(-chance)
    return float(max(2.0 * (_log_likelihood(hits, n) - told), 0.0))


def _log_likelihood(hits: int, n: int) -> float:
    """Of a share of hits that is estimated from the same days."""
    from scipy.special import xlogy

    return float(xlogy(hits, hits / n) + xlogy(n - hits, 1.0 - hits / n)) if n else 0.0
