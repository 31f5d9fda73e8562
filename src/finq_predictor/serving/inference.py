"""Where the probabilities are computed: in this process, or in the inference service of its own.

Which one is a setting (`FINQ_INFERENCE`); why the default is in process is recorded in
docs/decisions/0005-in-process-inference.md.
"""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from itertools import chain, islice
from typing import Protocol, TypedDict

import numpy as np
import pandas as pd
from starlette.concurrency import run_in_threadpool

from finq_predictor.adapters.snapshots.store import SnapshotStore
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.errors import FinqError, StoreError
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.models import MODELS
from finq_predictor.domain.modelling.models.base import Device
from finq_predictor.domain.modelling.prediction import Predictor
from finq_predictor.serving.answers import Answer, Served
from finq_predictor.serving.metrics import Metrics
from finq_predictor.serving.settings import Settings
from finq_predictor.serving.tracing import part
from finq_predictor.serving.trial import load_tried
from finq_predictor.serving.watch import Watched

logger = logging.getLogger(__name__)
_MOST_BARS = 64


class Scoring(Protocol):
    """Anything that answers for instruments at a bar."""

    async def answers(self, served: Served, ts: pd.Timestamp, instruments: Iterable[str] | None) -> dict[str, Answer]:
        """Answers by instrument; of all instruments when None, else at least of those named."""
        ...


class InProcess:
    """Computes a bar once, in a thread, and remembers the answers of all its instruments."""

    async def answers(
        self,
        served: Served,
        ts: pd.Timestamp,
        instruments: Iterable[str] | None = None,  # noqa: ARG002 - all are answered at once
    ) -> dict[str, Answer]:
        """See :class:`Scoring`; the instruments cost nothing, so all are answered."""
        remembered = served.remembered(ts)
        return remembered if remembered is not None else await run_in_threadpool(served.answers, ts)


class Question(TypedDict):
    """What the inference service is asked by one request.

    Attributes:
        market: The market of the model.
        model: The :func:`identity` the caller holds.
        rows: Features in the order of the model's feature set; None is missing.
    """

    market: str
    model: dict[str, str]
    rows: list[list[float | None]]


class Scores(TypedDict):
    """What it says to that.

    Attributes:
        scored: Uncalibrated score and calibrated probability of each row; None where there is a problem.
        problem: Why it cannot say.
    """

    scored: list[list[float]] | None
    problem: str | None


class RemoteModel(Protocol):
    """The asynchronous face of the inference service."""

    async def score(self, questions: list[Question]) -> list[Scores]:
        """An answer to each question, see :meth:`Models.score`."""
        ...


class Remote:
    """Has the inference service score bars, each once, and remembers the answers of all its instruments.

    Whoever asks for a bar that is being scored waits for that. When it fails or takes too long, the request is answered
    in process and the fallback is counted; the next one asks the service again.

    Args:
        model: The inference service.
        metrics: Where fallbacks are counted.
        timeout: Longest wait in seconds.
    """

    def __init__(self, model: RemoteModel, metrics: Metrics, timeout: float) -> None:
        self._model = model
        self._metrics = metrics
        self._timeout = timeout
        self._here = InProcess()
        # The predictor is kept beside its bars, so that no other one takes its place in the memory, and in the keys.
        self._bars: OrderedDict[tuple[int, pd.Timestamp], tuple[Predictor, asyncio.Task[dict[str, Answer]]]]
        self._bars = OrderedDict()

    async def answers(
        self,
        served: Served,
        ts: pd.Timestamp,
        instruments: Iterable[str] | None = None,
    ) -> dict[str, Answer]:
        """See :class:`Scoring`; all are answered."""
        bar = id(served.predictor), ts
        if bar not in self._bars:
            task = asyncio.create_task(self._answers(served, ts))
            task.add_done_callback(_heard)
            self._bars[bar] = served.predictor, task
        self._bars.move_to_end(bar)
        while len(self._bars) > _MOST_BARS:
            self._bars.popitem(last=False)
        asked = self._bars[bar][1]
        try:
            # Whoever leaves while others wait does not take the answer with them.
            with part("model"):
                return await asyncio.wait_for(asyncio.shield(asked), self._timeout)
        except Exception as error:
            if self._bars.get(bar, (None, None))[1] is asked:
                # Others may still wait for it, and have their own patience.
                del self._bars[bar]
            logger.warning("The inference service did not answer, scoring in process: %s", str(error) or repr(error))
            self._metrics.fallbacks.labels(served.market.name).inc()
            return await self._here.answers(served, ts, instruments)

    async def _answers(self, served: Served, ts: pd.Timestamp) -> dict[str, Answer]:
        features = await run_in_threadpool(served.features_at, ts)
        scored = await self._score(served, features)
        return await run_in_threadpool(lambda: served.describe(served.predictor.decide(ts, features, scored)))

    async def _score(self, served: Served, features: pd.DataFrame) -> pd.DataFrame:
        names = list(served.predictor.bundle.feature_set.names)
        if features.empty:
            return pd.DataFrame({"score": [], "probability": []}, dtype=float)
        values = features[names].to_numpy(dtype=np.float64)
        rows: list[list[float | None]] = [
            [None if value != value else value for value in row] for row in values.tolist()
        ]
        bundle = served.predictor.bundle
        question = Question(market=served.market.name, model=identity(bundle), rows=rows)
        (said,) = await self._model.score(questions=[question])
        if said["scored"] is None:
            raise StoreError(str(said["problem"]))
        return pd.DataFrame(said["scored"], columns=["score", "probability"])


