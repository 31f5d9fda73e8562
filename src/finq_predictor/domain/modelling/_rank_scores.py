"""The compiled part of the domain guard: normal scores of ranks, value by value."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from finq_predictor.domain.arrays import Array, FeatureMatrix, Positions, Vector
from finq_predictor.domain.compiling import compiled

_ROOM = 128
"""Places of each feature; more than quantiles, and a power of two."""


class Curves:
    """Quantiles of several features with their scores.

    Args:
        curves: Ascending values, each once, at most 128, with their scores; None where nothing is known.
    """

    def __init__(self, curves: Sequence[tuple[Vector, Vector] | None]) -> None:
        self.lengths: Positions = np.array([0 if one is None else len(one[0]) for one in curves], dtype=np.intp)
        # What is beyond the last value lies beyond every number.
        self.values, self.scores = np.full((len(curves), _ROOM), np.inf), np.zeros((len(curves), _ROOM))
        for place, one in enumerate(curves):
            if one is not None:
                self.values[place, : len(one[0])], self.scores[place, : len(one[0])] = one

    def at(self, rows: FeatureMatrix, scale: float) -> Array:
        """The score of each value (n, k), times ``scale``, rounded; 0 where the value is missing or nothing is known.

        Between two quantiles the score is on the line between theirs, beyond the last it is the last one's.
        """
        out = np.empty(rows.shape)
        _scores(np.ascontiguousarray(rows, dtype=np.float32), self.lengths, self.values, self.scores, scale, out)
        return out


@compiled
def _scores(rows: Any, lengths: Any, values: Any, scores: Any, scale: float, out: Any) -> None:
    for column in range(rows.shape[1]):
        last, line, known = lengths[column] - 1, values[column], scores[column]
        for row in range(rows.shape[0]):
            value = np.float64(rows[row, column])
            if value != value or last < 0:
                out[row, column] = 0.0
                continue
            # Halving without a branch: which way it goes cannot be foreseen.
            place = 0
            step = 64
            while step > 0:
                place += step * (line[place + step] <= value)
                step //= 2
            if place >= last:
                score = known[last]
            elif value <= line[0]:
                score = known[0]
            else:
                slope = (known[place + 1] - known[place]) / (line[place + 1] - line[place])
                score = slope * (value - line[place]) + known[place]
            out[row, column] = np.rint(score * scale)
