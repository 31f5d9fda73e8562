"""How a model did as a service while it was compared: how long it took, and how often it could not answer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Array


@dataclass(frozen=True)
class ArmService:
    """How one model served; None where nothing was taken.

    Attributes:
        answers: Predictions that it said, given or only recorded.
        errors: Times that it could not.
        error_rate: Share of them.
        timed: Given answers whose time was taken: single ones, not those of batches, nor those of a shadow.
        latency_p50_us: Microseconds from a request to the record of its answer, which is the last step before it is
            sent: the middle one.
        latency_p95_us: The same, which 95 % stay below.
        latency_p99_us: The same, which 99 % stay below.
        bars_timed: Bars whose computation was timed.
        bar_p50_us: Microseconds that the model took for the features and answers of a bar: the middle one.
        bar_p95_us: The same, which 95 % stay below.
    """

    answers: int
    errors: int
    error_rate: float | None
    timed: int
    latency_p50_us: float | None
    latency_p95_us: float | None
    latency_p99_us: float | None
    bars_timed: int
    bar_p50_us: float | None
    bar_p95_us: float | None


def served_by(latencies: pd.DataFrame, errors: int, took: pd.Series) -> ArmService:
    """The figures of one model.

    Args:
        latencies: ``latency_us``, NaN where none was taken, and ``answers``: how many there are of it.
        errors: Times that it could not answer.
        took: Microseconds that it took, one value a bar; NaN where that is not known.
    """
    counts = latencies["answers"].to_numpy(np.int64)
    taken = latencies["latency_us"].to_numpy(np.float64)
    known = ~np.isnan(taken)
    bars = took.to_numpy(np.float64)
    bars = bars[~np.isnan(bars)]
    answers, once = int(counts.sum()), np.ones(len(bars), dtype=np.int64)
    return ArmService(
        answers=answers,
        errors=errors,
        error_rate=errors / (answers + errors) if answers + errors else None,
        timed=int(counts[known].sum()),
        latency_p50_us=quantile_of_counts(taken[known], counts[known], 0.5),
        latency_p95_us=quantile_of_counts(taken[known], counts[known], 0.95),
        latency_p99_us=quantile_of_counts(taken[known], counts[known], 0.99),
        bars_timed=len(bars),
        bar_p50_us=quantile_of_counts(bars, once, 0.5),
        bar_p95_us=quantile_of_counts(bars, once, 0.95),
    )


def quantile_of_counts(values: Array, counts: Array, share: float) -> float | None:
    """The smallest value that at least a share of all reach or stay below; None where there is none.

    Args:
        values: Values (n), in any order.
        counts: How often each occurs (n).
        share: In (0, 1].
    """
    if not counts.sum():
        return None
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(counts[order])
    place = int(np.searchsorted(reached, share * reached[-1] - 1e-9))
    return float(values[order][place])
