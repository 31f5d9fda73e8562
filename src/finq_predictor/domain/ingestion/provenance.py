"""Where the data of a market come from, for everything that is made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import pandas as pd

from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.ingestion.tally import Delivery


class SourceKind(StrEnum):
    """What a source delivers: made-up data, or data of the user's own."""

    SIMULATED = "simulated"
    OWN = "own"


def simulated_id(preset: str, configuration: str) -> str:
    """Identity of a simulated market.

    Args:
        preset: Name of the kind of market.
        configuration: What tells its configuration from any other, without hyphens.
    """
    return f"{SourceKind.SIMULATED}-{preset}-{configuration}"


def preset_of(source_id: str) -> str | None:
    """The preset in the identity of a simulated market; None for any other source, and for runs before presets."""
    kind, _, rest = source_id.partition("-")
    preset, _, configuration = rest.rpartition("-")
    return preset if kind == SourceKind.SIMULATED and preset and configuration else None


@dataclass(frozen=True)
class Provenance:
    """The origin of a market's silver tables.

    Attributes:
        source: Kind of source, ``simulated`` or ``own``.
        source_id: Its identity; equal for equal origin and options, with the preset of a simulated market.
        simulated: Whether the data are made up.
        content_hashes: Hashes of the current contents, by table.
        rows: Rows in silver, by table.
        first_ts: Close of the first bar, ISO 8601 in UTC.
        last_ts: Close of the last bar, ISO 8601 in UTC.
        instruments: Number of instruments.
        notes: What was decided or noticed about a delivery as a whole, by table that has such notes.
    """

    source: str
    source_id: str
    simulated: bool
    content_hashes: Mapping[str, tuple[str, ...]]
    rows: Mapping[str, int]
    first_ts: str
    last_ts: str
    instruments: int
    notes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def preset(self) -> str | None:
        """The preset that a simulated market was made with; None where there is none."""
        return preset_of(self.source_id) if self.simulated else None


_MEMBERSHIP_DAYS = 100
"""After so many days a membership is called old: the large indices choose their members anew each quarter."""


def trace(bars: pd.DataFrame, deliveries: Sequence[Delivery]) -> Provenance:
    """Say where cleaned data come from.

    Args:
        bars: Cleaned bars, at least one.
        deliveries: Every table, bars first; all are of one kind of source, see ``gates.check_one_origin``.
    """
    kind, _, identity = deliveries[0].source.partition(":")
    return Provenance(
        source=kind,
        source_id=identity or kind,
        simulated=kind == SourceKind.SIMULATED,
        content_hashes={one.table: one.content_hashes for one in deliveries if not one.made_of},
        rows={delivery.table: delivery.tally.kept for delivery in deliveries},
        first_ts=bars[TS].min().isoformat(),
        last_ts=bars[TS].max().isoformat(),
        instruments=int(bars[INSTRUMENT].nunique()),
        notes={delivery.table: notes for delivery in deliveries if (notes := _notes(delivery, bars[TS].max()))},
    )


def _notes(delivery: Delivery, last: pd.Timestamp) -> tuple[str, ...]:
    """What was noticed about a delivery, and that it is old, where it says up to when it speaks."""
    notes = delivery.tally.notes
    newest = delivery.tally.newest if delivery.table == "membership" else None
    age = 0 if newest is None else (last - newest).days
    if age <= _MEMBERSHIP_DAYS:
        return notes
    old = f"the newest entry is of {newest:%Y-%m-%d}, {age} days before the last bar; what came since lacks"
    return (*notes, old)
