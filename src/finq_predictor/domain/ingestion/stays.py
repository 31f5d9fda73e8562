"""From lists of members at dates to stays in the index, each change from when it was known."""

from __future__ import annotations

from bisect import bisect_left, insort
from dataclasses import dataclass, field

import pandas as pd

from finq_predictor.domain.columns import INSTRUMENT, KNOWN_AT, SINCE, UNTIL, UTC_MICROSECONDS

Names = frozenset[str]
Stays = dict[pd.Timestamp, pd.Timestamp]
_NOBODY: Names = frozenset()
_OPEN = pd.Timestamp.max.tz_localize("UTC")


def stays_of_snapshots(rows: pd.DataFrame) -> pd.DataFrame:
    """Put snapshots together to stays.

    A stay begins with the first snapshot that has the instrument and ends with the first one after it that has not. A
    snapshot that becomes known after a later one changes only what lies between its neighbours, from when it was known.

    Args:
        rows: ``instrument, since`` (moment of the snapshot), ``known_at``. Of several lists of one moment the one that
            is known later replaces the others.

    Returns:
        ``instrument, since, until, known_at``: a row for each thing that became known about a stay. A stay that turned
        out not to be one ends when it begins.
    """
    book = _Book()
    grouped = rows.groupby([KNOWN_AT, SINCE], sort=True)[INSTRUMENT].agg(frozenset)
    for (known, moment), names in grouped.items():
        book.enter(moment, names, known)
    versions = pd.DataFrame(book.told, columns=[INSTRUMENT, SINCE, UNTIL, KNOWN_AT])
    versions = versions.astype({SINCE: UTC_MICROSECONDS, KNOWN_AT: UTC_MICROSECONDS})
    until = pd.Series([pd.NaT if end == _OPEN else end for end in versions[UNTIL]], dtype=UTC_MICROSECONDS)
    versions = versions.assign(**{UNTIL: until})
    return versions.drop_duplicates([INSTRUMENT, SINCE, KNOWN_AT], keep="last", ignore_index=True)


@dataclass
class _Book:
    """All snapshots that are known so far, and the stays that follow from them.

    Attributes:
        moments: Of the snapshots, increasing.
        lists: Members by moment.
        stays: Begin and end of the stays of each instrument.
        told: What became known, in order: instrument, begin, end, when.
    """

    moments: list[pd.Timestamp] = field(default_factory=list)
    lists: dict[pd.Timestamp, Names] = field(default_factory=dict)
    stays: dict[str, Stays] = field(default_factory=dict)
    told: list[tuple[str, pd.Timestamp, pd.Timestamp, pd.Timestamp]] = field(default_factory=list)

    def enter(self, moment: pd.Timestamp, names: Names, known: pd.Timestamp) -> None:
        """Enter a snapshot, and what follows from it."""
        place = bisect_left(self.moments, moment)
        last = place == len(self.moments)
        before = self.lists.get(moment, self.lists[self.moments[place - 1]] if place else _NOBODY)
        if moment not in self.lists:
            insort(self.moments, moment)
        self.lists[moment] = names
        for name in sorted(before ^ names):
            stays = self._continued(name, moment, name in names) if last else self._runs(name)
            self._tell(name, stays, known)

    def _continued(self, name: str, moment: pd.Timestamp, joins: bool) -> Stays:
        """The stays of a name after the newest snapshot of all, which is the usual case."""
        stays = dict(self.stays.get(name, {}))
        stays[moment if joins else max(stays)] = _OPEN if joins else moment
        return stays

    def _runs(self, name: str) -> Stays:
        """The stays of a name by all snapshots."""
        stays: Stays = {}
        began: pd.Timestamp | None = None
        for moment in self.moments:
            if name in self.lists[moment]:
                began = moment if began is None else began
                stays[began] = _OPEN
            elif began is not None:
                stays[began], began = moment, None
        return stays

    def _tell(self, name: str, stays: Stays, known: pd.Timestamp) -> None:
        before = self.stays.get(name, {})
        gone = {began: began for began in before if began not in stays}
        for began, ended in sorted({**gone, **stays}.items()):
            if before.get(began) != ended:
                self.told.append((name, began, ended, known))
        self.stays[name] = stays
