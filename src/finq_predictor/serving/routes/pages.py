"""The ranking of today as a page at `/`, and the document of the API as JSON and as a page."""

from __future__ import annotations

from functools import cache
from typing import Any

import pandas as pd
from starlette.requests import Request
from starlette.responses import Response

from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.modelling.decisions import Action
from finq_predictor.serving.access.callers import Role
from finq_predictor.serving.access.seeing import view_of
from finq_predictor.serving.answers import Answer, Served
from finq_predictor.serving.chart import reach_of
from finq_predictor.serving.html import for_people, frame, installed, shown, template
from finq_predictor.serving.middleware import JsonResponse, note
from finq_predictor.serving.openapi import document
from finq_predictor.serving.operation import Operation
from finq_predictor.serving.routes.listing import rank
from finq_predictor.serving.runtime import runtime

_ENDS = 10


@for_people
async def index(request: Request) -> Response:
    """GET /: the ranking of every market at its newest bar, readable without scripts."""
    api, found = runtime(request), view_of(request)
    around = frame(request)
    states = around["state"]["markets"]
    with api.gate.entered():
        ranked = []
        for served in found.served:
            note(request, served)
            timed, answers = served.timer(api.clock()), await api.answers(served, served.predictor.newest, None)
            ranked.append((served, {name: timed(one, True) for name, one in answers.items()}))
        text = await api.gate.run(_page, ranked, states, around)
    return shown(text, 200 if api.store.served else 503)


def _page(answered: list[tuple[Served, dict[str, Answer]]], states: dict[str, Any], around: dict[str, Any]) -> str:
    newest = [(one, one.predictor.newest, found) for one, found in answered]
    sections = [
        _section(one, ts, rank(one.members(ts, found)), states.get(one.market.name, {})) for one, ts, found in newest
    ]
    there = {section["market"] for section in sections}
    missing = {MARKETS[name].short_name: state for name, state in states.items() if name not in there}
    page: str = template("index.html").render(**around, sections=sections, missing=missing)
    return page


def _section(served: Served, ts: pd.Timestamp, ranked: list[Answer], state: dict[str, Any]) -> dict[str, Any]:
    scored = [one for one in ranked if one["probability"] is not None]
    short = len(scored) <= 2 * _ENDS
    bundle = served.predictor.bundle
    market = served.market
    return {
        "market": market.name,
        "name": market.short_name,
        "question": market.ask("each instrument", bundle.horizon),
        "reach": reach_of([one["probability"] for one in scored]),
        "yes": market.direction(True),
        "tops": [(f"All {market.instruments.plural}", scored)]
        if short
        else [
            (f"Most likely to {market.verb}", scored[:_ENDS]),
            (f"Least likely to {market.verb}", scored[: -_ENDS - 1 : -1]),
        ],
        "ranked": [] if short else ranked,
        "unscored": [one for one in ranked if one["probability"] is None],
        "abstaining": sum(one["decision"] == Action.ABSTAIN for one in ranked),
        "count": len(ranked),
        "model": served.model,
        "simulated": served.simulated,
        "preset": served.preset,
        "bar": ts,
        "state": state,
    }


async def openapi(request: Request) -> Response:
    """GET /openapi.json."""
    return JsonResponse(document(request.app.state.operations, installed()))


async def docs(request: Request) -> Response:
    """GET /docs: the OpenAPI document as one page that needs nothing from elsewhere."""
    return shown(await runtime(request).gate.run(_docs, request.app.state.operations), scripts=False)


@cache
def _docs(operations: tuple[Operation, ...]) -> str:
    page: str = template("docs.html").render(document=document(operations, installed()), here="/docs")
    return page


OPERATIONS = (
    Operation("get", "/openapi.json", openapi, "This document.", "application/json", plain=True, role=None),
    Operation("get", "/docs", docs, "This document as a page.", "text/html", plain=True, role=None),
    Operation("get", "/", index, "Today's ranking as a page.", "text/html", plain=True, role=Role.VIEWER),
)
