"""Asking a source for what is not there yet, and for the last days once more, in case they were revised."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from finq_predictor.adapters.bronze.asked import Asked, answering
from finq_predictor.adapters.bronze.coverage import Coverage, Window
from finq_predictor.adapters.sources.protocol import EVER, GrowingSource, WindowSource, lineage
from finq_predictor.domain.columns import SOURCE
from finq_predictor.domain.errors import SourceError

logger = logging.getLogger(__name__)

# A part that is delivered once answers no window of time; any one that is the same for all says that it was delivered.
_ONCE = (EVER, EVER + pd.Timedelta(days=1))


@dataclass(frozen=True)
class Plan:
    """What a run wants of a source.

    Attributes:
        since: Begin of the history, UTC.
        until: Up to when, UTC; never in the future of the run.
        again: How long before ``until`` a source is asked anew, because it may revise what it said.
        required: Whether a run can do without it.
    """

    since: pd.Timestamp
    until: pd.Timestamp
    again: pd.Timedelta
    required: bool = True


def wanted(keys: Sequence[str], coverage: Coverage, plan: Plan) -> dict[Window, list[str]]:
    """Which windows are to be asked for, and for which keys each.

    Args:
        keys: What the source delivers.
        coverage: What was asked before.
        plan: What the run wants.

    Returns:
        Windows in order of time, so that an interrupted run leaves no hole in the middle; keys with one window are
        asked together.
    """
    found: dict[Window, list[str]] = defaultdict(list)
    fresh = max(plan.since, plan.until - plan.again)
    for key in keys:
        for since, until in coverage.missing(key, plan.since, plan.until):
            # A gap that reaches into the days that are asked anew is asked together with them.
            found[(min(since, fresh), until) if until == plan.until else (since, until)].append(key)
    return dict(sorted(found.items()))


def catch_up(
    source: WindowSource, coverage: Coverage, plan: Plan, outages: list[str] | None = None
) -> Iterator[pd.DataFrame]:
    """Ask for what is not there yet.

    A window that cannot be had now is asked for by the next run; the rest goes on.

    Args:
        source: Whom to ask.
        coverage: What was asked before.
        plan: What the run wants.
        outages: Is told what could not be had, one sentence each.

    Yields:
        Rows as delivered with ``_source``, each frame with a note of what it answers.

    Raises:
        SourceError: If nothing of what is required could be had, neither now nor before.
    """
    origin = lineage(source)
    failures: list[SourceError] = []
    answered = any(coverage.of(key) for key in source.keys)
    for (since, until), keys in wanted(source.keys, coverage, plan).items():
        logger.info("%s: asking for %d from %s to %s", origin, len(keys), since, until)
        try:
            for part in source.fetch(keys, since, until, plan.until):
                rows = part.frame.reset_index(drop=True)
                who = pd.Series(lineage(source, part.source), index=rows.index, dtype="str")
                begin = since if part.since is None else part.since
                end = until if part.until is None else min(part.until, until)
                yield answering(rows.assign(**{SOURCE: who}), Asked(origin, part.keys, begin, end, source.identity))
                answered = True
        except SourceError as error:
            logger.warning("%s: %s The rest goes on; the next run asks again.", origin, error)
            failures.append(error)
    if outages is not None:
        outages += [f"not all of it could be had: {error}" for error in failures]
    if not answered:
        if failures and plan.required:
            raise failures[0]
        # A run that can do without it finds an empty table, and asks again the next time; a source that has no keys has
        # nothing to be asked for, and an empty table is its answer.
        nothing = Asked(origin, (), plan.until, plan.until, source.identity)
        yield answering(pd.DataFrame({SOURCE: pd.Series([], dtype="str")}), nothing)


def take_new(source: GrowingSource, coverage: Coverage, outages: list[str]) -> Iterator[pd.DataFrame]:
    """Take the parts that a source did not deliver before.

    Args:
        source: Whom to ask.
        coverage: What was delivered before.
        outages: Is told what could not be had, one sentence each.

    Yields:
        Rows as delivered with ``_source``, each frame with a note of which part it is.

    Raises:
        SourceError: If nothing could be had, neither now nor before.
    """
    origin, before = lineage(source), coverage.keys()
    taken = bool(before)
    try:
        for part in source.parts(before):
            rows = part.frame.reset_index(drop=True)
            who = pd.Series(origin, index=rows.index, dtype="str")
            yield answering(rows.assign(**{SOURCE: who}), Asked(origin, part.keys, *_ONCE, part.identity))
            taken = True
    except SourceError as error:
        if not taken:
            raise
        logger.warning("%s: %s The rest goes on; the next run asks again.", origin, error)
        outages.append(f"not all of it could be had: {error}")
