"""The words of a search for hyper-parameters: how a trial ended, and what was chosen."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from pydantic import JsonValue, RootModel

from finq_predictor.domain.errors import UnknownNameError

Setting = bool | int | float | str | None
Settings = Mapping[str, JsonValue]
"""Parameters of a model: numbers and words, by feature what is believed of it, by member what it is."""


class TrialState(StrEnum):
    """How a trial ended, as the table of trials spells it."""

    COMPLETE = "complete"
    PRUNED = "pruned"
    FAIL = "fail"


class Hyperparameters(RootModel[Mapping[str, Settings]], frozen=True):
    """What every model of the race is made with: by its name in the race, each parameter and its value."""

    def __getitem__(self, name: str) -> Settings:
        """The parameters of one model.

        Raises:
            UnknownNameError: If nothing was chosen for it; near misses are suggested.
        """
        if name not in self.root:
            raise UnknownNameError("model of the search", name, self.root)
        return self.root[name]
