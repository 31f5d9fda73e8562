"""GET /experiment."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from finq_predictor.adapters.typed_json import plain
from finq_predictor.serving import schemas
from finq_predictor.serving.access.callers import Role
from finq_predictor.serving.access.guarding import permit
from finq_predictor.serving.errors import InvalidRequestError
from finq_predictor.serving.middleware import JsonResponse, request_id
from finq_predictor.serving.operation import Operation
from finq_predictor.serving.routes.trying_schemas import ExperimentAnswer
from finq_predictor.serving.runtime import Runtime, runtime

_LONGEST_NAME = 64


async def experiment(request: Request) -> Response:
    """GET /experiment: what came of trying challengers, as it was found last."""
    api, view = runtime(request), runtime(request).store.view()
    market = request.query_params.get("market")
    if market is not None and len(market) > _LONGEST_NAME:
        raise InvalidRequestError(f"market: longer than {_LONGEST_NAME} characters.")
    served = view.only() if market is None else view.get(market)
    permit(request, served)
    with api.gate.entered():
        return await api.gate.run(_report, api, served.market.name, request_id(request))


def _report(api: Runtime, market: str, request_id: str) -> Response:
    from finq_predictor.serving.experiment_report import read_report

    found = read_report(api.settings.state, market)
    told = {"market": market, "made_at": None, "trials": [], "waiting": []} if found is None else plain(found)
    return JsonResponse({**told, "request_id": request_id})


OPERATIONS = (
    Operation(
        "get",
        "/experiment",
        experiment,
        "What came of trying challengers beside the champion, as it was found last.",
        ExperimentAnswer,
        query=(("market", f"{schemas.MARKET_NAMES}; may be left out when only one is served."),),
        errors=(404, 422, 503),
        role=Role.VIEWER,
    ),
)
