"""A training of one market: its parameters, and what they leave to the market."""

from __future__ import annotations

from dataclasses import dataclass

from finq_predictor.domain.market.markets import Market
from finq_predictor.pipelines.training.params import TrainingParams


@dataclass(frozen=True)
class Plan:
    """The parameters of a training together with the market they are for.

    Attributes:
        params: As configured.
        market: The market.
    """

    params: TrainingParams
    market: Market

    @property
    def horizon(self) -> int:
        """Horizon of the label in bars."""
        return self.params.horizon or self.market.horizon

    @property
    def label_bars(self) -> int:
        """Bars from a decision to the end of its label."""
        return self.market.entry_lag + self.horizon
