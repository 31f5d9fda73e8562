"""The routes of the API."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pandas as pd
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from finq_predictor.domain.errors import FinqError
from finq_predictor.serving.answers import Answer, Served
from finq_predictor.serving.errors import (
    InvalidRequestError,
    TooLargeError,
    UnsuggestedNameError,
    status_of,
    type_of,
)
from finq_predictor.serving.gate import Gate
from finq_predictor.serving.inference import InProcess, Remote, RemoteModel, Scoring
from finq_predictor.serving.metrics import CONTENT_TYPE, Metrics
from finq_predictor.serving.middleware import JsonResponse, note, read_body, request_id
from finq_predictor.serving.resolution import Found, Resolver, bar_at
from finq_predictor.serving.schemas import BatchRequest, PredictRequest, parse_body
from finq_predictor.serving.settings import InferenceMode, Settings
from finq_predictor.serving.store import Store
from finq_predictor.serving.view import View

# Whatever such a body holds is read within a millisecond.
_SMALL_BODY = 4096
# No single request is nearly as long; reading a megabyte stops everybody for as long as that takes.
_LONGEST_SINGLE = 16_384
_LONGEST_NAME = 64


@dataclass
class Runtime:
    """What the routes work with.

    Attributes:
        settings: The settings.
        store: The markets that are served.
        metrics: Where to count.
        remote: The inference service, where there is one.
        clock: Tells the moment, UTC.
        gate: Where whatever takes long is worked on.
    """

    settings: Settings
    store: Store
    metrics: Metrics
    remote: RemoteModel | None = None
    clock: Callable[[], pd.Timestamp] = lambda: pd.Timestamp.now("UTC")
    gate: Gate = field(init=False)

    def __post_init__(self) -> None:
        self.gate = Gate(self.settings.work_threads, self.settings.work_waiting)

    @property
    def hops(self) -> bool:
        """Whether probabilities come from the inference service."""
        return self.settings.inference == InferenceMode.SERVICE and self.remote is not None

    @cached_property
    def scoring(self) -> Scoring:
        """Where probabilities are computed."""
        if self.hops and self.remote is not None:
            return Remote(self.remote, self.metrics, self.settings.inference_timeout_seconds)
        return InProcess()

    async def answers(self, served: Served, ts: pd.Timestamp, names: Iterable[str] | None) -> dict[str, Answer]:
        """Answers at a bar; what is not remembered is computed inside the gate."""
        if self.hops:
            if not served.prepared(ts):
                await self.gate.run(served.features_at, ts)
        elif served.remembered(ts) is None:
            await self.gate.run(served.answers, ts)
        return await self.scoring.answers(served, ts, names)

    def observe(self) -> None:
        """Note the state of this process in the metrics."""
        self.metrics.observe(self.store.served, self.store.standing()[0], self.store.age)

    def count(self, answers: Iterable[Answer]) -> None:
        """Count predictions by market and decision."""
        for labels, number in Counter((answer["market"], answer["decision"]) for answer in answers).items():
            self.metrics.predictions.labels(*labels).inc(number)


def runtime(request: Request) -> Runtime:
    """The runtime of the application a request came to."""
    found: Runtime = request.app.state.runtime
    return found


async def predict(request: Request) -> Response:
    """POST /predict: at once where the answer is remembered, else through the gate."""
    api = runtime(request)
    body = await read_body(request, min(api.settings.body_limit, _LONGEST_SINGLE))
    view = api.store.view()
    if len(body) <= _SMALL_BODY and not api.hops:
        asked = parse_body(body, PredictRequest)
        easy = _easily(view, asked)
        if easy is not None and (known := easy.served.remembered(easy.ts)) is not None:
            return _prediction(request, easy, known, asked)
    with api.gate.entered():
        asked, found = await api.gate.run(_read, view, body)
        answers = await api.answers(found.served, found.ts, (found.instrument,))
    return _prediction(request, found, answers, asked)


def _easily(view: View, asked: PredictRequest) -> Found | None:
    """What a prediction is asked of; None where that takes a search for near misses."""
    try:
        return Resolver(view, suggestions=0).find(asked)
    except UnsuggestedNameError:
        return None


def _read(view: View, body: bytes) -> tuple[PredictRequest, Found]:
    asked = parse_body(body, PredictRequest)
    return asked, Resolver(view).find(asked)


def _prediction(request: Request, found: Found, answers: dict[str, Answer], asked: PredictRequest) -> Response:
    api = runtime(request)
    note(request, found.served)
    answer = found.served.timed(answers[found.instrument], api.clock(), current=asked.prediction_date is None)
    api.count((answer,))
    return JsonResponse({**answer, "request_id": request_id(request)})


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


async def batch_predict(request: Request) -> Response:
    """POST /batch_predict: what can be answered is; the rest is listed under `errors`."""
    api = runtime(request)
    body = await read_body(request, api.settings.body_limit)
    with api.gate.entered():
        batch = await api.gate.run(_plan, api.settings, api.store.view(), body)
        tables = {}
        for key, (served, names) in batch.bars.items():
            if await request.is_disconnected():
                raise ClientDisconnect
            note(request, served)
            tables[key] = await api.answers(served, key[1], names)
        return await api.gate.run(_batch_answer, api, batch, tables, request_id(request))


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
    api: Runtime, batch: Batch, tables: dict[tuple[str, pd.Timestamp], dict[str, Answer]], request_id: str
) -> Response:
    clock = api.clock()
    timers = {served.market.name: served.timer(clock) for served, _ in batch.bars.values()}
    answers = [
        timers[one.served.market.name](tables[one.served.market.name, one.ts][one.instrument], now)
        for one, now in batch.found
    ]
    api.count(answers)
    errors = [_item_error(one, error) for one, error in batch.errors]
    return JsonResponse({"count": len(answers), "predictions": answers, "errors": errors, "request_id": request_id})


def _item_error(one: PredictRequest, error: FinqError) -> dict[str, Any]:
    return {
        "instrument": one.instrument,
        "prediction_date": one.prediction_date,
        "type": type_of(error),
        "status": status_of(error),
        "message": str(error),
    }


async def ranking(request: Request) -> Response:
    """GET /ranking: the instruments of a market that are members of its index, the most probable first."""
    api, view = runtime(request), runtime(request).store.view()
    market, given = (_query(request, name) for name in ("market", "prediction_date"))
    served = view.only() if market is None else view.get(market)
    ts = bar_at(served, given)
    note(request, served)
    limit = _query_limit(request.query_params.get("limit"))
    with api.gate.entered():
        answers = await api.answers(served, ts, None)
        return await api.gate.run(_ranking, api, served, ts, answers, given is None, limit, request_id(request))


def _ranking(
    api: Runtime,
    served: Served,
    ts: pd.Timestamp,
    answers: dict[str, Answer],
    current: bool,
    limit: int | None,
    request_id: str,
) -> Response:
    timed = served.timer(api.clock())
    ranked = rank({name: timed(one, current) for name, one in served.members(ts, answers).items()})
    return JsonResponse(
        {
            "market": served.market.name,
            "feature_ts": ts.isoformat(),
            "model": served.model,
            "simulated": served.simulated,
            "ranking": ranked[:limit],
            "request_id": request_id,
        }
    )


def rank(answers: dict[str, Answer]) -> list[Answer]:
    """Answers by falling probability; those without one come last."""
    return sorted(answers.values(), key=lambda one: (one["probability"] is None, -(one["probability"] or 0.0)))


def _query(request: Request, name: str) -> str | None:
    given = request.query_params.get(name)
    if given is not None and len(given) > _LONGEST_NAME:
        raise InvalidRequestError(f"{name}: longer than {_LONGEST_NAME} characters.")
    return given


def _query_limit(given: str | None) -> int | None:
    if given is None:
        return None
    if not given.isascii() or not given.isdigit() or not 0 < int(given[:9]) < 10**6:
        raise InvalidRequestError(f"limit: {given[:20]!r} is not a whole number of 1 or more.")
    return int(given[:9])


async def models(request: Request) -> Response:
    """GET /models: the models that are served and where they come from."""
    listed = [_details(served) for served in runtime(request).store.served]
    return JsonResponse({"models": listed, "request_id": request_id(request)})


def _details(served: Served) -> dict[str, Any]:
    bundle, panel = served.predictor.bundle, served.predictor.panel
    origin = bundle.origin
    return {
        **served.model,
        "market": served.market.name,
        "question": served.market.question.format(instrument="an instrument", horizon=bundle.horizon),
        "horizon_bars": bundle.horizon,
        "simulated": served.simulated,
        "preset": served.preset,
        "snapshot": served.snapshot,
        "features": len(bundle.feature_set.names),
        "feature_set_hash": bundle.feature_set.definitions_hash,
        "trained_from": origin.trained_from,
        "trained_to": origin.trained_to,
        "data_hash": origin.data_hash,
        "code_hash": origin.code_hash,
        "source": origin.source,
        "run_id": origin.registered.run_id if origin.registered else None,
        "instruments": len(panel.instruments),
        "oldest_bar": served.predictor.oldest.isoformat(),
        "newest_bar": served.predictor.newest.isoformat(),
    }


async def health(request: Request) -> Response:
    """GET /health and GET /ready: 200 when requests can be answered, else 503 with the reason."""
    healthy, standing = runtime(request).store.standing()
    return JsonResponse({**standing, "request_id": request_id(request)}, 200 if healthy else 503)


async def alive(request: Request) -> Response:
    """GET /livez and GET /healthz: 200 as long as the process answers, with the same standing.

    A process whose files cannot be read is not mended by starting it again; it goes on with what it has read.
    """
    _, standing = runtime(request).store.standing()
    return JsonResponse({**standing, "request_id": request_id(request)})


async def metrics(request: Request) -> Response:
    """GET /metrics."""
    api = runtime(request)
    api.observe()
    return Response(api.metrics.render(), headers={"Content-Type": CONTENT_TYPE})
