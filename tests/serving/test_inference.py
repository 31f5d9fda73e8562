from __future__ import annotations

import asyncio

import pytest

from finq_predictor.domain.modelling.models import MODELS, Model
from finq_predictor.domain.modelling.prediction import Predictor
from finq_predictor.serving import inference
from finq_predictor.serving.inference import Models, Remote, describe_device, identity
from finq_predictor.serving.metrics import Metrics
from finq_predictor.serving.settings import Settings
from serving.conftest import started


class Near:
    """The inference service's model, one await away instead of one process."""

    def __init__(self, models: Models, seconds: float = 0.0) -> None:
        self.models, self.seconds = models, seconds

    async def score(self, questions):
        await asyncio.sleep(self.seconds)
        return self.models.score(questions)


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
    assert set(answers) >= set(names or ())
    assert answers == served.answers(ts)
    assert _fallbacks(metrics) == 0


def test_a_bar_is_scored_once_however_many_ask_and_again_after_a_failure(served, two_markets):
    models, metrics = Models(Settings(data_root=two_markets)), Metrics()
    near, asked, broken = Near(models), [], [True]

    class Counted:
        async def score(self, questions):
            asked.append(len(questions[0]["rows"]))
            if broken.pop() if broken else False:
                raise ConnectionError("away")
            return await near.score(questions)

    async def play():
        remote = Remote(Counted(), metrics, 5.0)
        newest, before = served.predictor.panel.ts[-1], served.predictor.panel.ts[-2]
        first = await remote.answers(served, newest)
        together = await asyncio.gather(*(remote.answers(served, newest) for _ in range(8)))
        # One that leaves takes nothing from those who wait.
        left = asyncio.create_task(remote.answers(served, before))
        stays = asyncio.create_task(remote.answers(served, before))
        await asyncio.sleep(0)
        left.cancel()
        return [first, *together], await stays, before

    said, stays, before = asyncio.run(play())
    assert all(one == served.answers(served.predictor.newest) for one in said)
    assert stays == served.answers(before)
    assert _fallbacks(metrics) == 1
    assert len(asked) == 3


def test_the_impatience_of_one_takes_nothing_from_those_who_came_later(served, two_markets):
    near, metrics, over = Near(Models(Settings(data_root=two_markets))), Metrics(), asyncio.Event()

    class Slow:
        async def score(self, questions):
            await over.wait()
            return await near.score(questions)

    async def play():
        remote = Remote(Slow(), metrics, 0.05)
        early = asyncio.create_task(remote.answers(served, served.predictor.newest))
        await asyncio.sleep(0)
        remote._timeout = 60.0
        late = asyncio.create_task(remote.answers(served, served.predictor.newest))
        said = await early
        over.set()
        return said, await late

    early, late = asyncio.run(play())
    assert early == late == served.answers(served.predictor.newest)
    assert _fallbacks(metrics) == 1


@pytest.mark.parametrize("trouble", ["slow", "other model"])
def test_trouble_with_the_service_is_answered_in_process_and_counted(served, two_markets, tmp_path, trouble):
    metrics = Metrics()
    slow = trouble == "slow"
    models = Models(Settings(data_root=two_markets if slow else tmp_path))
    remote = Remote(Near(models, 5.0 if slow else 0.0), metrics, 0.05)
    ts = served.predictor.newest
    assert asyncio.run(remote.answers(served, ts, ("AAPL",)))["AAPL"] == served.answers(ts)["AAPL"]
    assert _fallbacks(metrics) == 1


def test_questions_of_several_requests_are_answered_together_and_what_is_wrong_with_one_holds_up_no_other(
    two_markets, served, monkeypatch
):
    models = Models(Settings(data_root=two_markets))
    models.refresh()
    bundle = served.predictor.bundle
    ours, width = identity(bundle), len(bundle.feature_set.names)
    rows = [[0.1 * number] * width for number in range(4)]
    asked = [
        {"market": "equity", "model": ours, "rows": rows[:1]},
        {"market": "equity", "model": {**ours, "version": "9"}, "rows": rows[:1]},
        {"market": "equity", "model": ours, "rows": []},
        {"market": "gold", "model": ours, "rows": rows[:1]},
        {"market": "equity", "model": ours, "rows": [[None] * width, *rows[1:]]},
    ]
    alone = [models.score([one])[0] for one in asked]
    calls = []
    scored = models._scored
    monkeypatch.setattr(models, "_scored", lambda bundle, rows: calls.append(len(rows)) or scored(bundle, rows))
    assert models.score(asked) == alone
    assert calls == [5], "rows for one model go through it at once"
    assert [said["problem"] is None for said in alone] == [True, False, True, False, True]
    assert [len(said["scored"] or ()) for said in alone] == [1, 0, 0, 0, 4]
    assert "the inference service holds" in alone[1]["problem"]
    broken = [*asked, {"market": "equity", "model": ours, "rows": [["high"] * width]}, asked[0]]
    answers = models.score(broken)
    assert answers[:5] == alone
    assert answers[6] == alone[0]
    assert "could not convert string" in answers[5]["problem"]


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
