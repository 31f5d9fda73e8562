"""What bronze held at each moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import pandas as pd

from finq_predictor.domain.ingestion.known_time import known_times_of, later_values_of
from finq_predictor.domain.ingestion.rules import Rules
from finq_predictor.domain.market.markets import Market


@dataclass(frozen=True)
class History:
    """The deliveries of a market, each row with the time at which it was known.

    Attributes:
        market: The market.
        bronze: Rows as received, by table.
        known: When each row was known, by table, with the index of its rows; NaT where it cannot be said.
        later: When values were known that were not known with their rows, by table and column; NaT for all others.
    """

    market: Market
    bronze: Mapping[str, pd.DataFrame]
    known: Mapping[str, pd.Series]
    later: Mapping[str, Mapping[str, pd.Series]] = field(default_factory=dict)

    @classmethod
    def of(cls, market: Market, bronze: Mapping[str, pd.DataFrame], rules: Rules) -> Self:
        """Find out when each row was known.

        Args:
            market: The market.
            bronze: Rows as received, one table for each of ``market.source_tables``.
            rules: How deliveries are read.
        """
        known = {table: known_times_of(raw, table, rules) for table, raw in bronze.items()}
        later = {table: later_values_of(raw, table, rules) for table, raw in bronze.items()}
        return cls(market, bronze, known, later)

    def decision_of(self, ts: pd.Timestamp) -> pd.Timestamp:
        """When the decision of the bar that closed at ``ts`` is taken."""
        return ts + self.market.decision_delay

    def until(self, moment: pd.Timestamp) -> dict[str, pd.DataFrame]:
        """The rows that were known at a moment, by table, in order of delivery; values that were not are missing."""
        return {table: self._until(table, raw, moment) for table, raw in self.bronze.items()}

    def _until(self, table: str, raw: pd.DataFrame, moment: pd.Timestamp) -> pd.DataFrame:
        rows = (self.known[table] <= moment).to_numpy()
        values = {name: raw[name].mask(known > moment) for name, known in self.later.get(table, {}).items()}
        return (raw.assign(**values) if values else raw)[rows]
