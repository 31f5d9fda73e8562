"""Formulas of metrics from counts and sums: the same for rows and for days that a bootstrap draws several times.

``tn``, ``fp``, ``fn``, ``tp`` are numbers of true and false negatives and positives, each row counting as often as its
day was drawn.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from finq_predictor.domain.arrays import Array

NAN = float("nan")


def ratio(part: float, whole: float, empty: float = NAN) -> float:
    """Part of a whole; ``empty`` where there is no whole. The mean is the ratio of a sum and a number."""
    return float(part / whole) if whole else empty


def accuracy(tn: float, fp: float, fn: float, tp: float) -> float:
    """Share of rows on the right side of the threshold."""
    return ratio(tn + tp, tn + fp + fn + tp)


def precision(tn: float, fp: float, fn: float, tp: float) -> float:  # noqa: ARG001 - one signature
    """Share of ones among the rows called 1; 0 if none is."""
    return ratio(tp, tp + fp, empty=0.0)


def recall(tn: float, fp: float, fn: float, tp: float) -> float:  # noqa: ARG001 - one signature
    """Share of the ones that were called 1; 0 if there is none."""
    return ratio(tp, tp + fn, empty=0.0)


def f1(tn: float, fp: float, fn: float, tp: float) -> float:  # noqa: ARG001 - one signature
    """Harmonic mean of precision and recall; 0 if both are."""
    return ratio(2.0 * tp, 2.0 * tp + fp + fn, empty=0.0)


def mcc(tn: float, fp: float, fn: float, tp: float) -> float:
    """Correlation of truth and call (Matthews, 1975); 0 if either is constant."""
    scale = float(tp + fp) * float(tp + fn) * float(tn + fp) * float(tn + fn)
    return (float(tp) * float(tn) - float(fp) * float(fn)) / scale**0.5 if scale > 0.0 else 0.0


OF_COUNTS: dict[str, Callable[[float, float, float, float], float]] = {
    formula.__name__: formula for formula in (accuracy, precision, recall, f1, mcc)
}
"""Every metric that needs the four counts only, by name."""


def saved_share(own: float, plain: float) -> float:
    """Share of a plain forecast's error that one's own saves; 0 is "knows no more", NaN where there is no error."""
    return 1.0 - ratio(own, plain)


def calibration_error(gaps: Array, counts: Array) -> float:
    """Expected calibration error from sums per bin (Naeini et al., 2015; Nixon et al., 2019).

    Args:
        gaps: Stated probability minus outcome, summed per bin (k).
        counts: Rows per bin (k).
    """
    return ratio(float(np.abs(gaps).sum()), float(counts.sum()))
