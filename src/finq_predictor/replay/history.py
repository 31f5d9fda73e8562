"""What bronze held at each moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import pandas as pd

from finq_predictor.domain.ingestion.known_time import known_times_of
from finq_predictor.domain.ingestion.rules import Rules
from finq_predictor.domain.market.markets import Market


@dataclass(frozen=True)
class History:
    """The deliveries of a market, each row with the time at which it was known.

    Attributes:
        market: The market.
        bronze: Rows as received, by table.
        known: When each row was known, by table, with the index of its rows; NaT where it cannot be said.
    """

    market: Market
    bronze: Mapping[str, pd.DataFrame]
    known: Mapping[str, pd.Series]

    @classmethod
    def of(cls, market: Market, bronze: Mapping[str, pd.DataFrame], rules: Rules) -> Self:
        """Find out when each row was known.

        Args:
            market: The market.
            bronze: Rows as received, one table for each of ``market.source_tables``.
            rules: How deliveries are read.
        """
        known = {table: known_times_of(raw, table, rules) for table, raw in bronze.items()}
        return cls(market, bronze, known)

    def decision_of(self, ts: pd.Timestamp) -> pd.Timestamp:
        """When the decision of the bar that closed at ``ts`` is taken."""
        return ts + self.market.decision_delay

    def until(self, moment: pd.Timestamp) -> dict[str, pd.DataFrame]:
        """The rows that were known at a moment, by table, in order of delivery."""
        return {table: raw[(self.known[table] <= moment).to_numpy()] for table, raw in self.bronze.items()}
