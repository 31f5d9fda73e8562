"""The pages for people: today's ranking at `/` and the API's document at `/docs`."""

from __future__ import annotations

import re
from functools import cache
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from typing import Any

import pandas as pd
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.modelling.decisions import Action
from finq_predictor.serving.access.callers import Role
from finq_predictor.serving.access.guarding import caller
from finq_predictor.serving.answers import Answer, Served
from finq_predictor.serving.middleware import JsonResponse, note
from finq_predictor.serving.openapi import document
from finq_predictor.serving.operation import Operation
from finq_predictor.serving.routes.listing import rank
from finq_predictor.serving.runtime import runtime

_ENDS = 10
_POLICY = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}


@cache
def _templates() -> Any:
    from jinja2 import Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("finq_predictor.serving", "web"), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["percent"] = lambda value: "–" if value is None else f"{100 * value:.1f}%"
    environment.filters["ticks"] = _ticks
    return environment


def template(name: str) -> Any:
    """A template of a page."""
    return _templates().get_template(name)


def _ticks(text: str) -> Any:
    from markupsafe import Markup, escape

    return Markup(re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(text))))


async def index(request: Request) -> Response:
    """GET /: the ranking of every market at its newest bar, readable without scripts."""
    api = runtime(request)
    known = caller(request)
    every = api.store.view().served
    found = [one for one in every if known.sees(one.market.name, one.model["name"])]
    hidden = {one.market.name for one in every} - {one.market.name for one in found}
    ready, standing = api.store.standing()
    with api.gate.entered():
        ranked = []
        for served in found:
            note(request, served)
            ranked.append((served, await api.answers(served, served.predictor.newest, None)))
        page = await api.gate.run(_page, ranked, hidden, ready, standing)
    return HTMLResponse(page, 200 if every else 503, headers=_POLICY)


def _page(
    answered: list[tuple[Served, dict[str, Answer]]], hidden: set[str], ready: bool, standing: dict[str, Any]
) -> str:
    states = standing["markets"]
    newest = [(one, one.predictor.newest, found) for one, found in answered]
    sections = [_section(one, ts, rank(one.members(ts, found)), states[one.market.name]) for one, ts, found in newest]
    shown = {section["market"] for section in sections} | hidden
    missing = {MARKETS[name].short_name: state for name, state in states.items() if name not in shown}
    page: str = template("index.html").render(
        sections=sections, missing=missing, standing=standing, ready=ready, version=_version()
    )
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
        "reach": _reach(scored),
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
        "trained_to": bundle.origin.trained_to,
        "features": len(bundle.feature_set.names),
        "state": state,
    }


def _reach(scored: list[Answer]) -> float:
    """Half the width of the scale that all bars of a market fit into."""
    widest = max((abs(one["probability"] - 0.5) for one in scored), default=0.0)
    return next(reach for reach in (0.02, 0.05, 0.1, 0.2, 0.5) if widest <= reach)


async def openapi(request: Request) -> Response:
    """GET /openapi.json."""
    return JsonResponse(document(request.app.state.operations, _version()))


async def docs(request: Request) -> Response:
    """GET /docs: the OpenAPI document as one page that needs nothing from elsewhere."""
    return HTMLResponse(await runtime(request).gate.run(_docs, request.app.state.operations), headers=_POLICY)


@cache
def _docs(operations: tuple[Operation, ...]) -> str:
    version = _version()
    page: str = template("docs.html").render(document=document(operations, version), version=version)
    return page


@cache
def _version() -> str:
    try:
        return installed_version("finq-predictor")
    except PackageNotFoundError:
        return "from source"


OPERATIONS = (
    Operation("get", "/openapi.json", openapi, "This document.", "application/json", plain=True, role=None),
    Operation("get", "/docs", docs, "This document as a page.", "text/html", plain=True, role=None),
    Operation("get", "/", index, "Today's ranking as a page.", "text/html", plain=True, role=Role.VIEWER),
)
