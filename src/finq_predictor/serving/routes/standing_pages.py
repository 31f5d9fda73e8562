"""Pages about the service itself: GET /model, GET /scores and GET /status."""

from __future__ import annotations

from typing import Any

import pandas as pd
from starlette.requests import Request
from starlette.responses import Response

from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.serving import schemas
from finq_predictor.serving.access.callers import Caller, Role
from finq_predictor.serving.access.guarding import caller, permit
from finq_predictor.serving.access.seeing import view_of
from finq_predictor.serving.answers import Served
from finq_predictor.serving.html import for_people, frame, query, shown, template
from finq_predictor.serving.middleware import note
from finq_predictor.serving.model_cards import card_of
from finq_predictor.serving.operation import Operation
from finq_predictor.serving.parts import parts_of, recording_of
from finq_predictor.serving.routes.looking_back import cards_of
from finq_predictor.serving.runtime import Runtime, runtime
from finq_predictor.serving.view import View

FIGURES = {
    "hit_rate": ("Right", "percent"),
    "rank_ic": ("Rank correlation with what followed", "number"),
    "rank_ic_t": ("The same over its error", "number"),
    "brier": ("Brier score, lower is better", "number"),
    "ece": ("Calibration error, lower is better", "number"),
    "auc": ("AUC, 0.5 is a coin", "number"),
    "precision": ("Right where it said yes", "percent"),
    "calibration_slope": ("Calibration slope, 1 is calibrated", "number"),
    "coverage": ("Prediction sets that held the outcome", "percent"),
    "paper_net_bp": ("On paper after costs, basis points a day", "number"),
}
"""The figures of a score-card in words, and how they are written."""


@for_people
async def model(request: Request) -> Response:
    """GET /model: the card of the model that answers a market."""
    api, asking, market, view = runtime(request), caller(request), query(request, "market"), view_of(request)
    served = view.only() if market is None else view.get(market)
    permit(request, served)
    note(request, served)
    with api.gate.entered():
        text = await api.gate.run(_model, api, served, asking, frame(request))
    return shown(text)


def _model(api: Runtime, served: Served, asking: Caller, around: dict[str, Any]) -> str:
    card = card_of(api.settings.data_root, served, api.clock())
    problem = api.store.reasons.told(card["judged"].problem)
    if not asking.sees_all:
        # A later decision is about another model.
        card["judged"] = card["judged"]._replace(last=None)
    mine = [one for one in cards_of(api, asking, served.market.name)["cards"] if _is_of(one, served)]
    page: str = template("model.html").render(
        **around, **card, market=served.market, figures=FIGURES, problem=problem, realised=_slope_of(mine)
    )
    return page


def _is_of(card: dict[str, Any], served: Served) -> bool:
    return (card["model"], card["version"]) == (served.model["name"], served.model["version"])


def _slope_of(cards: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The calibration slope of what was said and came true or not; None where too little has."""
    found = [figure for card in cards for figure in card["figures"] if figure["name"] == "calibration_slope"]
    return next((figure for figure in found if figure["value"] is not None), None)


@for_people
async def scores(request: Request) -> Response:
    """GET /scores: the score-cards as the keeper found them last."""
    api = runtime(request)
    with api.gate.entered():
        text = await api.gate.run(_scores, api, caller(request), frame(request))
    return shown(text)


def _scores(api: Runtime, asking: Caller, around: dict[str, Any]) -> str:
    told = cards_of(api, asking)
    names = {name: market.short_name for name, market in MARKETS.items()}
    page: str = template("scores.html").render(**around, **told, figures=FIGURES, names=names, beside=beside)
    return page


def beside(figure: dict[str, Any]) -> str:
    """Where a figure stands beside what was promised, in words; the interval says what luck explains."""
    promised, low, high = figure["promised"], figure["low"], figure["high"]
    if promised is None or figure["value"] is None:
        return "–"
    if low is None or high is None:
        return "no interval"
    if low <= promised <= high:
        return "as promised"
    return "above the promise" if low > promised else "below the promise"


@for_people
async def status(request: Request) -> Response:
    """GET /status: what /health says and more, as a page; 200 whatever it says."""
    api, asking = runtime(request), caller(request)
    around = frame(request)
    with api.gate.entered():
        text = await api.gate.run(_status, api, view_of(request), asking, around)
    return shown(text)


def _status(api: Runtime, view: View, asking: Caller, around: dict[str, Any]) -> str:
    states = around["state"]["markets"]
    page: str = template("status.html").render(
        **around,
        markets=[_market(name, state, view.markets.get(name), api.clock()) for name, state in states.items()],
        recording=recording_of(api),
        parts=parts_of(api),
        # The reason may name what only those who run it need to know.
        runs_it=asking.role.covers(Role.OPERATOR),
        told=api.store.reasons.told,
        looked_s=api.store.age,
    )
    return page


def _market(name: str, state: dict[str, Any], served: Served | None, clock: pd.Timestamp) -> dict[str, Any]:
    if served is None:
        return {"name": name, "market": MARKETS[name], **state, "age_hours": None, "stale": None}
    age = (served.now(clock) - served.predictor.newest) / pd.Timedelta(hours=1)
    told = {**state, "model": served.model, "simulated": served.simulated, "stale": served.stale(clock)}
    return {"name": name, "market": served.market, **told, "age_hours": age}


OPERATIONS = (
    Operation(
        "get",
        "/model",
        model,
        "The card of the model that answers a market, as a page.",
        "text/html",
        query=(("market", f"{schemas.MARKET_NAMES}; may be left out when only one is served."),),
        plain=True,
        role=Role.VIEWER,
    ),
    Operation("get", "/scores", scores, "The score-cards as a page.", "text/html", plain=True, role=Role.VIEWER),
    Operation(
        "get",
        "/status",
        status,
        "How the service and its parts are, as a page.",
        "text/html",
        plain=True,
        role=Role.VIEWER,
    ),
)
