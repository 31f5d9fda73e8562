"""Within which limits a portfolio is made, and how often."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from finq_predictor.domain.errors import ConfigurationError


@dataclass(frozen=True)
class PortfolioRules:
    """Limits and habits of a long portfolio; what is net long against a benchmark is hedged with it, as always.

    Attributes:
        every: Bars between two rebalances.
        lookback: Bars of which covariances and scenarios are made, all of them past.
        held: At most so many instruments, those with the highest expected return.
        max_weight: Largest share of the capital in one instrument.
        max_sector: Largest share in one sector, where sectors are known.
        max_turnover: At most this share of the capital is bought and sold in one rebalance, both sides.
        risk_aversion: What a unit of variance over the horizon costs in expected return; for the conditional value at
            risk, what a unit of it costs, divided by a hundred.
        tail: Level of the conditional value at risk.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    every: int = 5
    lookback: int = 250
    held: int = 30
    max_weight: float = 0.1
    max_sector: float = 0.3
    max_turnover: float = 0.5
    risk_aversion: float = 5.0
    tail: float = 0.95

    def __post_init__(self) -> None:
        """Refuse limits that no portfolio keeps."""
        counts = {name: getattr(self, name) for name in ("every", "lookback", "held") if getattr(self, name) < 1}
        if counts:
            raise ConfigurationError(f"{counts}: expected at least 1.")
        shares = ("max_weight", "max_sector", "max_turnover")
        if wrong := {name: getattr(self, name) for name in shares if not getattr(self, name) > 0.0}:
            raise ConfigurationError(f"{wrong}: expected more than 0; nothing could be held or traded.")
        if not self.risk_aversion > 0.0 or not 0.5 < self.tail < 1.0:
            raise ConfigurationError(
                f"risk_aversion is {self.risk_aversion} and tail {self.tail}; expected more than 0, and 0.5 to 1."
            )
