"""POST /explain."""

from __future__ import annotations

from dataclasses import asdict
from functools import cache

import pandas as pd
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response

from finq_predictor.domain.features import FeatureSpec, select_features
from finq_predictor.domain.features.sets import members_of
from finq_predictor.domain.modelling.explanation import Explanation, explain_row
from finq_predictor.serving.access.callers import Caller, Role
from finq_predictor.serving.access.guarding import caller, permit
from finq_predictor.serving.access.seeing import view_of
from finq_predictor.serving.answers import Answer, Served
from finq_predictor.serving.middleware import JsonResponse, note, read_body, request_id
from finq_predictor.serving.operation import Operation
from finq_predictor.serving.resolution import Found, Resolver
from finq_predictor.serving.runtime import Runtime, runtime
from finq_predictor.serving.schemas import Prediction, parse_body
from finq_predictor.serving.single import SingleRequest, answer_apart, features_of, require_served, values_of
from finq_predictor.serving.view import View

_LONGEST = 16_384
_EXACT = (
    "Exact: base plus all contributions is the log-odds of the probability, which is 1 / (1 + exp(-log_odds)). A "
    "contribution is that of the model's score, times the slope of the calibration."
)
_NONE = "The model {name!r} has no exact contributions; none are guessed."


class ExplainRequest(SingleRequest):
    """One prediction to take apart."""

    top: int = Field(default=10, ge=1, le=1000, description="How many contributions to list, the largest first.")


class Contribution(BaseModel):
    """What one feature adds."""

    feature: str
    family: str
    meaning: str
    unit: str
    value: float | None
    percentile: float | None = Field(description="Percent of the training's values at most as high.")
    contribution: float = Field(description="In log-odds of the probability.")
    words: str


class Explained(BaseModel):
    """One answer taken apart."""

    exact: bool = Field(description="Whether the contributions add up exactly; false where the model has none.")
    how: str
    score: float = Field(description="What the model says before calibration.")
    log_odds: float = Field(description="Log-odds of the probability: `base` plus all contributions.")
    base: float
    contributions: list[Contribution]
    rest: float = Field(description="Sum of the contributions that are not listed.")
    families: dict[str, float] = Field(description="Sum of the contributions of each family, all of them.")


class ExplainAnswer(Prediction):
    """The answer to POST /explain: the prediction, and what each feature adds to it."""

    explanation: Explained
    user_id: str | None = None
    features_used: dict[str, float | None] | None = None
    request_id: str


async def explain(request: Request) -> Response:
    """POST /explain: worked on inside the gate, from features that are remembered."""
    api = runtime(request)
    body = await read_body(request, min(api.settings.body_limit, _LONGEST))
    view = view_of(request)
    with api.gate.entered():
        found, answer = await api.gate.run(_explain, api, view, caller(request), body)
    permit(request, found.served)
    note(request, found.served)
    api.count((answer,))
    return JsonResponse({**answer, "request_id": request_id(request)})


def _explain(api: Runtime, view: View, asking: Caller, body: bytes) -> tuple[Found, Answer]:
    asked = parse_body(body, ExplainRequest)
    if asked.features is not None:
        # Whoever may look sees the reasons of what is answered anyway, as on the page; this is another question.
        asking.require(Role.PREDICTOR)
    found = Resolver(view).find(asked)
    require_served(asked, found.served)
    row = features_of(asked, found)
    answer = answer_apart(found, row, overridden=asked.features is not None)
    timed = found.served.timed(answer, api.clock(), current=asked.prediction_date is None)
    more: Answer = {} if asked.user_id is None else {"user_id": asked.user_id}
    if asked.include:
        more["features_used"] = values_of(row, found.served)
    return found, {**timed, "explanation": explanation_of(found.served, row, asked.top), **more}


def explanation_of(served: Served, row: pd.DataFrame, top: int) -> Answer:
    """What each feature of a row adds, as :class:`Explained` has it.

    Args:
        served: The market whose model answers.
        row: One row of features.
        top: How many contributions are listed.
    """
    bundle, panel = served.predictor.bundle, served.predictor.panel
    explanation = explain_row(bundle, row, _specs(served.market.name, tuple(sorted(panel.available))))
    return _told(explanation, top, bundle.name)


@cache
def _specs(market: str, available: tuple[str, ...]) -> dict[str, FeatureSpec]:
    from finq_predictor.domain.market.markets import get_market

    return {spec.name: spec for spec in select_features(get_market(market), available, members=members_of("all"))}


def _told(explanation: Explanation, top: int, name: str) -> Answer:
    listed = explanation.parts[:top]
    return {
        "exact": bool(explanation.parts),
        "how": _EXACT if explanation.parts else _NONE.format(name=name),
        "score": explanation.score,
        "log_odds": explanation.log_odds,
        "base": explanation.base,
        "contributions": [asdict(part) for part in listed],
        "rest": sum(part.contribution for part in explanation.parts[top:]),
        "families": explanation.families,
    }


OPERATIONS = (
    Operation(
        "post",
        "/explain",
        explain,
        "One prediction, and what each feature adds to it; `features` of the client's own take the role of /predict.",
        ExplainAnswer,
        ExplainRequest,
        {"instrument": "AAPL", "top": 5},
        errors=(400, 404, 413, 415, 422, 503),
        role=Role.VIEWER,
    ),
)
