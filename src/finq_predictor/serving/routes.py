"""The routes of the API."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd
from starlette.requests import Request
from starlette.responses import Response

from finq_predictor.domain.errors import FinqError
from finq_predictor.serving.answers import Answer, Served
from finq_predictor.serving.errors import InvalidRequestError, TooLargeError, status_of, type_of
from finq_predictor.serving.inference import InProcess, Remote, RemoteModel, Scoring
from finq_predictor.serving.metrics import CONTENT_TYPE, Metrics
from finq_predictor.serving.middleware import JsonResponse, read_body, request_id
from finq_predictor.serving.schemas import BatchRequest, PredictRequest, parse_body, parse_date
from finq_predictor.serving.settings import InferenceMode, Settings
from finq_predictor.serving.store import Store


@dataclass
class Runtime:
    """What the routes work with.

    Attributes:
        settings: The settings.
        store: The markets that are served.
        metrics: Where to count.
        remote: The inference service, where there is one.
        clock: Tells the moment, UTC.
    """

    settings: Settings
    store: Store
    metrics: Metrics
    remote: RemoteModel | None = None
    clock: Callable[[], pd.Timestamp] = lambda: pd.Timestamp.now("UTC")

    @cached_property
    def scoring(self) -> Scoring:
        """Where probabilities are computed."""
        if self.settings.inference == InferenceMode.SERVICE and self.remote is not None:
            return Remote(self.remote, self.metrics, self.settings.inference_timeout_seconds)
        return InProcess()

    def served(self, market: str | None, instrument: str | None) -> Served:
        """The market of a request, named or found from the instrument."""
        if market is not None:
            return self.store.get(market)
        if instrument is not None:
            return self.store.holding(instrument)
        served = self.store.served
        if len(served) == 1:
            return served[0]
        names = ", ".join(self.settings.markets)
        raise InvalidRequestError(f"Which market? Give one of {names}.")

    def count(self, answers: Iterable[Answer]) -> None:
        """Count predictions by market and decision."""
        for answer in answers:
            self.metrics.predictions.labels(answer["market"], answer["decision"]).inc()


def runtime(request: Request) -> Runtime:
    """The runtime of the application a request came to."""
    found: Runtime = request.app.state.runtime
    return found


async def predict(request: Request) -> Response:
    """POST /predict."""
    api = runtime(request)
    asked = parse_body(await read_body(request, api.settings.body_limit), PredictRequest)
    served, name, ts = _resolve(api, asked)
    answers = await api.scoring.answers(served, ts, (name,))
    answer = served.timed(answers[name], api.clock(), current=asked.prediction_date is None)
    api.count((answer,))
    return JsonResponse({**answer, "request_id": request_id(request)})


def _resolve(api: Runtime, asked: PredictRequest) -> tuple[Served, str, pd.Timestamp]:
    served = api.served(asked.market, asked.instrument)
    name = served.instrument(asked.instrument)
    when = None if asked.prediction_date is None else parse_date(asked.prediction_date)
    return served, name, served.bar_at(when)


async def batch_predict(request: Request) -> Response:
    """POST /batch_predict: what can be answered is; the rest is listed under `errors`."""
    api = runtime(request)
    asked = _single_requests(api, parse_body(await read_body(request, api.settings.body_limit), BatchRequest))
    found: list[tuple[Served, str, pd.Timestamp]] = []
    resolved: list[PredictRequest] = []
    errors: list[tuple[PredictRequest, FinqError]] = []
    for one in asked:
        try:
            found.append(_resolve(api, one))
            resolved.append(one)
        except FinqError as error:
            errors.append((one, error))
    if not found:
        raise errors[0][1]
    answers = await _answer_all(api, found, [one.prediction_date is None for one in resolved])
    api.count(answers)
    listed = [_item_error(one, error) for one, error in errors]
    return JsonResponse(
        {"count": len(answers), "predictions": answers, "errors": listed, "request_id": request_id(request)}
    )


def _single_requests(api: Runtime, batch: BatchRequest) -> list[PredictRequest]:
    crossed = batch.instruments is not None or batch.prediction_dates is not None or batch.market is not None
    if batch.requests is not None and crossed:
        raise InvalidRequestError("Give either 'requests' or the fields 'instruments', 'prediction_dates', 'market'.")
    if batch.requests is None and batch.instruments is None and batch.market is None:
        raise InvalidRequestError("Give 'instruments', 'market' (for all of its instruments) or 'requests'.")
    if batch.requests is not None:
        _limit(api, len(batch.requests))
        return batch.requests
    names: Iterable[str] = batch.instruments or api.store.get(str(batch.market)).predictor.panel.instruments
    dates: list[str] | list[None] = batch.prediction_dates or [None]
    names = list(names)
    _limit(api, len(names) * len(dates))
    return [
        PredictRequest.model_construct(instrument=name, prediction_date=date, market=batch.market)
        for date in dates
        for name in names
    ]


def _limit(api: Runtime, asked: int) -> None:
    if asked > api.settings.batch_limit:
        raise TooLargeError(
            f"The batch asks for {asked:,} predictions; at most {api.settings.batch_limit:,} are given at a time."
        )


async def _answer_all(api: Runtime, found: list[tuple[Served, str, pd.Timestamp]], current: list[bool]) -> list[Answer]:
    wanted: dict[tuple[str, pd.Timestamp], tuple[Served, list[str]]] = {}
    for served, name, ts in found:
        wanted.setdefault((served.market.name, ts), (served, []))[1].append(name)
    if len(wanted) > api.settings.batch_bars:
        raise TooLargeError(
            f"The batch asks for {len(wanted):,} different bars; at most {api.settings.batch_bars:,} are computed at a "
            "time."
        )
    tables = {key: await api.scoring.answers(one, key[1], names) for key, (one, names) in wanted.items()}
    clock = api.clock()
    return [
        served.timed(tables[served.market.name, ts][name], clock, current=now)
        for (served, name, ts), now in zip(found, current, strict=True)
    ]


def _item_error(one: PredictRequest, error: FinqError) -> dict[str, Any]:
    return {
        "instrument": one.instrument,
        "prediction_date": one.prediction_date,
        "type": type_of(error),
        "status": status_of(error),
        "message": str(error),
    }


async def ranking(request: Request) -> Response:
    """GET /ranking: the instruments of a market, the most probable first."""
    api = runtime(request)
    served = api.served(request.query_params.get("market"), None)
    given = request.query_params.get("prediction_date")
    ts = served.bar_at(None if given is None else _query_date(given))
    answers, clock = await api.scoring.answers(served, ts, None), api.clock()
    ranked = rank({name: served.timed(one, clock, current=given is None) for name, one in answers.items()})
    shown = ranked[: _query_limit(request.query_params.get("limit"), len(ranked))]
    return JsonResponse(
        {
            "market": served.market.name,
            "feature_ts": ts.isoformat(),
            "model": served.model,
            "simulated": served.simulated,
            "ranking": shown,
            "request_id": request_id(request),
        }
    )


def rank(answers: dict[str, Answer]) -> list[Answer]:
    """Answers by falling probability; those without one come last."""
    return sorted(answers.values(), key=lambda one: (one["probability"] is None, -(one["probability"] or 0.0)))


def _query_date(given: str) -> Any:
    try:
        return parse_date(given)
    except ValueError as error:
        raise InvalidRequestError(f"prediction_date: {error}.") from None


def _query_limit(given: str | None, default: int) -> int:
    if given is None:
        return default
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


async def metrics(request: Request) -> Response:
    """GET /metrics."""
    api = runtime(request)
    api.metrics.observe(api.store.served, api.store.standing()[0])
    return Response(api.metrics.render(), headers={"Content-Type": CONTENT_TYPE})
