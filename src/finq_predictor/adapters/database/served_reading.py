"""The questions about what the service has said, each answered with a frame; nothing is ever written."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, NamedTuple

import pandas as pd
from sqlalchemy import ColumnElement, Engine, Select, and_, case, func, or_, select, union, union_all

from finq_predictor.adapters.database.engine import working
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


class Speaker(NamedTuple):
    """Who said something: a version of a model in a role, over a horizon, and about which bars.

    Attributes:
        market: Name of the market.
        model: Name of the model.
        version: Its version.
        arm: Which role it played.
        horizon: Bars of the label.
        first: First bar that it spoke about, UTC.
        last: Last bar.
    """

    market: str
    model: str
    version: str
    arm: str
    horizon: int
    first: datetime
    last: datetime


def speakers(
    engine: Engine,
    market: str | None = None,
    model: str | None = None,
    since: datetime | None = None,
    as_of: datetime | None = None,
) -> list[Speaker]:
    """Who said something, sorted; what each said can be read one after the other, however much it is together.

    Args:
        engine: The store.
        market: Only this market.
        model: Only this model.
        since: Only bars that closed then or later.
        as_of: What was said later does not count; None is now.
    """
    said = served_statements
    who = [said.c[name] for name in Speaker._fields[:5]]
    wanted = select(*who, func.min(said.c.ts).label("first"), func.max(said.c.ts).label("last"))
    wanted = wanted.where(*_wanted({"market": market, "model": model}, since, as_of)).group_by(*who).order_by(*who)
    with working(engine) as connection:
        return [Speaker._make(row) for row in connection.execute(wanted)]


def statements(
    engine: Engine,
    market: str | None = None,
    model: str | None = None,
    since: datetime | None = None,
    as_of: datetime | None = None,
    instrument: str | None = None,
    speaker: Speaker | None = None,
) -> pd.DataFrame:
    """What was said, beside what became of it, as both were known at a time.

    Args:
        engine: The store.
        market: Only this market.
        model: Only this model.
        since: Only bars that closed then or later.
        as_of: What was said or recorded later does not count; None is now.
        instrument: Only this instrument.
        speaker: Only what it said.

    Returns:
        The columns of ``served_statements`` with ``forward_return``, ``label`` and ``known_at``, which are missing
        where nothing was known; sorted by time and instrument. ``prediction_set`` is a list, or None.
    """
    given: dict[str, str | int | None] = {"market": market, "model": model, "instrument": instrument}
    until = None
    if speaker is not None:
        given |= dict(zip(Speaker._fields[:5], speaker[:5], strict=True))
        since, until = max(speaker.first, since or speaker.first), speaker.last
    told = _current(as_of, {name: given.get(name) for name in _KEY[:3]}, since, until)
    said = served_statements
    same = and_(*(said.c[name] == told.c[name] for name in _KEY))
    wanted = select(said, told.c.forward_return, told.c.label, told.c.known_at).join(told, same, isouter=True)
    wanted = wanted.where(*_wanted(given, since, as_of))
    found = _typed(frame_of(engine, wanted.order_by(said.c.ts, said.c.instrument)))
    # Missing is NaN in a column that holds text as well.
    sets = [None if pd.isna(one) else json.loads(one) for one in found["prediction_set"]]
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
    """What clients say became of predictions, counted by the database for each bar that it is about.

    Feedback names a bar, or a prediction, or a request, which is about a bar where it answered for one alone or the
    feedback names one of its instruments; what names nothing that is known, or several bars, is about none.

    Args:
        engine: The store.
        market: Only this market.
        as_of: What was given later does not count; None is now.

    Returns:
        ``market``, ``instrument``, ``ts``, ``outcome`` and ``given``: how many say it; sorted. At most two rows for a
        bar, however many clients speak.
    """
    said, given = served_predictions, feedback
    bar = (said.c.market, said.c.instrument, said.c.ts)
    early = () if as_of is None else (given.c.given_at <= as_of,)

    def meant(names: ColumnElement[bool], *which: ColumnElement[bool]) -> Select[Any]:
        """Each feedback that names predictions of one bar, whichever of them."""
        fits = or_(given.c.instrument.is_(None), given.c.instrument == said.c.instrument)
        lowest = [func.min(one).label(one.name) for one in bar]
        alone = and_(*(func.min(one) == func.max(one) for one in bar), func.count(said.c.ts) == func.count())
        named = select(given.c.id, *lowest, given.c.outcome).join(said, names).where(fits, *which, *early)
        return named.group_by(given.c.id, given.c.outcome).having(alone)

    by_bar = select(given.c.id, given.c.market, given.c.instrument, given.c.ts, given.c.outcome).where(
        given.c.prediction_id.is_(None), given.c.request_id.is_(None), given.c.ts.is_not(None), *early
    )
    by_id = meant(said.c.id == given.c.prediction_id)
    by_request = meant(said.c.request_id == given.c.request_id, given.c.prediction_id.is_(None))
    each = union_all(by_bar, by_id, by_request).subquery()
    key = [each.c[name] for name in ("market", "instrument", "ts", "outcome")]
    wanted = select(*key, func.count().label("given")).group_by(*key).order_by(*key)
    if market is not None:
        wanted = wanted.where(each.c.market == market)
    return _typed(frame_of(engine, wanted)).astype({"outcome": bool})


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


def _wanted(
    given: dict[str, str | int | None], since: datetime | None, as_of: datetime | None
) -> list[ColumnElement[bool]]:
    """Which statements are asked for."""
    said = served_statements
    limits = [said.c[name] == value for name, value in given.items() if value is not None]
    limits += [] if since is None else [said.c.ts >= since]
    return limits + ([] if as_of is None else [said.c.served_at <= as_of])


def _current(
    as_of: datetime | None, given: dict[str, str | int | None], since: datetime | None, until: datetime | None
) -> Any:
    """Of each bar that may be asked for the outcome that was recorded last, up to a time."""
    told = served_outcomes
    limits = [told.c[name] == value for name, value in given.items() if value is not None]
    limits += [] if since is None else [told.c.ts >= since]
    limits += [] if until is None else [told.c.ts <= until]
    limits += [] if as_of is None else [told.c.recorded_at <= as_of]
    place = func.row_number().over(partition_by=[told.c[name] for name in _KEY], order_by=told.c.recorded_at.desc())
    numbered = select(told, place.label("place")).where(*limits).subquery()
    return select(numbered).where(numbered.c.place == 1).subquery()


def _typed(frame: pd.DataFrame) -> pd.DataFrame:
    """The same with the types of its columns, also where it has no row."""
    times = {name: pd.to_datetime(frame[name], utc=True).astype(UTC_MICROSECONDS) for name in _TIMES if name in frame}
    return frame.assign(**times, **{name: frame[name].astype("float64") for name in _NUMBERS if name in frame})
