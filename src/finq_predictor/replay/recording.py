"""Walk through chosen bars and write down what was found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from time import perf_counter

import pandas as pd

from finq_predictor.domain.columns import CONTENT_HASH
from finq_predictor.domain.evaluation.replay_record import ReplayRecord
from finq_predictor.replay.walk import Replay


def record(replay: Replay, bars: Sequence[pd.Timestamp], now: datetime, done: Callable[[], None]) -> ReplayRecord:
    """Live through bars again.

    Args:
        replay: The market.
        bars: Closes of the bars, increasing, at least one.
        now: When this is.
        done: Called after each bar.

    Returns:
        What was found; after a difference no further bar is lived through.
    """
    began, rows, versions = perf_counter(), Counter[str](), Counter[str]()
    lived, hindsight, difference = 0, 0, ""
    since = {champion.bundle.version: champion.since for champion in replay.champions}
    for step in replay.walk(bars):
        lived += 1
        rows.update(step.rows)
        bundle = replay.champion_of(step.bar)
        versions[bundle.version] += 1
        hindsight += since[bundle.version] > step.bar
        difference = step.difference.sentence if step.difference else ""
        done()
    all_bars = replay.bars
    bronze = replay.history.bronze
    return ReplayRecord(
        market=replay.history.market.name,
        replayed_at=now.isoformat(timespec="seconds"),
        first=bars[0].isoformat(),
        last=bars[lived - 1].isoformat(),
        bars=lived,
        of_bars=int(((all_bars >= bars[0]) & (all_bars <= bars[-1])).sum()),
        rows=dict(rows),
        seconds_per_bar=(perf_counter() - began) / lived,
        versions=dict(versions),
        hindsight=int(hindsight),
        content_hashes={
            table: tuple(map(str, raw[CONTENT_HASH].unique())) if CONTENT_HASH in raw else ()
            for table, raw in bronze.items()
        },
        difference=difference,
    )
