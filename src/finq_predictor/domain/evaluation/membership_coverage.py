"""How much of the membership of an index the bars cover: whether a test asked about whom it should have asked."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import INSTRUMENT, KNOWN_AT, TS, UTC_MICROSECONDS
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.membership import members_at

WHOLE = 0.98
"""From this share of member-bars on a universe is called that of its time: what lacks is a bar here and there."""
_SHOWN = 5


@dataclass(frozen=True)
class MembershipCoverage:
    """Members of the index and the bars that were delivered, counted over the bars of the market.

    Attributes:
        since: When the first member was known, ISO 8601 in UTC; nobody is asked about before.
        members: Instruments that were members at some bar.
        left: Those of them that are members no more at the last bar.
        member_bars: Members, summed over the bars.
        with_bars: Those of them that have a bar of their own.
        without_bars: Members that have no bar at all while they were members.
        examples: The first of these, by name.
        outside: Bars of instruments that were no members, which no model learns from and nobody is told about.
        cut_off: Members whose bars end when they leave, though the market goes on: to a label they look delisted.
    """

    since: str
    members: int
    left: int
    member_bars: int
    with_bars: int
    without_bars: int
    examples: tuple[str, ...]
    outside: int
    cut_off: int

    @property
    def share(self) -> float:
        """Share of member-bars that have a bar; 0 where nobody was a member."""
        return self.with_bars / self.member_bars if self.member_bars else 0.0

    @property
    def whole(self) -> bool:
        """Whether the universe of each bar is that of its time: nearly all members have bars, also who left later."""
        return self.share >= WHOLE and self.left > 0


def cover_membership(membership: pd.DataFrame, bars: pd.DataFrame, market: Market) -> MembershipCoverage:
    """Count how much of a membership the bars cover.

    Args:
        membership: Silver membership, at least one row.
        bars: Silver bars.
        market: After how many bars without a price an instrument has ended.
    """
    ts = pd.DatetimeIndex(bars[TS].astype(UTC_MICROSECONDS).unique()).sort_values()
    names = pd.Index(sorted({*membership[INSTRUMENT], *bars[INSTRUMENT]}))
    member = members_at(membership, ts, tuple(names))
    there = np.zeros(member.shape, dtype=bool)
    there[ts.get_indexer(bars[TS].astype(UTC_MICROSECONDS)), names.get_indexer(bars[INSTRUMENT])] = True
    both = member & there
    ever, covered = member.any(axis=0), both.any(axis=0)
    last_in, last_bar = _last(member), _last(there)
    left = ever & (last_in < len(ts) - 1)
    lacking = names[ever & ~covered]
    cut_off = left & covered & (last_bar <= last_in) & (last_in < len(ts) - market.ended_after)
    return MembershipCoverage(
        since=membership[KNOWN_AT].min().isoformat(),
        members=int(ever.sum()),
        left=int(left.sum()),
        member_bars=int(member.sum()),
        with_bars=int(both.sum()),
        without_bars=len(lacking),
        examples=tuple(lacking[:_SHOWN]),
        outside=int((there & ~member).sum()),
        cut_off=int(cut_off.sum()),
    )


def _last(flags: np.ndarray) -> np.ndarray:
    """Row of the last true value of each column; -1 where there is none."""
    rows = np.arange(len(flags))[:, None]
    return np.asarray(np.where(flags, rows, -1).max(axis=0, initial=-1))
