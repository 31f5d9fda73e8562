"""POST /predict and POST /batch_predict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import pandas as pd
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from finq_predictor.domain.errors import FinqError
from finq_predictor.domain.evaluation.sticky_arms import Arm
from finq_predictor.serving import bulk, schemas
from finq_predictor.serving.access.callers import Role
from finq_predictor.serving.access.guarding import caller, permit
from finq_predictor.serving.access.seeing import view_of
from finq_predictor.serving.answers import Answer, Served
from finq_predictor.serving.contest import Sides, sides_of
from finq_predictor.serving.errors import (
    InvalidRequestError,
    TooLargeError,
    UnsuggestedNameError,
    status_of,
    type_of,
)
from finq_predictor.serving.middleware import STARTED, JsonResponse, asked_by, note, read_body, request_id
from finq_predictor.serving.operation import Operation
from finq_predictor.serving.recording import said_of
from finq_predictor.serving.resolution import Found, Resolver
from finq_predictor.serving.runtime import Runtime, runtime
from finq_predictor.serving.schemas import BatchRequest, PredictRequest, parse_body
from finq_predictor.serving.settings import Settings
from finq_predictor.serving.sides_answers import answer_all, remembered
from finq_predictor.serving.single import SingleRequest, extended
from finq_predictor.serving.tracing import part
from finq_predictor.serving.view import View

# Whatever such a body holds is read within a millisecond.
_SMALL_BODY = 4096
# No single request is nearly as long; reading a megabyte stops everybody for as long as that takes.
_LONGEST_SINGLE = 16_384
# Of each market and bar what is given and what is recorded beside, and whose answers these are.
Tables = dict[tuple[str, pd.Timestamp], tuple[list[dict[str, Answer]], Sides]]


async def predict(request: Request) -> Response:
    """POST /predict: at once where the answer is remembered, else through the gate."""
    api = runtime(request)
    body = await read_body(request, min(api.settings.body_limit, _LONGEST_SINGLE))
    view = view_of(request)
    if len(body) <= _SMALL_BODY and not api.hops:
        asked = parse_body(body, SingleRequest)
        easy = None if asked.special else _easily(view, asked)
        if easy is not None and (known := remembered(easy, sides := _sides(request, easy, asked))) is not None:
            api.remembered(sides.answering)
            return _prediction(request, easy, known, asked, sides)
    with api.gate.entered():
        asked, found = await api.gate.run(_read, view, body)
        sides = _sides(request, found, asked)
        answers, sides = await answer_all(api, found.served, sides, found.ts, (found.instrument,), request_id(request))
        own = answers[0]
        if asked.special:
            extended_of = found._replace(served=sides.answering)
            own = {found.instrument: await api.gate.run(extended, asked, extended_of, own)}
    return _prediction(request, found, [own, *answers[1:]], asked, sides)


def _sides(request: Request, found: Found, asked: SingleRequest) -> Sides:
    """Who answers; what only the served model can be asked is answered by it, and compared with nobody."""
    champion = found.served
    if asked.features is not None:
        return Sides(champion)
    who = None if asked.model is not None else asked_by(request) or asked.user_id
    return sides_of(champion, who, runtime(request).now(), caller(request).sees)


def _easily(view: View, asked: SingleRequest) -> Found | None:
    """What a prediction is asked of; None where that takes a search for near misses."""
    try:
        return Resolver(view, suggestions=0).find(asked)
    except UnsuggestedNameError:
        return None


def _read(view: View, body: bytes) -> tuple[SingleRequest, Found]:
    asked = parse_body(body, SingleRequest)
    return asked, Resolver(view).find(asked)


def _prediction(
    request: Request, found: Found, answers: Sequence[dict[str, Answer]], asked: SingleRequest, sides: Sides
) -> Response:
    api, clock, current = runtime(request), runtime(request).clock(), asked.prediction_date is None
    served = sides.answering
    permit(request, served)
    note(request, served, sides.arm)
    (answer, took), *shadows = [
        (one.timed(said[found.instrument], clock, current=current), one.took_us(found.ts))
        for one, said in zip((served, *sides.shadows), answers, strict=True)
        if found.instrument in said
    ]
    newest = served.predictor.newest.isoformat()
    said = said_of(answer, newest, sides.arm, took)
    beside = [said_of(one, newest, Arm.SHADOW, us) for one, us in shadows]
    who = asked_by(request) or asked.user_id
    with part("record"):
        prediction_id, recorded = api.recording.one(request_id(request), who, said, beside, request.scope[STARTED])
    api.count((answer,))
    told = {"prediction_id": prediction_id, "recorded": recorded, "request_id": request_id(request), **sides.told}
    return JsonResponse({**answer, **told})


@dataclass
class Batch:
    """What a batch asks for, all of one view.

    Attributes:
        found: What can be answered, and whether it was asked for now, in the order of the request.
        errors: The rest, and why.
        bars: The instruments that are wanted, by market and bar.
    """

    found: list[tuple[Found, bool]] = field(default_factory=list)
    errors: list[tuple[PredictRequest, FinqError]] = field(default_factory=list)
    bars: dict[tuple[str, pd.Timestamp], tuple[Served, list[str]]] = field(default_factory=dict)

    def served(self, market: str) -> Served:
        """What is served of a market that the batch asks about; a bar is as stale for whatever is tried beside it."""
        return next(served for (name, _), (served, _) in self.bars.items() if name == market)


async def batch_predict(request: Request) -> Response:
    """POST /batch_predict: what can be answered is; the rest is listed under `errors`."""
    api = runtime(request)
    body = await read_body(request, api.settings.body_limit)
    with api.gate.entered():
        batch = await api.gate.run(_plan, api.settings, view_of(request), body)
        tables: Tables = {}
        for key, (served, names) in batch.bars.items():
            if await request.is_disconnected():
                raise ClientDisconnect
            permit(request, served)
            sides = sides_of(served, asked_by(request), api.now(), caller(request).sees)
            tables[key] = await answer_all(api, served, sides, key[1], names, request_id(request))
            note(request, tables[key][1].answering, tables[key][1].arm)
        return await api.gate.run(
            _batch_answer, api, batch, tables, request_id(request), asked_by(request), bulk.wanted(request)
        )


def _plan(settings: Settings, view: View, body: bytes) -> Batch:
    asked = _single_requests(settings, view, parse_body(body, BatchRequest, settings.batch_limit))
    resolver, batch = Resolver(view), Batch()
    for one in asked:
        found = resolver.look(one)
        if isinstance(found, FinqError):
            batch.errors.append((one, found))
            continue
        batch.found.append((found, one.prediction_date is None))
        key = (found.served.market.name, found.ts)
        batch.bars.setdefault(key, (found.served, []))[1].append(found.instrument)
    if batch.errors and not batch.found:
        raise batch.errors[0][1]
    if len(batch.bars) > settings.batch_bars:
        raise TooLargeError(
            f"The batch asks for {len(batch.bars):,} different bars; at most {settings.batch_bars:,} are computed at a "
            "time."
        )
    return batch


def _single_requests(settings: Settings, view: View, batch: BatchRequest) -> list[PredictRequest]:
    crossed = batch.instruments is not None or batch.prediction_dates is not None or batch.market is not None
    if batch.requests is not None and crossed:
        raise InvalidRequestError("Give either 'requests' or the fields 'instruments', 'prediction_dates', 'market'.")
    if batch.requests is None and batch.instruments is None and batch.market is None:
        raise InvalidRequestError("Give 'instruments', 'market' (for all of its instruments) or 'requests'.")
    if batch.requests is not None:
        return batch.requests
    names: Iterable[str] = batch.instruments or view.get(str(batch.market)).predictor.panel.instruments
    dates: list[str] | list[None] = batch.prediction_dates or [None]
    names = list(names)
    if len(names) * len(dates) > settings.batch_limit:
        raise TooLargeError(
            f"The batch asks for {len(names) * len(dates):,} predictions; at most {settings.batch_limit:,} are given "
            "at a time."
        )
    return [
        PredictRequest.model_construct(instrument=name, prediction_date=date, market=batch.market)
        for date in dates
        for name in names
    ]


def _batch_answer(
    api: Runtime,
    batch: Batch,
    tables: Tables,
    request_id: str,
    user: str | None,
    table: str | None,
) -> Response:
    clock = api.clock()
    timed = cache(lambda name: batch.served(name).timer(clock))
    newest = cache(lambda name: batch.served(name).predictor.newest.isoformat())
    answers: list[Answer] = []
    said: list[bytes] = []
    beside: list[bytes] = []
    for one, now in batch.found:
        market = one.served.market.name
        (own, *shadows), sides = tables[market, one.ts]
        answer = timed(market)(own[one.instrument], now)
        answers.append(answer | sides.told)
        said.append(said_of(answer, newest(market), sides.arm, sides.answering.took_us(one.ts)))
        others = [
            (timed(market)(shadow[one.instrument], now), model.took_us(one.ts))
            for model, shadow in zip(sides.shadows, shadows, strict=True)
            if one.instrument in shadow
        ]
        beside += [said_of(other, newest(market), Arm.SHADOW, took) for other, took in others]
    with part("record"):
        ids, recorded = api.recording.many(request_id, user, said, beside)
    api.count(answers)
    told = [{**answer, "prediction_id": new} for answer, new in zip(answers, ids, strict=True)]
    errors = [_item_error(one, error) for one, error in batch.errors]
    if table is not None:
        return bulk.table_response(table, told, errors, {"request_id": request_id, "recorded": recorded})
    content = {"count": len(told), "predictions": told, "errors": errors, "recorded": recorded}
    return JsonResponse({**content, "request_id": request_id})


def _item_error(one: PredictRequest, error: FinqError) -> dict[str, Any]:
    return {
        "instrument": one.instrument,
        "prediction_date": one.prediction_date,
        "type": type_of(error),
        "status": status_of(error),
        "message": str(error),
    }


OPERATIONS = (
    Operation(
        "post",
        "/predict",
        predict,
        "One calibrated prediction.",
        schemas.PredictAnswer,
        SingleRequest,
        {"instrument": "AAPL"},
        errors=(400, 404, 413, 415, 422, 503),
        role=Role.PREDICTOR,
    ),
    Operation(
        "post",
        "/batch_predict",
        batch_predict,
        "Every instrument at every date, or a list of single requests; what cannot be answered is listed. As a table "
        "of Arrow or Parquet where `Accept` asks for one.",
        schemas.BatchAnswer,
        schemas.BatchRequest,
        {"instruments": ["AAPL", "MSFT"], "prediction_dates": ["2024-01-31"]},
        errors=(400, 404, 413, 415, 422, 503),
        tables=(bulk.ARROW, bulk.PARQUET),
        role=Role.PREDICTOR,
    ),
)
