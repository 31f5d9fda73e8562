"""The words of a search for hyper-parameters."""

from __future__ import annotations

from enum import StrEnum


class TrialState(StrEnum):
    """How a trial ended, as the table of trials spells it."""

    COMPLETE = "complete"
    PRUNED = "pruned"
    FAIL = "fail"
