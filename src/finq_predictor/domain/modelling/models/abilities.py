"""What some models do beside scoring: they forecast returns, or say how far a long fit has come."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from finq_predictor.domain.arrays import Vector


@dataclass(frozen=True)
class ReturnForecast:
    """What is expected of the return that a label is made of.

    Attributes:
        mean: Expected return of each row (n).
        spread: Standard deviation of what it may be around that (n).
    """

    mean: Vector
    spread: Vector


class ProgressReporter:
    """A model whose fit takes long enough to be asked how far it has come.

    Attributes:
        report: Is told so, in words; nobody listens until somebody is put there.
    """

    report: Callable[[str], None] = staticmethod(lambda _: None)


class ReturnForecaster(ABC):
    """A model that forecasts returns, where it is told to.

    Attributes:
        forecasts: Whether it is told to.
    """

    forecasts: bool

    @abstractmethod
    def learn_returns(self, X: pd.DataFrame, returns: Vector, *, seed: int) -> None:
        """Learn the size of what followed, after the fit; no score changes.

        Args:
            X: Features of rows, as for the fit.
            returns: The return that the label of each row is made of (n).
            seed: Seed of everything random.

        Raises:
            DataError: If a return is missing, or all are the same.
        """

    @abstractmethod
    def forecast(self, X: pd.DataFrame) -> ReturnForecast | None:
        """Say which returns are expected, and how far off they may be; None where none were learned.

        Args:
            X: Features of rows, as for scores.
        """
