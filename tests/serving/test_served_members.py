"""Who is no member of the index is told so, and is in no ranking."""

from __future__ import annotations

import pandas as pd
import pytest

from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.modelling.prediction import Predictor
from finq_predictor.domain.panel import build_panel
from finq_predictor.domain.tables import SILVER_MEMBERSHIP
from finq_predictor.serving.answers import Served
from finq_predictor.serving.routes.listing import rank
from serving.small_market import LEAVER, STOCKS, silver, train

EQUITY = MARKETS["equity"]
OUT = "MSFT"


@pytest.fixture(scope="module")
def served() -> Served:
    """Everybody is a member from the first bar on, but for one who left before the newest."""
    tables = silver(EQUITY, 330, 7)
    bars = tables["bars"]
    begin, left = bars["ts"].min(), bars["ts"].max() - pd.Timedelta(hours=30)
    rows = pd.DataFrame({"instrument": sorted(STOCKS), "since": begin, "until": pd.NaT, "known_at": begin})
    rows["until"] = pd.to_datetime(rows["until"], utc=True)
    gone = rows[rows["instrument"] == OUT].assign(until=left, known_at=left)
    membership = SILVER_MEMBERSHIP.typed(pd.concat([rows, gone], ignore_index=True))
    panel = build_panel(bars, EQUITY, benchmark=tables["benchmark"], membership=membership)
    return Served(EQUITY, Predictor(train(EQUITY, panel), panel))


def test_who_is_no_member_is_told_why_and_ranked_nowhere(served):
    newest = served.predictor.newest
    answers = served.answers(newest)
    assert answers[OUT]["reason"].startswith(f"not a member: {OUT} was not in the index at {newest.isoformat()}")
    assert (answers[OUT]["decision"], answers[OUT]["probability"]) == ("abstain", None)
    assert answers[LEAVER]["reason"].startswith("stale: no bar at")
    ranked = [one["instrument"] for one in rank(served.members(newest, answers))]
    assert set(ranked) == set(STOCKS) - {OUT}


def test_who_was_a_member_then_is_answered_and_ranked(served):
    then = served.predictor.panel.ts[-3]
    answers = served.answers(then)
    assert answers[OUT]["probability"] is not None
    assert OUT in served.members(then, answers)


def test_without_an_index_everybody_is_ranked(served):
    panel = served.predictor.panel
    fields = {name: values for name, values in panel.fields.items() if name != "member"}
    everybody = Predictor(served.predictor.bundle, type(panel)(panel.market, panel.ts, panel.instruments, fields))
    assert everybody.members_at(everybody.newest) == set(STOCKS)
