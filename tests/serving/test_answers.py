"""Answers tell how old their bar is, against the clock, and nobody acts upon stale data."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.modelling.prediction import Predictor
from finq_predictor.serving.answers import Served
from finq_predictor.serving.settings import Settings
from finq_predictor.serving.store import load_market
from serving.conftest import started


@pytest.fixture(scope="module")
def simulated(two_markets) -> Served:
    return load_market(Settings(data_root=two_markets), MARKETS["fx"])


@pytest.fixture(scope="module")
def real(simulated) -> Served:
    """The same market as if its data were real."""
    bundle = simulated.predictor.bundle
    bundle = replace(bundle, origin=replace(bundle.origin, simulated=False))
    return Served(simulated.market, Predictor(bundle, simulated.predictor.panel))


def test_an_answer_names_the_preset_of_a_simulated_market(simulated, real):
    origin = replace(simulated.predictor.bundle.origin, source_id="simulated-easy-0a1b2c3d4e5f")
    bundle = replace(simulated.predictor.bundle, origin=origin)
    easy = Served(simulated.market, Predictor(bundle, simulated.predictor.panel))
    assert answer_of(easy, easy.predictor.newest)["preset"] == "easy"
    assert answer_of(real, real.predictor.newest)["preset"] is None


def answer_of(served: Served, clock: pd.Timestamp, *, current: bool = True) -> dict:
    return served.timed(served.answers(served.predictor.newest)["EUR_USD"], clock, current=current)


def test_age_is_counted_to_now(real, simulated):
    clock = real.predictor.newest + pd.Timedelta(minutes=90)
    assert answer_of(real, clock)["feature_age_hours"] == 1.5
    assert answer_of(simulated, clock)["feature_age_hours"] == 0.0, "the clock of a made-up market is its own"


@pytest.mark.parametrize(
    ("hours", "decision"), [(0, "predict"), (2, "predict"), (2.1, "abstain"), (24 * 365, "abstain")]
)
def test_nothing_to_act_upon_from_stale_data(real, hours, decision):
    clock = real.predictor.newest + pd.Timedelta(hours=hours)
    answer = answer_of(real, clock)
    assert answer["decision"] == decision
    assert answer["probability"] is not None
    if decision == "abstain":
        assert answer["reason"].startswith(f"stale: the newest bar closed at {real.predictor.newest.isoformat()}")
        assert answer["reason"].endswith("at most 2")
    # Who asks for a date is answered as of that date.
    assert answer_of(real, clock, current=False)["decision"] == "predict"


def test_the_limit_can_be_set_and_a_made_up_market_is_never_stale(real, simulated):
    clock = real.predictor.newest + pd.Timedelta(hours=30)
    assert answer_of(replace(real, fresh_hours=100.0), clock)["decision"] == "predict"
    assert answer_of(simulated, clock)["decision"] == "predict"


def test_the_api_looks_at_the_clock(two_markets, real):
    with started(Settings(data_root=two_markets)) as client:
        runtime = client.app.state.runtime
        runtime.now = lambda: (real.predictor.newest + pd.Timedelta(days=3)).timestamp()
        runtime.store._markets["fx"].value = real
        runtime.store._put("fx", real)
        answers = [
            client.post("/predict", {"instrument": "EUR_USD"}).json(),
            client.post("/batch_predict", {"instruments": ["EUR_USD"]}).json()["predictions"][0],
            client.get("/ranking", params={"market": "fx"}).json()["ranking"][0],
        ]
        assert {answer["decision"] for answer in answers} == {"abstain"}
        assert all(answer["reason"].startswith("stale") for answer in answers)
        assert {answer["feature_age_hours"] for answer in answers} == {72.0}
        dated = {"instrument": "EUR_USD", "prediction_date": real.predictor.newest.isoformat()}
        assert client.post("/predict", dated).json()["decision"] == "predict"
