"""Is the mean of a daily series above zero? A test whose level is what it says when labels overlap."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Array
from finq_predictor.domain.market.markets import Market

FEWEST_DAYS = 120
POWER = 0.8
"""How often a difference is to show that is called detectable."""
COSINES_ASKED = 8
"""With fewer the law of the test has tails so heavy that hardly any skill shows."""
_RATE = 0.4
_LABELS_PER_COSINE = 4


@dataclass(frozen=True)
class MeanTest:
    """What a test found.

    Attributes:
        mean: The mean; NaN without a day.
        error: Its standard error; NaN where there is nothing to test.
        p_value: One-sided chance of such a mean, or a higher one, if the true one is not above zero; 1 where there is
            nothing to test.
        n_days: Days that went in.
        cosines: Degrees of freedom of the law it is judged by.
    """

    mean: float
    error: float
    p_value: float
    n_days: int
    cosines: int

    def detectable(self, level: float, power: float) -> float:
        """The smallest true mean that such a test finds so often; NaN where there is nothing to test.

        Args:
            level: One-sided level of the test.
            power: How often it is to be found.

        Reference: Bloom (1995), Minimum Detectable Effects.
        """
        from scipy.stats import t as student

        if not np.isfinite(self.error):
            return float("nan")
        return float(self.error * (student.isf(level, self.cosines) + student.ppf(power, self.cosines)))


def label_days(horizon: int, market: Market) -> int:
    """UTC days over which a label of ``horizon`` bars reaches, at least 1: values of so many days share outcomes."""
    return max(1, -(-horizon * market.bar_minutes // 1440))


def days_needed(days_of_label: int) -> int:
    """Days below which a test over labels of so many days can find hardly anything, however good a model is."""
    return max(FEWEST_DAYS, COSINES_ASKED * _LABELS_PER_COSINE * days_of_label)


def two_sided_interval(test: MeanTest, level: float) -> tuple[float, float]:
    """Interval of a mean that misses the true one with the chance ``level``; NaN where there is nothing to test."""
    from scipy.stats import t as student

    if not np.isfinite(test.error):
        return float("nan"), float("nan")
    reach = float(student.isf(level / 2.0, test.cosines)) * test.error
    return test.mean - reach, test.mean + reach


def mean_above_zero(daily: pd.Series | Array, days_of_label: int) -> MeanTest:
    """Test whether a mean is above zero, in the presence of overlapping labels and other memory.

    The variance of the mean is estimated from the slowest cosines of the series, which see its long-run variance only,
    and the ratio is judged by Student's law with as many degrees of freedom. Their number grows with the length of the
    series and stays so small that a wave of the last one lasts at least eight labels.

    Args:
        daily: One value per day, in time order; NaN days are left out.
        days_of_label: See :func:`label_days`.

    Returns:
        The test. Without variation, or with too few days for a single cosine, there is nothing to test.

    Reference: Lazarus, Lewis, Stock and Watson (2018), HAR Inference: Recommendations for Practice.
    """
    from scipy.fft import dct
    from scipy.stats import t as student

    values = np.asarray(daily, dtype=np.float64)
    values = values[~np.isnan(values)]
    size = len(values)
    mean = float(values.mean()) if size else float("nan")
    cosines = int(min(_RATE * size ** (2.0 / 3.0), size / (_LABELS_PER_COSINE * max(days_of_label, 1)), size - 1))
    # What is constant but for rounding has no variation to be judged by.
    if cosines < 1 or float(np.ptp(values)) <= 1e-12 * max(1.0, float(np.abs(values).max())):
        return MeanTest(mean, float("nan"), 1.0, size, max(cosines, 0))
    waves = dct(values - mean, type=2, norm="ortho")[1 : cosines + 1]
    error = float(np.sqrt((waves**2).mean() / size))
    return MeanTest(mean, error, float(student.sf(mean / error, cosines)), size, cosines)
