"""POST /feedback."""

from __future__ import annotations

import datetime as dt
from hashlib import sha256
from typing import Any

import orjson
import pandas as pd
from starlette.requests import Request
from starlette.responses import Response

from finq_predictor.serving.access.callers import Role
from finq_predictor.serving.access.guarding import caller
from finq_predictor.serving.access.seeing import view_of
from finq_predictor.serving.errors import InvalidRequestError
from finq_predictor.serving.lines import feedback_line
from finq_predictor.serving.middleware import JsonResponse, asked_by, read_body, request_id
from finq_predictor.serving.operation import Operation
from finq_predictor.serving.routes.feedback_schemas import FeedbackAnswer, FeedbackRequest
from finq_predictor.serving.runtime import runtime
from finq_predictor.serving.schemas import parse_body, parse_date
from finq_predictor.serving.view import View

_LONGEST = 16_384
_SAID = (
    "given_by",
    "prediction_id",
    "request_id",
    "market",
    "instrument",
    "ts",
    "outcome",
    "forward_return",
    "comment",
)


async def feedback(request: Request) -> Response:
    """POST /feedback: recorded like a prediction, beside what the data say, never instead of it."""
    api = runtime(request)
    body = await read_body(request, min(api.settings.body_limit, _LONGEST))
    with api.gate.entered():
        told = await api.gate.run(
            _told, view_of(request), parse_body(body, FeedbackRequest), asked_by(request), api.clock()
        )
    caller(request).require(market=told["market"])
    api.recording.record(feedback_line(told), required=True)
    return JsonResponse({"feedback_id": told["id"], "recorded": True, "request_id": request_id(request)})


def _told(view: View, given: FeedbackRequest, user: str | None, now: pd.Timestamp) -> dict[str, Any]:
    _require_one_way(given)
    row: dict[str, Any] = {**given.model_dump(exclude={"feature_ts"}), "given_by": user, "ts": None}
    if given.instrument is not None and given.feature_ts is not None:
        served, row["instrument"] = view.find(given.instrument, given.market)
        row["market"], row["ts"] = served.market.name, _bar(given.feature_ts)
    elif given.instrument is not None:
        row["instrument"] = view.find(given.instrument, given.market)[1]
    # By what was said: a client that does not know whether it was heard says it again.
    row["id"] = sha256(orjson.dumps([row[name] for name in _SAID])).hexdigest()
    return {**row, "given_at": now.isoformat()}


def _require_one_way(given: FeedbackRequest) -> None:
    ways = [given.prediction_id is not None, given.request_id is not None, given.feature_ts is not None]
    if sum(ways) != 1:
        raise InvalidRequestError(
            "Which prediction? Give one of 'prediction_id', 'request_id', or 'instrument' with 'feature_ts'."
        )
    if given.feature_ts is not None and given.instrument is None:
        raise InvalidRequestError("Field 'feature_ts' needs 'instrument' beside it.")
    if given.prediction_id is not None and (given.instrument is not None or given.market is not None):
        raise InvalidRequestError("Field 'prediction_id' says it all; leave 'instrument' and 'market' out.")


def _bar(given: str) -> str:
    moment = parse_date(given)
    if not isinstance(moment, dt.datetime):
        raise InvalidRequestError(
            f"feature_ts: {given[:60]!r} is a day; give the time as the prediction did, such as '2024-01-31T21:00:00Z'."
        )
    return moment.astimezone(dt.UTC).isoformat()


OPERATIONS = (
    Operation(
        "post",
        "/feedback",
        feedback,
        "Say what has become of a prediction; kept beside what the data say of it.",
        FeedbackAnswer,
        FeedbackRequest,
        {"instrument": "AAPL", "feature_ts": "2024-01-31T21:00:00Z", "outcome": True},
        errors=(400, 404, 413, 415, 422, 503),
        role=Role.PREDICTOR,
    ),
)
