"""Combinatorial purged cross-validation: every group of dates is tested many times, each time by another training set.

A walk-forward is one path through history, and its result one number. Here the dates are cut into groups, every
combination of some of them is tested on the rest, and the tests are put together again to several paths (Lopez de
Prado, 2018, chapter 12). Training sees what comes after its tests: that is no way in which a model could have been
used, and says nothing about whether one may be promoted. It is for the spread of a result, and for how often the best
of several models was best by luck.

What a label has seen of a test, and what a test has seen of a label, is left out on both sides of every tested group.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Positions
from finq_predictor.domain.errors import SplitError
from finq_predictor.domain.modelling.splits import Gap, Mask, starts_of_days, timeline


@dataclass(frozen=True)
class Tested:
    """A group of dates of a combination.

    Attributes:
        group: Its number, from 1, in time order.
        path: The path that this test is a part of, from 1.
        rows: Positions of its rows, ascending.
    """

    group: int
    path: int
    rows: Positions


@dataclass(frozen=True)
class Combination:
    """Some groups of dates that are tested, and what may be learned for them.

    Attributes:
        number: From 1, in lexicographic order of the tested groups.
        train: Positions of the training rows, ascending.
        tested: The tested groups, in time order.
        n_purged: Rows that are in neither.
    """

    number: int
    train: Positions
    tested: tuple[Tested, ...]
    n_purged: int


def combinatorial_purged(
    ts: pd.Series,
    label_end: pd.Series,
    *,
    n_groups: int,
    n_test_groups: int,
    gap: Gap,
    label_bars: int = 0,
    sessions: pd.DatetimeIndex | None = None,
) -> list[Combination]:
    """Cut labelled rows into groups of dates, and test every combination of some groups on what is left.

    Args:
        ts: Time of each row (n), any order, many rows per date.
        label_end: When the label of each row is known (n), never before ``ts``.
        n_groups: Groups of about equally many whole UTC days.
        n_test_groups: How many of them are tested at a time.
        gap: Bars left out before and after each tested group.
        label_bars: Bars from ``ts`` to the end of a label by construction (entry lag plus horizon).
        sessions: All bars of the market; None counts the dates among ``ts``.

    Returns:
        ``n_groups`` over ``n_test_groups`` combinations. Before a tested group, every training label ends before the
        embargo; after it, training begins when the last label of the group is known and the embargo is over. Each date
        is tested once on each of :func:`n_paths` paths.

    Raises:
        SplitError: If the gap is shorter than a label, there are too few dates, or nothing is left to train on.
    """
    purge, embargo = gap.purge(label_bars), gap.embargo_bars
    if not 1 <= n_test_groups < n_groups:
        raise SplitError(
            f"{n_test_groups} of {n_groups} groups were to be tested; expected at least 1, and fewer than all."
        )
    times, ends, dates, bars = timeline(ts, label_end, sessions)
    days = starts_of_days(dates)
    if len(days) < n_groups:
        raise SplitError(f"{len(days)} labelled days cannot be cut into {n_groups} groups; bring a longer history.")
    first = np.array([part[0] for part in np.array_split(days, n_groups)], dtype=np.intp)
    spans = [(dates[one], dates[other - 1]) for one, other in zip(first, [*first[1:], len(dates)], strict=True)]
    groups = [np.flatnonzero((times >= start) & (times <= end)) for start, end in spans]
    allowed = [
        _apart(times, ends, bars, span, ends[rows].max(), purge, embargo)
        for span, rows in zip(spans, groups, strict=True)
    ]
    on_path: Counter[int] = Counter()
    found = []
    for number, chosen in enumerate(combinations(range(n_groups), n_test_groups), start=1):
        train = np.flatnonzero(np.logical_and.reduce([allowed[group] for group in chosen]))
        if not len(train):
            raise SplitError(
                f"The combination of the groups {[group + 1 for group in chosen]} leaves no row to train on beside "
                f"gaps of {purge + embargo} bars on both sides; bring a longer history, or fewer groups."
            )
        on_path.update(chosen)
        tested = tuple(Tested(group + 1, on_path[group], groups[group]) for group in chosen)
        n_purged = len(times) - len(train) - sum(len(groups[group]) for group in chosen)
        found.append(Combination(number, train, tested, n_purged))
    return found


def n_paths(n_groups: int, n_test_groups: int) -> int:
    """How many paths through all groups the tests of all combinations make up: each group is in so many of them."""
    return comb(n_groups - 1, n_test_groups - 1)


def _apart(
    times: Positions, ends: Positions, bars: Positions, span: tuple[int, int], known: int, purge: int, embargo: int
) -> Mask:
    """Rows that may be learned from where the rows of a span, whose last label is known at a time, are tested."""
    start, end = np.searchsorted(bars, span)
    last = start - 1 - purge - embargo
    nothing = np.zeros(len(times), dtype=bool)
    before = (times <= bars[last]) & (ends < bars[start - embargo]) if last >= 0 else nothing
    # By count as well as by label: where labels are known at once, the bars that one could have lasted are left out.
    resumes = max(end + purge, int(np.searchsorted(bars, known))) + embargo + 1
    after = times >= bars[resumes] if resumes < len(bars) else nothing
    mask: Mask = before | after
    return mask
