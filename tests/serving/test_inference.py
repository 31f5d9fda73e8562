from __future__ import annotations

import asyncio

import pytest

from finq_predictor.domain.modelling.models import MODELS, Model
from finq_predictor.domain.modelling.prediction import Predictor
from finq_predictor.serving import inference
from finq_predictor.serving.inference import Models, Remote, describe_device
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


class Anywhere(Model):
    """A model whose library knows CUDA."""

    name, kind = "anywhere", "candidate"
    _fit = _score = _learned = _restore = None

    @classmethod
    def devices(cls):
        return ("cpu", "cuda")


@pytest.mark.parametrize(("answers", "device", "reason"), [(True, "cuda", "answers"), (False, "cpu", "no CUDA device")])
def test_the_device_is_what_a_model_and_the_machine_can(monkeypatch, answers, device, reason):
    monkeypatch.setattr(inference, "_cuda_works", lambda: answers)
    with MODELS.trial():
        MODELS.add("anywhere", Anywhere)
        assert describe_device("auto")["device"] == device
        assert reason in describe_device("cuda")["reason"]
        assert describe_device("cpu") == {"device": "cpu", "reason": "FINQ_DEVICE asks for it"}


def test_without_a_model_that_knows_cuda_the_cpu_it_is(monkeypatch):
    monkeypatch.setattr(inference, "_cuda_works", lambda: True)
    with MODELS.trial():
        for name in list(MODELS):
            if "cuda" in MODELS[name].devices():
                MODELS.remove(name)
        assert describe_device("auto") == {"device": "cpu", "reason": "no library of a model is built with CUDA"}


def test_loaded_models_are_moved_to_the_device(two_markets, monkeypatch):
    moved = []
    for name in ("logistic", "xgboost"):
        monkeypatch.setattr(MODELS[name], "to_device", lambda self, device: moved.append((self.name, device)))
    Models(Settings(data_root=two_markets), "cuda").refresh()
    assert sorted(moved) == [("logistic", "cuda"), ("xgboost", "cuda")]
