"""The short way of a single prediction: from the bytes that came to the bytes that go, where everything is known.

It answers what nearly every request asks, `{"instrument": "AAPL"}` about the newest bar, and nothing else but a
`user_id`. Whatever
needs a second look (another field, another spelling, an error, a stale bar) goes the long way through the application,
which says the same: what both have in common is taken from :class:`~finq_predictor.serving.answers.Served`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import orjson

from finq_predictor.domain.evaluation.sticky_arms import Arm
from finq_predictor.domain.modelling.decisions import Action
from finq_predictor.serving.access.callers import ANYONE, Caller, Role
from finq_predictor.serving.answers import Served
from finq_predictor.serving.contest import Sides
from finq_predictor.serving.metrics import Mark
from finq_predictor.serving.rates import Taken
from finq_predictor.serving.recording import said_of
from finq_predictor.serving.runtime import Runtime

LONGEST_BODY = 256
_ANSWER = b'%b,"feature_age_hours":%b,"prediction_id":%b,"recorded":%b,"request_id":"%b"}'
_LONGEST_LABEL = 64
_NAMES = frozenset({"instrument", "ticker", "symbol"})


class Ready(NamedTuple):
    """An answer that only lacks what belongs to the request.

    Attributes:
        served: What gives it.
        head: The answer as JSON without its age, its request id and its last brace.
        bar: Close of its bar in seconds since 1970; None where it has none.
        acts: Whether it is one to act upon, which a stale bar would change.
        said: What is recorded of it, see :func:`~finq_predictor.serving.recording.said_of`.
        looks: Whether it, or what is recorded beside it, would change with a stale bar.
        mark: What is counted of it.
        beside: What is recorded of the models in its shadow.
        arm: Whose answer it is, where callers are divided; None where they are not.
        other: What the challenger answers, where callers are divided between it and the champion.
    """

    served: Served
    head: bytes
    bar: float | None
    acts: bool
    said: bytes
    looks: bool
    mark: Mark
    beside: tuple[bytes, ...] = ()
    arm: str | None = None
    other: Ready | None = None


class Given(NamedTuple):
    """An answer of the short way.

    Attributes:
        body: The answer.
        served: What gave it.
        taken: What is left to the caller; None where nothing is limited.
        arm: Whose answer it is, where callers are divided; None where they are not.
    """

    body: bytes
    served: Served
    taken: Taken | None
    arm: str | None


class ShortWay:
    """Answers single predictions from what is remembered of the newest bars.

    Args:
        api: What the routes work with.
    """

    def __init__(self, api: Runtime) -> None:
        self._api = api
        self._of: tuple[Served | None, ...] = ()
        self._ready: dict[str, Ready] = {}
        self._counters: dict[tuple[str, bool], Any] = {}

    def answer(
        self, body: bytes, request_id: str, caller: Caller = ANYONE, started: float | None = None
    ) -> Given | None:
        """The answer to a body; None where it has to go the long way.

        Args:
            body: What the client sent, all of it.
            request_id: As the answer shows it: letters that need no escape in JSON.
            caller: Who sent it.
            started: When the request came, by ``time.perf_counter``.

        Raises:
            TooManyError: If the caller asks too often.
            UnavailableError: If it must be recorded, and is not.
        """
        asked = _asked(body)
        if asked is None:
            return None
        name, label = asked
        api = self._api
        values = api.store.values
        if len(values) != len(self._of) or any(one is not other for one, other in zip(values, self._of, strict=True)):
            self._look(values)
        ready = self._ready.get(name)
        if ready is None:
            return None
        served = ready.served
        other = ready.other
        if other is not None and served.contest is not None:
            sides = served.contest.sides(caller.user or label, api.now(), caller.sees)
            if sides.arm is Arm.CHALLENGER:
                ready, served = other, other.served
        if not caller.role.covers(Role.PREDICTOR) or not caller.sees(served.market.name, served.model["name"]):
            return None
        now = served.second(api.now())
        if ready.looks and served.stale_at(now) is not None:
            return None
        taken = api.rates.take(caller.name)
        new, recorded = api.recording.one(request_id, caller.user or label, ready.said, ready.beside, started)
        self._count(served.market.name, ready.acts)
        api.metrics.answered(ready.mark)
        age = b"null" if ready.bar is None else repr((now - ready.bar) / 3600.0).encode()
        named = b"null" if new is None else b'"%b"' % new.encode()
        head = ready.head if label is None else b'%b,"user_id":%b' % (ready.head, orjson.dumps(label))
        told = (head, age, named, b"true" if recorded else b"false", request_id.encode())
        return Given(_ANSWER % told, served, taken, ready.arm)

    def _count(self, market: str, acts: bool) -> None:
        counter = self._counters.get((market, acts))
        if counter is None:
            decision = Action.PREDICT if acts else Action.ABSTAIN
            counter = self._counters[market, acts] = self._api.metrics.predictions.labels(market, decision.value)
        counter.inc()

    def _look(self, values: tuple[Served | None, ...]) -> None:
        """Write down the answers of all instruments of what is served by now, but for names of several markets."""
        self._of, self._ready = values, {}
        if self._api.hops:
            return
        twice: set[str] = set()
        for served in values:
            for name, ready in _written(served) if served is not None else ():
                twice |= {name} & self._ready.keys()
                self._ready[name] = ready
        for name in twice:
            del self._ready[name]


def _asked(body: bytes) -> tuple[str, str | None] | None:
    """The name that a body asks for, and the label of who asks, and nothing else; None where it holds anything else."""
    if len(body) > LONGEST_BODY:
        return None
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if type(content) is not dict or not 1 <= len(content) <= 2:
        return None
    label = None
    if len(content) == 2:
        label = content.pop("user_id", None)
        if type(label) is not str or not 0 < len(label) <= _LONGEST_LABEL or label != label.strip():
            return None
    if len(content) != 1:
        return None
    ((field, name),) = content.items()
    return (name, label) if field in _NAMES and type(name) is str else None


def _written(served: Served) -> Iterable[tuple[str, Ready]]:
    champion, *others = (Sides(served),) if served.contest is None else served.contest.all_sides
    for name in served.remembered(served.predictor.newest) or {}:
        ready = _ready(champion, served, name)
        yield name, ready._replace(other=next((_ready(one, one.answering, name) for one in others), None))


def _ready(sides: Sides, served: Served, name: str) -> Ready:
    newest = served.predictor.newest
    # Whatever is tried has answered the newest bar before it was shown.
    models = (sides.answering, *sides.shadows)
    answer, *beside = [(one.remembered(newest) or {})[name] for one in models]
    took, *others = [one.took_us(newest) for one in models]
    said = {key: value for key, value in answer.items() if key != "feature_age_hours"} | sides.told
    bar = answer["feature_ts"]
    seconds = None if bar is None else served.seconds_of(bar)
    acts = answer["decision"] == Action.PREDICT
    return Ready(
        served,
        orjson.dumps(said)[:-1],
        seconds,
        acts,
        said_of(answer, newest.isoformat(), sides.arm, took),
        acts or any(one["decision"] == Action.PREDICT for one in beside),
        Mark(served.market.name, answer["model"]["name"], answer["confidence"], looked=True),
        tuple(said_of(one, newest.isoformat(), Arm.SHADOW, us) for one, us in zip(beside, others, strict=True)),
        None if sides.arm is None else sides.arm.value,
    )
