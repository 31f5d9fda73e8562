"""What the routes work with."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd
from starlette.requests import Request

from finq_predictor.serving.access.access import Access
from finq_predictor.serving.access.issuer import issuer_of
from finq_predictor.serving.access.signing_in import SigningIn
from finq_predictor.serving.answers import REMEMBERED, Answer, Served
from finq_predictor.serving.gate import Gate
from finq_predictor.serving.inference import InProcess, Remote, RemoteModel, Scoring
from finq_predictor.serving.limits_of_callers import Places, Rates
from finq_predictor.serving.metrics import Mark, Metrics
from finq_predictor.serving.past import Past
from finq_predictor.serving.recording import Recording
from finq_predictor.serving.settings import InferenceMode, Settings
from finq_predictor.serving.store import Store
from finq_predictor.serving.tracing import Tracing, tracing_of


@dataclass
class Runtime:
    """What the routes work with.

    Attributes:
        settings: The settings.
        store: The markets that are served.
        metrics: Where to count.
        remote: The inference service, where there is one.
        now: Tells the moment in seconds since 1970.
        gate: Where whatever takes long is worked on.
        access: Who may ask.
        rates: How often.
        places: How much at a time.
        signing_in: Where tokens are handed out.
        recording: Where answers are recorded.
        past: Where they are looked up.
        tracing: What makes spans of requests; None where nobody collects any.
    """

    settings: Settings
    store: Store
    metrics: Metrics
    remote: RemoteModel | None = None
    now: Callable[[], float] = time.time
    gate: Gate = field(init=False)
    access: Access = field(init=False)
    rates: Rates = field(init=False)
    places: Places = field(init=False)
    signing_in: SigningIn = field(init=False)
    recording: Recording = field(init=False)
    past: Past = field(init=False)
    tracing: Tracing | None = field(init=False)

    def __post_init__(self) -> None:
        settings = self.settings
        self.gate = Gate(settings.work_threads, settings.work_waiting, settings.work_wait_seconds)
        self.access = Access(
            settings.auth,
            settings.state,
            settings.poll_seconds,
            frozenset(map(str.encode, settings.cors_origins)),
            issuer_of(settings),
        )
        self.places = Places(settings.caller_concurrency)
        self.rates = Rates(settings.caller_rate, settings.total_rate)
        self.signing_in = SigningIn(self.access, settings)
        self.recording = Recording(settings, self.metrics.registry)
        self.past = Past(settings.state)
        self.tracing = tracing_of()

    def clock(self) -> pd.Timestamp:
        """The moment, UTC."""
        return pd.Timestamp(self.now(), unit="s", tz="UTC")

    @property
    def hops(self) -> bool:
        """Whether probabilities come from the inference service."""
        return self.settings.inference == InferenceMode.SERVICE and self.remote is not None

    @cached_property
    def scoring(self) -> Scoring:
        """Where probabilities are computed."""
        if self.hops and self.remote is not None:
            return Remote(self.remote, self.metrics, self.settings.inference_timeout_seconds)
        return InProcess()

    async def answers(self, served: Served, ts: pd.Timestamp, names: Iterable[str] | None) -> dict[str, Answer]:
        """Answers at a bar; what is not remembered is computed inside the gate."""
        if self.hops:
            if not served.prepared(ts):
                await self.gate.run(served.features_at, ts)
        elif served.remembered(ts) is None:
            await self.gate.run(served.answers, ts)
        else:
            self.remembered(served)
        return await self.scoring.answers(served, ts, names)

    def dependencies(self) -> dict[str, str | None]:
        """What the service leans on, and what is wrong with it, as everybody may know it; None where nothing is."""
        shared = self.store.shared
        return {
            "accounts": "The accounts cannot be read; the log says why." if self.access.trouble else None,
            "answers_in_redis": None if shared is None else shared.problem,
            "features_at_hand": None if self.store.shelf is None else self.store.shelf.problem,
            "limits_in_redis": self.rates.problem,
            "recording": self.recording.problem,
            "store": self.past.problem,
        }

    def observe(self) -> None:
        """Note the state of this process in the metrics."""
        self.metrics.observe(self.store.served, self.store.standing()[0], self.store.age)

    def count(self, answers: Collection[Answer]) -> None:
        """Count predictions by market and decision."""
        for labels, number in Counter((answer["market"], answer["decision"]) for answer in answers).items():
            self.metrics.predictions.labels(*labels).inc(number)
        for answer in answers:
            self.metrics.answered(Mark(answer["market"], answer["model"]["name"], answer["confidence"]))

    def remembered(self, served: Served) -> None:
        """Count that the answers of a bar were looked for and remembered."""
        self.metrics.lookups.labels(served.market.name, REMEMBERED).inc()


def runtime(request: Request) -> Runtime:
    """The runtime of the application a request came to."""
    found: Runtime = request.app.state.runtime
    return found
