"""GET /instrument: what is answered about one instrument, why, and what became of what was said before."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd
from starlette.requests import Request
from starlette.responses import Response

from finq_predictor.domain.errors import PredictionRefusedError
from finq_predictor.serving import schemas
from finq_predictor.serving.access.callers import Role
from finq_predictor.serving.access.guarding import caller, permit
from finq_predictor.serving.access.seeing import view_of
from finq_predictor.serving.answers import Answer, Served
from finq_predictor.serving.caveats import OVERRIDDEN, PROVISIONAL, SIMULATED, STALE
from finq_predictor.serving.chart import HEIGHT, WIDTH, Became, became, chart_of
from finq_predictor.serving.errors import InvalidRequestError
from finq_predictor.serving.html import for_people, frame, query, shown, template
from finq_predictor.serving.middleware import note
from finq_predictor.serving.operation import Operation
from finq_predictor.serving.resolution import Found
from finq_predictor.serving.routes.explaining import explanation_of
from finq_predictor.serving.routes.looking_back import bars_asked, past_of
from finq_predictor.serving.runtime import runtime
from finq_predictor.serving.single import SingleRequest, features_of

_TOP = 10
FLAGS = {
    SIMULATED: "Bars and model come from the market simulator; these are not real prices.",
    PROVISIONAL: "The model has not passed every check of the promotion gate.",
    STALE: "The newest bar is too old to act upon.",
    OVERRIDDEN: "A client gave features of its own.",
    "no_bar": "The instrument has no bar where the market has its newest.",
    "not_a_member": "The instrument was not in the index, by what was known then.",
    "unknown_news": "It is not known what was written up to this bar, which the model reads.",
    "missing_features": "Too many of the features are not known at this bar.",
    "no_probability": "The model gives no probability for these features.",
    "low_confidence": "The confidence is below the minimum that is set.",
    "masked_hour": "Prices of this hour are not traded on.",
    "model_too_old": "The model has been trained too long ago.",
    "out_of_range": "Rarely were so many features outside of the range of the training.",
    "unlike_training": "Taken together, the features are rarely so far from those of the training.",
    "undecided": "The prediction set does not hold exactly one answer.",
}
"""What each flag means, for people."""


@for_people
async def instrument(request: Request) -> Response:
    """GET /instrument: worked on inside the gate; bars that are remembered cost little."""
    api = runtime(request)
    given, market, limit = (query(request, name) for name in ("name", "market", "limit"))
    given = given or query(request, "instrument")
    if given is None:
        raise InvalidRequestError("Which instrument? Choose one from the ranking.")
    number = bars_asked(limit)
    with api.gate.entered():
        served, name = await api.gate.run(view_of(request).find, given, market)
        permit(request, served)
        note(request, served)
        newest = served.predictor.newest
        answer = (await api.answers(served, newest, (name,)))[name]
        answer = served.timed(answer, api.clock(), current=True)
        past = await past_of(api, caller(request), served, name, number)
        text = await api.gate.run(_page, Found(served, name, newest), answer, past, frame(request))
    return shown(text)


def _page(found: Found, answer: Answer, past: dict[str, Any], around: dict[str, Any]) -> str:
    bars = [{**bar, "became": became(bar)} for bar in past["bars"]]
    page: str = template("instrument.html").render(
        **around,
        one=answer,
        market=found.served.market,
        newest=found.ts,
        held=_set_in_words(answer, found.served),
        flags=[(flag, FLAGS.get(flag, "")) for flag in answer["flags"]],
        bars=bars,
        told=Counter((bar["source"], bar["became"].value) for bar in bars),
        store=past["store"],
        chart=chart_of(bars[::-1]),
        size=(WIDTH, HEIGHT),
        kinds=[kind for kind in Became if kind is not Became.NONE],
        explained=_explained(found),
        value_of=_value,
    )
    return page


def _explained(found: Found) -> Answer | None:
    """What each feature adds; None where the instrument has no features at the bar."""
    try:
        row = features_of(SingleRequest(instrument=found.instrument), found)
    except PredictionRefusedError:
        return None
    explained = explanation_of(found.served, row, _TOP)
    most = max((abs(part["contribution"]) for part in explained["contributions"]), default=0.0)
    return {**explained, "most": most or 1.0}


def _set_in_words(answer: Answer, served: Served) -> str:
    held = answer["prediction_set"]
    if held is None:
        return "nothing is known"
    words = [served.market.direction(one == "yes") for one in held]
    return {0: "empty: neither answer fits", 1: f"only {words[0] if words else ''}"}.get(
        len(words), f"{' or '.join(words)}: it cannot tell"
    )


def _value(value: float | None) -> str:
    return "missing" if value is None or pd.isna(value) else f"{value:,.4g}".replace("-", "−")


OPERATIONS = (
    Operation(
        "get",
        "/instrument",
        instrument,
        "One instrument as a page: what is answered, why, and what became of it.",
        "text/html",
        query=(
            ("name", "A stock symbol or an FX pair; `instrument`, as /history has it, will do."),
            ("market", f"{schemas.MARKET_NAMES}; found from the instrument when left out."),
            ("limit", "As in /history."),
        ),
        plain=True,
        role=Role.VIEWER,
    ),
)
