"""Prediction sets that hold the truth as often as they say: split-conformal, for each answer by itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

import numpy as np

from finq_predictor.domain.arrays import Array, Flags, Vector
from finq_predictor.domain.errors import DataError, StoreError
from finq_predictor.domain.modelling.held_out_ranks import HeldOutRanks

YES, NO = "yes", "no"


class ConformalDecision(StrEnum):
    """What a prediction set says: the one answer it holds, or that it cannot tell."""

    YES = YES
    NO = NO
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class PValues:
    """How well each answer fits to what was held out (n each), in (0, 1]; NaN where there is no probability.

    Attributes:
        yes: Share of held-out rows with the answer yes, this row among them, that looked no more like yes than it.
        no: The same for no.
    """

    yes: Vector
    no: Vector

    def sets(self, coverage: float) -> tuple[Flags, Flags]:
        """Whether the set of a coverage holds yes, and whether it holds no (n each).

        A higher coverage never takes an answer away. Without a probability nothing is in it.
        """
        # Rounded, so that 1 - 0.9 is what a person means by it.
        least = round(1.0 - coverage, 12)
        return self.yes > least, self.no > least


@dataclass(frozen=True)
class ConformalSets:
    """Calibrated probabilities of held-out rows by what then happened.

    Class-conditional (Mondrian) split-conformal prediction (Vovk, Gammerman and Shafer, 2005; Lei and Wasserman,
    2014): of rows whose answer is yes, and of those whose answer is no, at least the coverage has its answer in the
    set, as far as they are exchangeable with those held out. Only the order of the probabilities counts, so it does
    not matter that the calibration was fitted on the same rows; the model was not.

    Attributes:
        yes: Probabilities of the rows whose label was 1.
        no: Probabilities of the rows whose label was 0.
    """

    yes: HeldOutRanks
    no: HeldOutRanks

    @classmethod
    def of(cls, probability: Array, y: Array) -> Self:
        """Learn from held-out rows.

        Args:
            probability: Calibrated probabilities of rows that the model was not fitted on (n), later than those.
            y: Their labels, 0 or 1 (n).

        Raises:
            DataError: If a probability lies outside of 0 to 1 or a label is neither 0 nor 1.
        """
        given, labels = np.asarray(probability, dtype=np.float64), np.asarray(y, dtype=np.float64)
        if given.shape != labels.shape or not ((given >= 0.0) & (given <= 1.0)).all():
            raise DataError(
                f"Conformal sets got probabilities of shape {given.shape} and labels of shape {labels.shape}; expected "
                "equally many, each probability from 0 to 1."
            )
        if not np.isin(labels, (0.0, 1.0)).all():
            raise DataError("Conformal sets got a label that is neither 0 nor 1; leave out rows without an outcome.")
        return cls(HeldOutRanks.of(given[labels == 1.0]), HeldOutRanks.of(given[labels == 0.0]))

    def p_values(self, probability: Array) -> PValues:
        """How well yes and no fit to rows of calibrated probabilities (n); each depends on its own row only."""
        return PValues(self.yes.share_at_most(probability), self.no.share_at_least(probability))

    def state(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {YES: self.yes.state(), NO: self.no.state()}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """Rebuild from :meth:`state`.

        Raises:
            StoreError: If the state is not one of conformal sets.
        """
        if not isinstance(state, dict) or set(state) != {YES, NO}:
            raise StoreError("The stored conformal sets cannot be read: expected those of yes and no. Train again.")
        found = {answer: HeldOutRanks.from_state(state[answer], f"conformal set of {answer}") for answer in (YES, NO)}
        for answer, ranks in found.items():
            if ranks.count and not (ranks.points[0] >= 0.0 and ranks.points[-1] <= 1.0):
                raise StoreError(f"The stored conformal set of {answer} holds what is no probability. Train again.")
        return cls(**found)


def coverage_of(p_values: PValues, y: Array, coverage: float) -> dict[str, float]:
    """How often sets held what then happened.

    Args:
        p_values: Of rows with a known outcome (n).
        y: The outcomes, 0 or 1 (n).
        coverage: What the sets promise.

    Returns:
        ``coverage``: share of rows whose outcome is in the set; ``decided``: share whose set holds one answer. NaN
        without rows.
    """
    yes, no = p_values.sets(coverage)
    if not len(yes):
        return {"coverage": float("nan"), "decided": float("nan")}
    held = np.where(np.asarray(y) == 1.0, yes, no)
    return {"coverage": float(held.mean()), "decided": float((yes != no).mean())}