def _heard(task: asyncio.Task[dict[str, Answer]]) -> None:
    """Take note of a failure that nobody waits for any more, which Python would complain about."""
    if not task.cancelled():
        task.exception()


def identity(bundle: ModelBundle) -> dict[str, str]:
    """What both sides of the hop must agree upon."""
    return {
        "name": bundle.name,
        "version": bundle.version,
        "feature_set": bundle.feature_set.definitions_hash,
    }


class Models:
    """The promoted models by market, without bars: what the inference service holds.

    Args:
        settings: Where the exported models lie.
        device: Where they score; models that know no device stay where they are.
    """

    def __init__(self, settings: Settings, device: Device = Device.CPU) -> None:
        self.device = device
        self._models = {name: self._watch(settings, name) for name in settings.markets}

    def _watch(self, settings: Settings, market: str) -> Watched[ModelBundle]:
        store = SnapshotStore(settings.data_root, market)
        return Watched(f"model of {market}", [store.pointer], lambda: self._load(store, settings.trial_seconds))

    def _load(self, store: SnapshotStore, seconds: float) -> ModelBundle:
        bundle = load_tried(store.newest().path("champion"), seconds)
        bundle.model.to_device(self.device)
        return bundle

    def refresh(self) -> None:
        """Read new champions."""
        for watched in self._models.values():
            watched.refresh()

    def score(self, questions: list[Question]) -> list[Scores]:
        """Answer the questions of several requests; rows for the same model go through it together.

        Returns:
            An answer to each question, in their order. What is wrong with one does not hold up the others.
        """
        answers: list[Scores] = [Scores(scored=None, problem="nothing was asked") for _ in questions]
        alike: dict[tuple[str, ...], list[int]] = defaultdict(list)
        for place, one in enumerate(questions):
            alike[one["market"], *chain(*sorted(one["model"].items()))].append(place)
        for places in alike.values():
            for place, said in zip(places, self._together([questions[place] for place in places]), strict=True):
                answers[place] = said
        return answers

    def _together(self, questions: list[Question]) -> list[Scores]:
        """Answer questions to one model; one by one where they cannot be answered together."""
        try:
            bundle = self._held(questions[0]["market"], questions[0]["model"])
            rows = [row for one in questions for row in one["rows"]]
            scored = iter(self._scored(bundle, rows))
            return [Scores(scored=list(islice(scored, len(one["rows"]))), problem=None) for one in questions]
        except (FinqError, TypeError, ValueError) as error:
            if len(questions) > 1:
                return [said for one in questions for said in self._together([one])]
            return [Scores(scored=None, problem=str(error))]

    def _held(self, market: str, model: dict[str, str]) -> ModelBundle:
        watched = self._models.get(market)
        if watched is None:
            raise StoreError(f"The inference service does not hold a model of {market!r}.")
        if watched.value is None or identity(watched.value) != model:
            watched.refresh()
        bundle = watched.value
        if bundle is None or identity(bundle) != model:
            held = identity(bundle) if bundle is not None else watched.problem
            raise StoreError(f"The API asks for {model}, the inference service holds {held}.")
        return bundle

    def _scored(self, bundle: ModelBundle, rows: list[list[float | None]]) -> list[list[float]]:
        if not rows:
            return []
        frame = pd.DataFrame(np.array(rows, dtype=np.float64), columns=list(bundle.feature_set.names))
        frame.insert(0, INSTRUMENT, np.arange(len(frame)).astype(str))
        frame.insert(0, TS, pd.Timestamp(0, unit="us", tz="UTC"))
        scored = bundle.predict(frame)
        result: list[list[float]] = scored[["score", "probability"]].to_numpy(dtype=np.float64).tolist()
        return result


def describe_device(asked: str) -> dict[str, str]:
    """The device the models run on and why.

    Args:
        asked: ``auto``, or the name of a device.

    Returns:
        ``device``, the value of a :class:`Device`, and ``reason``.
    """
    device, reason = _choose_device(asked)
    return {"device": device.value, "reason": reason}


def _choose_device(asked: str) -> tuple[Device, str]:
    if asked == Device.CPU:
        return Device.CPU, "FINQ_DEVICE asks for it"
    if not any(Device.CUDA in model.devices() for model in MODELS.values()):
        return Device.CPU, "no library of a model is built with CUDA"
    if not _cuda_works():
        return Device.CPU, "no CUDA device answers"
    return Device.CUDA, "a CUDA device answers"


def _cuda_works() -> bool:
    import ctypes

    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    count = ctypes.c_int(0)
    return bool(driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0)
