"""GET /ranking and GET /models."""

from __future__ import annotations

from typing import Any

import pandas as pd
from starlette.requests import Request
from starlette.responses import Response

from finq_predictor.serving import schemas
from finq_predictor.serving.access.callers import Caller, Role
from finq_predictor.serving.access.guarding import caller, permit
from finq_predictor.serving.access.seeing import view_of
from finq_predictor.serving.answers import Answer, Served
from finq_predictor.serving.errors import InvalidRequestError
from finq_predictor.serving.middleware import JsonResponse, note, request_id
from finq_predictor.serving.operation import Operation
from finq_predictor.serving.resolution import bar_at
from finq_predictor.serving.runtime import Runtime, runtime

_LONGEST_NAME = 64


async def ranking(request: Request) -> Response:
    """GET /ranking: the instruments of a market that are members of its index, the most probable first."""
    api, view = runtime(request), view_of(request)
    market, given = (_query(request, name) for name in ("market", "prediction_date"))
    served = view.only() if market is None else view.get(market)
    ts = bar_at(served, given)
    permit(request, served)
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
    api = runtime(request)
    listed = [_details(api, one, caller(request)) for one in view_of(request).served]
    return JsonResponse({"models": listed, "request_id": request_id(request)})


def _details(api: Runtime, served: Served, asking: Caller) -> dict[str, Any]:
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
        "feature_names": list(bundle.feature_set.names),
        "feature_set_hash": bundle.feature_set.definitions_hash,
        "trained_from": origin.trained_from,
        "trained_to": origin.trained_to,
        "data_hash": origin.data_hash,
        "code_hash": origin.code_hash,
        "source": origin.source,
        "run_id": origin.registered.run_id if origin.registered else None,
        "instruments": len(panel.instruments),
        "loaded_at": served.loaded_at.isoformat(),
        "oldest_bar": served.predictor.oldest.isoformat(),
        "newest_bar": served.predictor.newest.isoformat(),
        "challengers": _challengers(api, served, asking),
    }


def _challengers(api: Runtime, served: Served, asking: Caller) -> list[dict[str, Any]]:
    contest = served.contest
    if contest is None:
        return []
    listed = []
    for one in contest.rivals:
        entry = one.entry
        if not asking.sees(served.market.name, entry.model):
            continue
        named = {"name": entry.name, "experiment": entry.experiment, "model": entry.model, "version": entry.version}
        share = contest.share_at(api.now()) if one is contest.answering else 0.0
        problem = None if one.problem is None else api.store.reasons.told(one.problem)
        listed.append({**named, "mode": entry.mode.value, "share": share, "problem": problem})
    return listed


OPERATIONS = (
    Operation(
        "get",
        "/ranking",
        ranking,
        "All instruments of a market at one bar, the most probable first.",
        schemas.RankingAnswer,
        query=(
            ("market", f"{schemas.MARKET_NAMES}; may be left out when only one is served."),
            ("prediction_date", "As in /predict."),
            ("limit", "How many to show; all when left out."),
        ),
        errors=(404, 422, 503),
        role=Role.VIEWER,
    ),
    Operation(
        "get",
        "/models",
        models,
        "The models that are served and where they come from.",
        schemas.ModelsAnswer,
        role=Role.VIEWER,
    ),
)
