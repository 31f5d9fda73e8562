"""The questions that the shared database is there for, each answered with a frame."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import CompoundSelect, Engine, Select, and_, func, select

from finq_predictor.adapters.database.engine import working
from finq_predictor.adapters.database.schema import audit_events, feature_values, outcomes, predictions

_KEY = ("market", "horizon", "instrument", "ts")


def latest(engine: Engine, market: str) -> pd.DataFrame:
    """What was said of a market's newest bar, as it was published last."""
    newest = select(func.max(predictions.c.ts)).where(predictions.c.market == market).scalar_subquery()
    said = select(predictions).where(predictions.c.market == market, predictions.c.ts == newest)
    return _last_said(frame_of(engine, said))


def history(engine: Engine, market: str, instrument: str, since: datetime, until: datetime) -> pd.DataFrame:
    """What was said of an instrument over time, as it was published last of each bar.

    Args:
        engine: The database.
        market: Name of the market.
        instrument: Name of the instrument.
        since: First bar, UTC.
        until: End, which lies outside.
    """
    said = select(predictions).where(
        predictions.c.market == market,
        predictions.c.instrument == instrument,
        predictions.c.ts >= since,
        predictions.c.ts < until,
    )
    return _last_said(frame_of(engine, said))


def judged(engine: Engine, market: str, since: datetime, until: datetime, as_of: datetime) -> pd.DataFrame:
    """Predictions beside what became of them, as both were known at a time.

    Args:
        engine: The database.
        market: Name of the market.
        since: First bar, UTC.
        until: End, which lies outside.
        as_of: What was published or recorded later does not count.

    Returns:
        The columns of ``predictions`` with ``forward_return``, ``label`` and ``known_at``; a row without an outcome is
        left out.
    """
    told = outcomes.alias("told")
    newest = (
        select(func.max(told.c.recorded_at))
        .where(*(told.c[name] == outcomes.c[name] for name in _KEY), told.c.recorded_at <= as_of)
        .correlate(outcomes)
        .scalar_subquery()
    )
    same = and_(*(predictions.c[name] == outcomes.c[name] for name in _KEY))
    found = (
        select(predictions, outcomes.c.forward_return, outcomes.c.label, outcomes.c.known_at)
        .join(outcomes, same)
        .where(
            predictions.c.market == market,
            # Said twice, so that the months of both tables are known beforehand.
            *(limit for table in (predictions, outcomes) for limit in (table.c.ts >= since, table.c.ts < until)),
            predictions.c.published_at <= as_of,
            outcomes.c.recorded_at == newest,
        )
    )
    return _last_said(frame_of(engine, found))


def features_behind(engine: Engine, snapshot: str, market: str, instrument: str, ts: datetime) -> pd.Series:
    """The features that a prediction was made from, by name; NaN where one was not known."""
    table = feature_values
    found = frame_of(
        engine,
        select(table.c.feature, table.c.value).where(
            table.c.snapshot == snapshot, table.c.market == market, table.c.instrument == instrument, table.c.ts == ts
        ),
    )
    return found.set_index("feature")["value"].astype("float64").sort_index()


def decisions(engine: Engine, market: str) -> pd.DataFrame:
    """Every decision about models of a market, the oldest first."""
    return frame_of(engine, select(audit_events).where(audit_events.c.market == market).order_by(audit_events.c.at))


def _last_said(frame: pd.DataFrame) -> pd.DataFrame:
    """Of each bar of an instrument what was published last, sorted by time and instrument."""
    ordered = frame.sort_values(["ts", "instrument", "published_at", "snapshot"], kind="stable")
    return ordered.drop_duplicates(["ts", "instrument"], keep="last", ignore_index=True)


def frame_of(engine: Engine, query: Select[Any] | CompoundSelect[Any]) -> pd.DataFrame:
    """The rows that a question is answered with, one column each of what it asks for."""
    with working(engine) as connection:
        result = connection.execute(query)
        names: Sequence[str] = list(result.keys())
        return pd.DataFrame(result.fetchall(), columns=list(names))
