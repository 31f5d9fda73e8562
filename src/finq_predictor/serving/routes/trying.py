"""GET /experiment."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from finq_predictor.adapters.typed_json import plain
from finq_predictor.serving import schemas
from finq_predictor.serving.access.callers import Caller, Role
from finq_predictor.serving.access.guarding import caller, permit
from finq_predictor.serving.access.seeing import view_of
from finq_predictor.serving.errors import InvalidRequestError
from finq_predictor.serving.middleware import JsonResponse, request_id
from finq_predictor.serving.operation import Operation
from finq_predictor.serving.routes.trying_schemas import ExperimentAnswer
from finq_predictor.serving.runtime import Runtime, runtime

_LONGEST_NAME = 64


async def experiment(request: Request) -> Response:
    """GET /experiment: what came of trying challengers, as it was found last."""
    api, view = runtime(request), view_of(request)
    market = request.query_params.get("market")
    if market is not None and len(market) > _LONGEST_NAME:
        raise InvalidRequestError(f"market: longer than {_LONGEST_NAME} characters.")
    served = view.only() if market is None else view.get(market)
    permit(request, served)
    with api.gate.entered():
        return await api.gate.run(_report, api, served.market.name, caller(request), request_id(request))


def _report(api: Runtime, market: str, asking: Caller, request_id: str) -> Response:
    from finq_predictor.adapters.live_trials import read_report

    found = read_report(api.settings.state, market)
    told = {"market": market, "made_at": None, "trials": [], "waiting": []} if found is None else plain(found)
    if asking.models is not None:
        sides = ("model", "champion_model")
        told["trials"] = [one for one in told["trials"] if all(asking.sees(market, one[side]) for side in sides)]
        # What has not answered yet is known by its own name only.
        told["waiting"] = []
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
