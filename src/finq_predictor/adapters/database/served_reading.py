"""The questions about what the service has said, each answered with a frame; nothing is ever written."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import pandas as pd
from sqlalchemy import Engine, Select, and_, case, func, or_, select, union

from finq_predictor.adapters.database.reading import frame_of
from finq_predictor.adapters.database.schema import (
    feedback,
    served_failures,
    served_outcomes,
    served_predictions,
    served_statements,
)
from finq_predictor.domain.columns import UTC_MICROSECONDS

_KEY = ("market", "horizon", "instrument", "ts")
_TIMES = ("ts", "newest_ts", "served_at", "known_at", "given_at")
_NUMBERS = ("score", "probability", "forward_return", "label", "took_us")


def statements(
    engine: Engine,
    market: str | None = None,
    model: str | None = None,
    since: datetime | None = None,
    as_of: datetime | None = None,
    instrument: str | None = None,
) -> pd.DataFrame:
    """What was said, beside what became of it, as both were known at a time.

    Args:
        engine: The store.
        market: Only this market.
        model: Only this model.
        since: Only bars that closed then or later.
        as_of: What was said or recorded later does not count; None is now.
        instrument: Only this instrument.

    Returns:
        The columns of ``served_statements`` with ``forward_return``, ``label`` and ``known_at``, which are missing
        where nothing was known; sorted by time and instrument. ``prediction_set`` is a list, or None.
    """
    said, told = served_statements, _current(as_of)
    same = and_(*(said.c[name] == told.c[name] for name in _KEY))
    wanted = select(said, told.c.forward_return, told.c.label, told.c.known_at).join(told, same, isouter=True)
    given = {"market": market, "model": model, "instrument": instrument}
    wanted = wanted.where(*(said.c[name] == value for name, value in given.items() if value is not None))
    if since is not None:
        wanted = wanted.where(said.c.ts >= since)
    if as_of is not None:
        wanted = wanted.where(said.c.served_at <= as_of)
    found = _typed(frame_of(engine, wanted.order_by(said.c.ts, said.c.instrument)))
    sets = [None if one is None else json.loads(one) for one in found["prediction_set"]]
    return found.assign(prediction_set=pd.Series(sets, index=found.index, dtype=object))


def latencies(engine: Engine, market: str, since: datetime) -> pd.DataFrame:
    """How long answers took, counted by the database.

    Args:
        engine: The store.
        market: Name of the market.
        since: From when on, UTC.

    Returns:
        ``model``, ``version``, ``latency_us`` in steps of a tenth at most, NaN where it was not taken, and ``answers``:
        how many were said, whether given or only recorded.
    """
    said = served_predictions
    taken = said.c.latency_us
    # Whole numbers divide alike in every database.
    steps = [(taken < 10 ** (power + 1), taken // 10 ** (power - 1) * 10 ** (power - 1)) for power in range(1, 10)]
    columns = (said.c.model, said.c.version, case(*steps, else_=taken).label("latency_us"))
    each = select(*columns).where(said.c.market == market, said.c.served_at >= since).subquery()
    wanted = select(each, func.count().label("answers"))
    found = frame_of(engine, wanted.group_by(*each.c).order_by(*each.c))
    return found.astype({"latency_us": "float64"})


def failures(engine: Engine, market: str, since: datetime) -> pd.DataFrame:
    """How often a model could not answer: ``model``, ``version``, ``errors``; like :func:`latencies`."""
    failed = served_failures
    columns = (failed.c.model, failed.c.version)
    wanted = select(*columns, func.count().label("errors")).where(failed.c.market == market, failed.c.at >= since)
    return frame_of(engine, wanted.group_by(*columns).order_by(*columns))


def outcomes_over_time(engine: Engine, market: str, instrument: str, ts: datetime) -> pd.DataFrame:
    """All that was ever recorded of a bar, the oldest first."""
    told = served_outcomes
    wanted = select(told).where(told.c.market == market, told.c.instrument == instrument, told.c.ts == ts)
    return _typed(frame_of(engine, wanted.order_by(told.c.horizon, told.c.recorded_at)))


def feedback_about(engine: Engine, market: str | None = None, as_of: datetime | None = None) -> pd.DataFrame:
    """What clients say became of predictions, each about the bar that it means.

    Args:
        engine: The store.
        market: Only this market.
        as_of: What was given later does not count; None is now.

    Returns:
        The columns of ``feedback``. ``market``, ``instrument`` and ``ts`` come from the prediction where it names one;
        they are missing where it names none that is known, or a batch without saying which of its instruments.
    """
    wanted = select(feedback)
    if as_of is not None:
        wanted = wanted.where(feedback.c.given_at <= as_of)
    given = frame_of(engine, wanted.order_by(feedback.c.given_at, feedback.c.id))
    rows = given.astype(object).where(given.notna(), None).to_dict("records")
    said = _named(engine) if rows else {}
    named = [_meant(said, row) for row in rows]
    found = _typed(given.assign(**{key: [one[key] for one in named] for key in ("market", "instrument", "ts")}))
    return found if market is None else found[found["market"] == market].reset_index(drop=True)


def feedback_of(engine: Engine, market: str, instrument: str, since: datetime) -> pd.DataFrame:
    """What clients say became of an instrument from a bar on, however they named it: ``ts``, ``outcome``.

    Args:
        engine: The store.
        market: Name of the market.
        instrument: Name of the instrument.
        since: First bar, UTC.
    """
    said, given = served_predictions, feedback
    named = select(given.c.id, given.c.ts, given.c.outcome, given.c.given_at).where(
        given.c.market == market, given.c.instrument == instrument, given.c.ts >= since
    )
    here = (said.c.market == market, said.c.instrument == instrument, said.c.ts >= since)
    columns = (given.c.id, said.c.ts, given.c.outcome, given.c.given_at)
    by_id = select(*columns).select_from(given).join(said, said.c.id == given.c.prediction_id).where(*here)
    other = served_predictions.alias("other")
    alone = select(func.count()).where(other.c.request_id == given.c.request_id).scalar_subquery() == 1
    asked = and_(
        said.c.request_id == given.c.request_id,
        or_(given.c.instrument == said.c.instrument, and_(given.c.instrument.is_(None), alone)),
    )
    by_request = select(*columns).select_from(given).join(said, asked).where(*here)
    found = _typed(frame_of(engine, union(named, by_id, by_request)))
    return found.sort_values(["given_at", "id"], ignore_index=True).astype({"outcome": bool})


def _current(as_of: datetime | None) -> Any:
    """Of each bar the outcome that was recorded last, up to a time."""
    told = served_outcomes
    place = func.row_number().over(partition_by=[told.c[name] for name in _KEY], order_by=told.c.recorded_at.desc())
    ranked: Select[Any] = select(told, place.label("place"))
    if as_of is not None:
        ranked = ranked.where(told.c.recorded_at <= as_of)
    numbered = ranked.subquery()
    return select(numbered).where(numbered.c.place == 1).subquery()


def _named(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    """What was said under the ids, of predictions and of requests, that feedback names."""
    said = served_predictions
    columns = (said.c.id, said.c.request_id, said.c.market, said.c.instrument, said.c.ts)
    by_id = said.c.id.in_(select(feedback.c.prediction_id))
    by_request = said.c.request_id.in_(select(feedback.c.request_id))
    found: dict[str, list[dict[str, Any]]] = {}
    for row in frame_of(engine, select(*columns).where(or_(by_id, by_request))).to_dict("records"):
        for kind in ("id", "request_id"):
            found.setdefault(f"{kind} {row[kind]}", []).append(row)
    return found


def _meant(said: dict[str, list[dict[str, Any]]], row: dict[str, Any]) -> dict[str, Any]:
    """The bar that a feedback is about; none where it names nothing that is known, or several."""
    if row["prediction_id"] is None and row["request_id"] is None:
        return row
    named = f"id {row['prediction_id']}" if row["prediction_id"] else f"request_id {row['request_id']}"
    bars = {
        (one["market"], one["instrument"], one["ts"])
        for one in said.get(named, ())
        if row["instrument"] in (None, one["instrument"])
    }
    found = bars.pop() if len(bars) == 1 else (None, None, None)
    return dict(zip(("market", "instrument", "ts"), found, strict=True))


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """The same with the types of its columns, also where it has no row."""
    times = {name: pd.to_datetime(frame[name], utc=True).astype(UTC_MICROSECONDS) for name in _TIMES if name in frame}
    return frame.assign(**times, **{name: frame[name].astype("float64") for name in _NUMBERS if name in frame})
