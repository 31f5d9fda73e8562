"""Runs of a source against a folder of deliveries, as a pipeline makes them."""

from __future__ import annotations

import pandas as pd

from finq_predictor.adapters.bronze.asked import question_of
from finq_predictor.adapters.bronze.coverage import Coverage
from finq_predictor.adapters.bronze.store import BronzeStore
from finq_predictor.adapters.sources.catching_up import Plan, catch_up
from finq_predictor.adapters.sources.protocol import WindowSource

FAST = {"attempts": 2, "first_wait_seconds": 0.01, "longest_wait_seconds": 0.01, "requests_per_minute": 100_000}
"""A policy under which no test waits."""


def kept(
    store: BronzeStore, source: WindowSource, until: pd.Timestamp, again: str = "0h", *, since: pd.Timestamp | str
) -> int:
    """Ask for what is not there yet and keep it; returns how many rows were new."""
    begin, new = pd.Timestamp(since), 0
    plan = Plan(begin.tz_localize("UTC") if begin.tz is None else begin, until, pd.Timedelta(again))
    for frame in catch_up(source, Coverage.read(store.folder), plan):
        asked = question_of(frame)
        assert asked is not None
        new += store.keep_part(frame, asked)
    return new
