"""What came with a delivery and what became of it, in numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

import pandas as pd

from finq_predictor.domain.columns import ASKED_AS, CONTENT_HASH, SECOND_OPINION, SOURCE


@dataclass(frozen=True)
class Agreement:
    """How far providers agree that delivered the same bars.

    Attributes:
        compared: Bars of which two or more providers said something.
        differing: Those of them whose closes lie further apart than they may.
        examples: A few of them by instrument: when, who, what.
    """

    compared: int = 0
    differing: int = 0
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rewrite:
    """A delivery that changed history that was held, see ``revision_rate``.

    Attributes:
        share: Share of the bars held between the first and the last one that it changed, in [0, 1].
        received: When it came (UTC); None where that is not noted.
        examples: What was changed, a few of them, as a person would call them.
    """

    share: float
    received: pd.Timestamp | None
    examples: tuple[str, ...]


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
        agreement: How far providers agree, where several delivered the same bars.
        newest: When the newest row that goes on was known, where the table has no bars; of membership, the newest time
            that it speaks of. None without rows.
        rewrites: Of bars, the deliveries that changed what was held.
        misread: Whose times look read in the wrong zone, one sentence each, and in how many weeks.
        misread_fit: Smallest share of their times that fit the calendar as they were read; 1 where none look misread.
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
    agreement: Agreement = Agreement()
    newest: pd.Timestamp | None = None
    rewrites: tuple[Rewrite, ...] = ()
    misread: Mapping[str, int] = field(default_factory=dict)
    misread_fit: float = 1.0


@dataclass(frozen=True)
class Delivery:
    """One table of a market as it was delivered.

    Attributes:
        table: Name of the table.
        source: Kind of source and its identity, ``kind:id``; empty where nothing was delivered.
        content_hashes: Hash of each content that is current.
        tally: What became of its rows.
        made_of: The delivered table that it was taken from; empty where it was delivered itself.
    """

    table: str
    source: str
    content_hashes: tuple[str, ...]
    tally: Tally
    made_of: str = ""

    @classmethod
    def of(cls, table: str, bronze: pd.DataFrame, tally: Tally) -> Self:
        """Read the identity of a delivery off its lineage columns.

        Args:
            table: Name of the table.
            bronze: Rows as received.
            tally: What became of them.
        """
        own = bronze[bronze[ASKED_AS].ne(SECOND_OPINION)] if ASKED_AS in bronze else bronze
        return cls(
            table=table,
            source=str(own[SOURCE].iloc[-1]) if SOURCE in own and len(own) else "",
            content_hashes=tuple(map(str, bronze[CONTENT_HASH].unique())) if CONTENT_HASH in bronze else (),
            tally=tally,
        )

    @property
    def kind(self) -> str:
        """Kind of source, ``simulated`` or ``own``; empty where nothing was delivered."""
        return self.source.partition(":")[0]
