"""GET /history and GET /score-card."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from starlette.requests import Request
from starlette.responses import Response

from finq_predictor.adapters.typed_json import plain
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.evaluation.sticky_arms import Arm
from finq_predictor.domain.panel import BENCHMARK_CLOSE, MEMBER, Panel
from finq_predictor.serving import schemas
from finq_predictor.serving.access.callers import Caller, Role
from finq_predictor.serving.access.guarding import caller, permit
from finq_predictor.serving.access.seeing import view_of
from finq_predictor.serving.answers import Answer, Served
from finq_predictor.serving.errors import InvalidRequestError
from finq_predictor.serving.middleware import JsonResponse, note, request_id
from finq_predictor.serving.operation import Operation
from finq_predictor.serving.routes.looking_back_schemas import HistoryAnswer, ScoreCardAnswer
from finq_predictor.serving.runtime import Runtime, runtime

if TYPE_CHECKING:
    from sqlalchemy import Engine

_LONGEST_NAME = 64
_USUAL, _MOST = 20, 60
_MOST_FEEDBACK = 10


async def history(request: Request) -> Response:
    """GET /history: what was served at the last bars, computed where nobody asked, the close and what followed."""
    api, view = runtime(request), view_of(request)
    given, market, limit = (_query(request, name) for name in ("instrument", "market", "limit"))
    if given is None:
        raise InvalidRequestError("Which instrument? Give one, such as /history?instrument=AAPL.")
    number = bars_asked(limit)
    with api.gate.entered():
        served, name = await api.gate.run(view.find, given, market)
        permit(request, served)
        note(request, served)
        told = await past_of(api, caller(request), served, name, number)
    return JsonResponse({**told, "request_id": request_id(request)})


async def past_of(api: Runtime, asking: Caller, served: Served, name: str, number: int) -> dict[str, Any]:
    """The last bars of an instrument as :class:`HistoryAnswer` has them; to be asked for inside the gate."""
    answers = {}
    for ts in served.predictor.panel.ts[-number:]:
        answers[ts] = (await api.answers(served, ts, (name,)))[name]
    return await api.gate.run(_history, api, asking, served, name, answers)


def _history(
    api: Runtime, asking: Caller, served: Served, name: str, answers: dict[pd.Timestamp, Answer]
) -> dict[str, Any]:
    bars = pd.DatetimeIndex(list(answers))
    panel = _of_one(served.predictor.panel, name, len(bars))
    known = _what_followed(served, panel, name, bars)
    said, heard, store = _said(api, served, name, bars[0])
    said = {ts: one for ts, one in said.items() if asking.sees(served.market.name, one.model)}
    close = panel.fields["close"][:, 0]
    listed = [
        {
            "ts": ts.isoformat(),
            "close": _number(close[place]),
            **_row(answers[ts], said.get(ts)),
            **known[ts],
            "feedback": heard.get(ts, [])[:_MOST_FEEDBACK],
        }
        for place, ts in enumerate(bars)
    ]
    shared = {"instrument": name, "market": served.market.name, "horizon_bars": served.predictor.bundle.horizon}
    return {**shared, "simulated": served.simulated, "store": store, "bars": listed[::-1]}


def _of_one(panel: Panel, name: str, bars: int) -> Panel:
    """The last bars of one instrument: labels look at nothing else."""
    column = panel.instruments.index(name)
    fields = {}
    for field in ("close", BENCHMARK_CLOSE, MEMBER):
        if (values := panel.fields.get(field)) is not None:
            fields[field] = values[-bars:] if values.shape[1] == 1 else values[-bars:, column : column + 1]
    return Panel(panel.market, panel.ts[-bars:], (name,), fields)


def _what_followed(served: Served, panel: Panel, name: str, bars: pd.DatetimeIndex) -> dict[pd.Timestamp, Any]:
    from finq_predictor.domain.evaluation.realised import outcomes_of

    keys = pd.DataFrame({TS: bars, INSTRUMENT: name, "horizon": served.predictor.bundle.horizon})
    rows = outcomes_of(panel, served.market, keys).itertuples()
    return {
        row.ts: {
            "forward_return": _number(row.forward_return),
            "outcome": None if np.isnan(row.label) else bool(row.label),
            "known_at": None if row.known_at is pd.NaT else row.known_at.isoformat(),
        }
        for row in rows
    }


def _said(
    api: Runtime, served: Served, name: str, since: pd.Timestamp
) -> tuple[dict[pd.Timestamp, Any], dict[pd.Timestamp, list[bool]], str]:
    """What was served of an instrument from a bar on, what clients said of it, and whether that could be looked up."""
    from finq_predictor.adapters.database.served_reading import feedback_of, statements

    market, moment = served.market.name, since.to_pydatetime()

    def looked_up(engine: Engine) -> tuple[pd.DataFrame, pd.DataFrame]:
        said = statements(engine, market, since=moment, instrument=name)
        return said, feedback_of(engine, market, name, moment)

    found, looked = api.past.ask(looked_up)
    if found is None:
        return {}, {}, looked
    said, heard = found
    mine = said[(said["horizon"] == served.predictor.bundle.horizon) & (said["arm"] == Arm.CHAMPION)]
    # Two versions may have spoken of a bar; what was said first was acted upon.
    first = mine.sort_values("served_at").drop_duplicates(TS)
    return {row.ts: row for row in first.itertuples()}, heard.groupby(TS)["outcome"].agg(list).to_dict(), looked


def _row(answer: Answer, said: Any) -> dict[str, Any]:
    if said is None:
        model = answer["model"]
        named = {"source": "computed", "model": model["name"], "version": model["version"]}
        return {"probability": answer["probability"], "decision": answer["decision"], **named}
    named = {"source": "served", "model": said.model, "version": said.version}
    return {"probability": _number(said.probability), "decision": said.decision, **named}


async def score_card(request: Request) -> Response:
    """GET /score-card: as the keeper found it last."""
    api = runtime(request)
    market, model = (_query(request, name) for name in ("market", "model"))
    if market is not None:
        view_of(request).get(market)
    with api.gate.entered():
        told = await api.gate.run(cards_of, api, caller(request), market, model)
    return JsonResponse({**told, "request_id": request_id(request)})


def cards_of(api: Runtime, asking: Caller, market: str | None = None, model: str | None = None) -> dict[str, Any]:
    """The score-cards that a caller may see, as :class:`ScoreCardAnswer` has them; reads the disk."""
    from finq_predictor.adapters.score_cards import read_score_cards

    found = read_score_cards(api.settings.state)
    cards = [] if found is None else plain(found)["cards"]
    asked = [one for one in cards if market in (None, one["market"]) and model in (None, one["model"])]
    chosen = [one for one in asked if asking.sees(one["market"], one["model"])]
    made = None if found is None else found.made_at
    return {"made_at": made, "cards": chosen}


def _query(request: Request, name: str) -> str | None:
    given = request.query_params.get(name)
    if given is not None and len(given) > _LONGEST_NAME:
        raise InvalidRequestError(f"{name}: longer than {_LONGEST_NAME} characters.")
    return given


def bars_asked(given: str | None) -> int:
    """How many bars a history shall have, as a client wrote it.

    Raises:
        InvalidRequestError: If it is no such number.
    """
    if given is None:
        return _USUAL
    if not given.isascii() or not given.isdigit() or not 0 < int(given[:9]) <= _MOST:
        raise InvalidRequestError(f"limit: {given[:20]!r} is not a whole number from 1 to {_MOST}.")
    return int(given[:9])


def _number(value: Any) -> float | None:
    return float(value) if value is not None and np.isfinite(value) else None


OPERATIONS = (
    Operation(
        "get",
        "/history",
        history,
        "The last bars of an instrument: what was said, the close, and what followed.",
        HistoryAnswer,
        query=(
            ("instrument", "A stock symbol or an FX pair."),
            ("market", f"{schemas.MARKET_NAMES}; found from the instrument when left out."),
            ("limit", f"How many bars, {_MOST} at most; {_USUAL} when left out."),
        ),
        errors=(404, 422, 503),
        role=Role.VIEWER,
    ),
    Operation(
        "get",
        "/score-card",
        score_card,
        "How right each served version of a model was, beside what was promised.",
        ScoreCardAnswer,
        query=(
            ("market", f"{schemas.MARKET_NAMES}; all when left out."),
            ("model", "Name of a model; all when left out."),
        ),
        errors=(404, 422, 503),
        role=Role.VIEWER,
    ),
)
