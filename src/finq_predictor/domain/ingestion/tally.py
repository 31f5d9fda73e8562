"""What came with a delivery and what became of it, in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import pandas as pd

from finq_predictor.domain.columns import CONTENT_HASH, SOURCE


@dataclass(frozen=True)
class Tally:
    """Counts and shares of one delivery.

    Attributes:
        rows: Rows delivered.
        kept: Rows that go on.
        rules: Rows set aside, by the rule they broke.
        examples: A few of them by rule, each as a person would call it, with the reason.
        null_shares: Share of missing values by column, in [0, 1].
        null_rows: The first rows that miss a value, by column.
        columns: Our name of a column to the delivered name.
        notes: What was decided about the delivery as a whole, one sentence each.
        out_of_order: Rows that came after a later one.
        newest: The newest time that a delivery speaks of, ISO 8601, where that is not the time of a bar; else empty.
    """

    rows: int
    kept: int
    rules: Mapping[str, int] = field(default_factory=dict)
    examples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    null_shares: Mapping[str, float] = field(default_factory=dict)
    null_rows: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    out_of_order: int = 0
    newest: str = ""


@dataclass(frozen=True)
class Delivery:
    """One table of a market as it was delivered.

    Attributes:
        table: Name of the table.
        source: Kind of source and its identity, ``kind:id``; empty where nothing was delivered.
        content_hashes: Hash of each content that is current.
        tally: What became of its rows.
    """

    table: str
    source: str
    content_hashes: tuple[str, ...]
    tally: Tally

    @classmethod
    def of(cls, table: str, bronze: pd.DataFrame, tally: Tally) -> Self:
        """Read the identity of a delivery off its lineage columns.

        Args:
            table: Name of the table.
            bronze: Rows as received.
            tally: What became of them.
        """
        return cls(
            table=table,
            source=str(bronze[SOURCE].iloc[-1]) if SOURCE in bronze and len(bronze) else "",
            content_hashes=tuple(map(str, bronze[CONTENT_HASH].unique())) if CONTENT_HASH in bronze else (),
            tally=tally,
        )

    @property
    def kind(self) -> str:
        """Kind of source, ``simulated`` or ``own``; empty where nothing was delivered."""
        return self.source.partition(":")[0]
