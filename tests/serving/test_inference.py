from __future__ import annotations

import asyncio

import pytest

from finq_predictor.domain.modelling.prediction import Predictor
from finq_predictor.serving.inference import Models, Remote
from finq_predictor.serving.metrics import Metrics
from finq_predictor.serving.settings import Settings
from serving.conftest import started


class Near:
    """The inference service's model, one await away instead of one process."""

    def __init__(self, models: Models, seconds: float = 0.0) -> None:
        self.models, self.seconds = models, seconds

    async def score(self, market, model, rows):
        await asyncio.sleep(self.seconds)
        return self.models.score(market, model, rows)


@pytest.fixture
def served(two_markets):
    with started(Settings(data_root=two_markets)) as client:
        yield client.store.get("equity")


def _fallbacks(metrics):
    return metrics.registry.get_sample_value("finq_inference_fallbacks_total", {"market": "equity"}) or 0.0


@pytest.mark.parametrize("names", [None, ("AAPL",), ("AAPL", "ORCL"), ("ORCL",)])
def test_a_remote_answer_is_the_answer_of_the_process(served, two_markets, names):
    metrics = Metrics()
    remote = Remote(Near(Models(Settings(data_root=two_markets))), metrics, 5.0)
    ts = served.predictor.newest
    answers = asyncio.run(remote.answers(served, ts, names))
    assert set(answers) == set(names or served.predictor.panel.instruments)
    assert answers == {name: served.answers(ts)[name] for name in answers}
    assert _fallbacks(metrics) == 0


@pytest.mark.parametrize("trouble", ["slow", "other model"])
def test_trouble_with_the_service_is_answered_in_process_and_counted(served, two_markets, tmp_path, trouble):
    metrics = Metrics()
    slow = trouble == "slow"
    models = Models(Settings(data_root=two_markets if slow else tmp_path))
    remote = Remote(Near(models, 5.0 if slow else 0.0), metrics, 0.05)
    ts = served.predictor.newest
    assert asyncio.run(remote.answers(served, ts, ("AAPL",)))["AAPL"] == served.answers(ts)["AAPL"]
    assert _fallbacks(metrics) == 1


def test_predictor_is_shared_by_requests(served):
    assert isinstance(served.predictor, Predictor)
    assert served.remembered(served.predictor.newest) is served.answers(served.predictor.newest)
