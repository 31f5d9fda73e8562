"""What a replay of a market's history found, as it is kept and shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ReplayRecord:
    """One replay.

    Attributes:
        market: Name of the market.
        replayed_at: When it was run, ISO 8601 in UTC.
        first: Close of the first bar that was lived through again, ISO 8601 in UTC.
        last: Close of the last one.
        bars: How many bars.
        of_bars: How many there are between the first and the last.
        rows: Rows that were compared, by layer.
        seconds_per_bar: Mean time that a bar took.
        versions: Bars by the version of the model that answered.
        hindsight: Bars that were answered by a model which was trained on data from after them; what it says is the
            same then as now, but it was not in use then.
        content_hashes: What was delivered, by table: the data that the replay is about.
        difference: The first difference in one sentence; empty where there is none.
    """

    market: str
    replayed_at: str
    first: str
    last: str
    bars: int
    of_bars: int
    rows: Mapping[str, int]
    seconds_per_bar: float
    versions: Mapping[str, int]
    hindsight: int
    content_hashes: Mapping[str, tuple[str, ...]]
    difference: str

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return not self.difference
