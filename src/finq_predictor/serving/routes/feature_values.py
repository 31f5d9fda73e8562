"""GET /features: the newest features of instruments, as the model reads them, with their state, age and lags."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from finq_predictor.domain.columns import INSTRUMENT
from finq_predictor.domain.features.views import (
    ONLINE_BARS,
    STATES,
    judge,
    lagged,
    limits_of,
    require_features,
    views_of,
)
from finq_predictor.serving.access.callers import Role
from finq_predictor.serving.access.guarding import permit
from finq_predictor.serving.access.seeing import view_of
from finq_predictor.serving.answers import Served, iso
from finq_predictor.serving.errors import InvalidRequestError
from finq_predictor.serving.middleware import JsonResponse, note, request_id
from finq_predictor.serving.operation import Operation
from finq_predictor.serving.runtime import Runtime, runtime
from finq_predictor.serving.schemas import MARKET_NAMES

_LONGEST_NAME = 64
_MOST_INSTRUMENTS, _MOST_LAGS = 100, 8


class FeatureValues(BaseModel):
    """What is known of one instrument."""

    instrument: str
    feature_ts: dt.datetime | None = Field(description="Close of its newest bar.")
    feature_age_hours: float | None = Field(description="Hours since then in which the market was open.")
    values: dict[str, float | None] = Field(description="By name, `ret_1__lag_5` is `ret_1` five bars before.")
    states: dict[str, str] = Field(
        description=f"What is known of each value, one of {', '.join(STATES)}; what is not PRESENT is withheld."
    )


class ViewInfo(BaseModel):
    """Features that count equally long."""

    name: str
    ttl_hours: float = Field(description="Up to this age a value counts, in hours in which the market is open.")
    features: list[str]


class FeaturesAnswer(BaseModel):
    """The newest features of instruments of a market."""

    market: str
    simulated: bool
    snapshot: str | None
    feature_set_hash: str
    views: list[ViewInfo] = Field(description="The features that were asked for, by how long they count.")
    instruments: list[FeatureValues]
    request_id: str


async def feature_values(request: Request) -> Response:
    """GET /features: worked on inside the gate, from features that are remembered, at hand or computed."""
    api, view = runtime(request), view_of(request)
    market = _one(request, "market")
    served = view.only() if market is None else view.get(market)
    permit(request, served)
    note(request, served)
    names = [served.instrument(name) for name in _list(request, "instruments", _MOST_INSTRUMENTS)]
    if not names:
        raise InvalidRequestError("instruments: name at least one, separated by commas.")
    features = _list(request, "features", len(served.predictor.bundle.feature_set.names)) or None
    lags = [_lag(text) for text in _list(request, "lags", _MOST_LAGS)]
    with api.gate.entered():
        found = await api.gate.run(_known, api, served, names, features, lags)
    return JsonResponse({**found, "request_id": request_id(request)})


def _known(
    api: Runtime, served: Served, names: Sequence[str], features: Sequence[str] | None, lags: Sequence[int]
) -> dict[str, Any]:
    feature_set = served.predictor.bundle.feature_set
    chosen = require_features(feature_set, features)
    told = [_of_one(served, name, chosen, (0, *lags), served.now(api.clock())) for name in dict.fromkeys(names)]
    views = [
        {"name": view.name, "ttl_hours": view.ttl_hours, "features": held}
        for view in views_of(feature_set)
        if (held := [name for name in view.features if name in set(chosen)])
    ]
    return {
        "market": served.market.name,
        "simulated": served.simulated,
        "snapshot": served.snapshot,
        "feature_set_hash": feature_set.definitions_hash,
        "views": views,
        "instruments": told,
    }


def _of_one(
    served: Served, name: str, chosen: tuple[str, ...], steps: tuple[int, ...], now: pd.Timestamp
) -> dict[str, Any]:
    ts = served.predictor.last_bar(name, served.predictor.newest)
    age = np.nan if ts is None else served.market.sessions.open_hours_between(ts, max(ts, now))
    limits = limits_of(served.predictor.bundle.feature_set, chosen)
    values, found = np.full((len(steps), len(chosen)), np.nan), np.zeros(len(steps), dtype=bool)
    for place, bar in enumerate(_bars(served, ts, steps)):
        # What is too old to be told need not be computed.
        row = None if bar is None or age > limits.max() else _row(served, name, bar, chosen)
        found[place] = bar is not None and (row is not None or age > limits.max())
        if row is not None:
            values[place] = row
    told, codes = judge(values, found, np.full(len(steps), age), limits)
    columns = [column if not lag else f"{column}__lag_{lag}" for lag in steps for column in chosen]
    plain = [None if value != value else value for value in told.ravel().tolist()]
    return {
        "instrument": name,
        "feature_ts": iso(ts),
        "feature_age_hours": None if ts is None else age,
        "values": dict(zip(columns, plain, strict=True)),
        "states": {column: STATES[code].value for column, code in zip(columns, codes.ravel(), strict=True)},
    }


def _bars(served: Served, ts: pd.Timestamp | None, steps: tuple[int, ...]) -> list[pd.Timestamp | None]:
    if ts is None:
        return [None] * len(steps)
    panel = served.predictor.panel
    place = panel.position(ts)
    near = panel.ts[max(0, place - max(steps)) : place + 1]
    ticks = near.as_unit("us").asi8
    found = lagged(ticks, int(ticks[-1]), steps, served.market)
    return [None if bar is None else near[int(np.searchsorted(ticks, bar))] for bar in found]


def _row(served: Served, name: str, ts: pd.Timestamp, chosen: tuple[str, ...]) -> Any:
    table = served.features_at(ts)
    row = np.flatnonzero((table[INSTRUMENT] == name).to_numpy())
    return table[list(chosen)].iloc[row[0]].to_numpy(dtype=np.float64) if row.size else None


def _one(request: Request, name: str) -> str | None:
    given = request.query_params.get(name)
    if given is not None and len(given) > _LONGEST_NAME:
        raise InvalidRequestError(f"{name}: longer than {_LONGEST_NAME} characters.")
    return given


def _list(request: Request, name: str, most: int) -> list[str]:
    given = [part.strip() for part in request.query_params.get(name, "").split(",") if part.strip()]
    if len(given) > most:
        raise InvalidRequestError(f"{name}: {len(given)} are named; at most {most} at a time.")
    if any(len(part) > _LONGEST_NAME for part in given):
        raise InvalidRequestError(f"{name}: a name is longer than {_LONGEST_NAME} characters.")
    return given


def _lag(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:9]) < ONLINE_BARS:
        raise InvalidRequestError(f"lags: {text[:20]!r} is not a whole number of bars from 1 to {ONLINE_BARS - 1}.")
    return int(text[:9])


OPERATIONS = (
    Operation(
        "get",
        "/features",
        feature_values,
        "The newest features of instruments as the model reads them: value, state, age, and values of bars before.",
        FeaturesAnswer,
        query=(
            ("market", f"{MARKET_NAMES}; may be left out when only one is served."),
            ("instruments", f"Names, separated by commas; at most {_MOST_INSTRUMENTS}."),
            ("features", "Names, separated by commas; all that the model reads when left out."),
            ("lags", f"Bars before the newest one, such as `1,5`; {_MOST_LAGS} at most."),
        ),
        errors=(404, 422, 503),
        role=Role.VIEWER,
    ),
)
