"""The economy as it was known, revisions included; for currency pairs base minus quote."""

from __future__ import annotations

import numpy as np

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.features._bars import Bars
from finq_predictor.domain.features._registry import feature


@feature(
    inputs=("macro_*",),
    lookback=1,
    unit="z-score",
    source="McQueen and Roley (1993)",
    formula="(macro(series) - macro_mean(series)) / macro_std(series)",
)
def macro_zscore(bars: Bars, series: str) -> Matrix:
    """Newest value minus the mean, in standard deviations, of the last 60 periods known."""
    level, mean, std = (bars.field(f"macro_{series}{part}") for part in ("", ".mean", ".std"))
    return bars.divide(level - mean, std)


@feature(
    inputs=("macro_*",),
    lookback=1,
    unit="z-score",
    source="Balduzzi et al. (2001)",
    formula="macro_change(series) / macro_change_std(series)",
)
def macro_change(bars: Bars, series: str) -> Matrix:
    """Newest change between periods, in standard deviations of the last 59 changes known."""
    return bars.divide(bars.field(f"macro_{series}.change"), bars.field(f"macro_{series}.change_std"))


@feature(
    inputs=("macro_*",),
    windows=(20,),
    lookback=lambda n: n + 1,
    unit="z-score",
    source="McQueen and Roley (1993)",
    formula="(macro(series) - lag(macro(series), n)) / macro_std(series)",
)
def macro_shift(bars: Bars, series: str, n: int) -> Matrix:
    """What was known now minus what was known n bars ago, in standard deviations of the last 60 values."""
    level = bars.field(f"macro_{series}")
    return bars.divide(level - bars.lag(level, n), bars.field(f"macro_{series}.std"))


@feature(
    inputs=("macro_*",),
    lookback=1,
    unit="log days",
    source="Savor and Wilson (2013)",
    formula="log(1 + macro_age(series))",
)
def macro_age(bars: Bars, series: str) -> Matrix:
    """Logarithm of one plus the days since the newest release."""
    return np.log1p(bars.field(f"macro_{series}.age"))
