"""How a worker remembers what it answers: its spool, the keeper that empties it, and how both are doing."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
from prometheus_client import CollectorRegistry
from starlette.concurrency import run_in_threadpool

from finq_predictor.adapters.environment.variable import PREFIX
from finq_predictor.adapters.layout import Layout
from finq_predictor.domain.evaluation.sticky_arms import Arm
from finq_predictor.domain.metrics import service as declared
from finq_predictor.domain.modelling.conformal import YES
from finq_predictor.serving.answers import Answer
from finq_predictor.serving.errors import UnavailableError
from finq_predictor.serving.keeper import ENDING, STANDING, hold_keeping
from finq_predictor.serving.lines import failure_line, prediction_line, statement, user_in_json
from finq_predictor.serving.metrics import counter, gauge
from finq_predictor.serving.settings import Settings
from finq_predictor.serving.spool import FOLDER, Spool

logger = logging.getLogger(__name__)
_MIB = 2**20
_PAUSE_S = 1.0
_LONGEST_END_S = 5.0
_leaving: list[subprocess.Popen[bytes]] = []
_told: set[tuple[Path, str]] = set()


class Recording:
    """What the routes record with; of one process.

    Args:
        settings: The settings.
        registry: Where the counters and gauges belong.
    """

    def __init__(self, settings: Settings, registry: CollectorRegistry) -> None:
        self._settings = settings
        self._folder = Layout(settings.state).served
        self._spool: Spool | None = None
        self._keeper: subprocess.Popen[bytes] | None = None
        # A look works beside the end of the service, and may be starting a keeper just then.
        self._keeping, self._over = threading.Lock(), False
        self._gauges = _Gauges(registry)

    def start(self) -> None:
        """Begin a spool, where answers are recorded; :meth:`follow` has a keeper at work."""
        if self._settings.record:
            limit = self._settings.record_limit_mb * _MIB
            self._spool = Spool(self._folder / FOLDER, limit, fsync=self._settings.record_fsync)
            self._spool.look()

    def one(
        self,
        request_id: str,
        user: str | None,
        said: bytes,
        beside: Sequence[bytes] = (),
        started: float | None = None,
    ) -> tuple[str | None, bool]:
        """Record a prediction.

        Args:
            request_id: Id of the request.
            user: Who asked, where that is known.
            said: See :func:`said_of`.
            beside: The same of what was asked in its shadow; under ids of their own.
            started: When the request came, by ``time.perf_counter``.

        Returns:
            The id of the prediction, None where nothing is recorded at all; and whether it was recorded.

        Raises:
            UnavailableError: If it was not recorded, and the settings say that nothing is answered then.
        """
        if self._spool is None:
            return None, False
        new = self._spool.new_id()
        request, now, who = request_id.encode(), time.time_ns() // 1000, user_in_json(user)
        latency = None if started is None else int(1e6 * (time.perf_counter() - started))
        lines = prediction_line(new, request, now, who, said, latency)
        for one in beside:
            # In the same write, so that there is a pair or nothing.
            lines += prediction_line(self._spool.new_id(), request, now, who, one)
        return new.decode(), self.record(lines)

    def many(
        self, request_id: str, user: str | None, said: Sequence[bytes], beside: Sequence[bytes] = ()
    ) -> tuple[list[str | None], bool]:
        """Record the predictions of a batch, all or none; else like :meth:`one`."""
        if self._spool is None:
            return [None] * len(said), False
        now, request, who = time.time_ns() // 1000, request_id.encode(), user_in_json(user)
        ids = [self._spool.new_id() for _ in said]
        lines = b"".join(prediction_line(new, request, now, who, one) for new, one in zip(ids, said, strict=True))
        lines += b"".join(prediction_line(self._spool.new_id(), request, now, who, one) for one in beside)
        return [new.decode() for new in ids], self.record(lines)

    def failed(self, request_id: str, model: Answer, market: str, arm: Arm, kind: str) -> None:
        """Record that a model which is compared could not answer; never raises.

        Args:
            request_id: Id of the request.
            model: Name and version, as answers show them.
            market: Its market.
            arm: Which role it played.
            kind: Of the error.
        """
        self._gauges.failed.labels(market, arm.value).inc()
        if self._spool is not None:
            row = {"arm": arm.value, "market": market, "model": model["name"], "version": model["version"]}
            line = failure_line(self._spool.new_id(), request_id, time.time_ns() // 1000, {**row, "kind": kind})
            self.record(line, required=False)

    def record(self, lines: bytes, *, required: bool | None = None) -> bool:
        """Record whole lines.

        Args:
            lines: Each with its line feed.
            required: Whether they must be; None is what the settings say of predictions.

        Raises:
            UnavailableError: If they were not, and must be.
        """
        if self._spool is not None and self._spool.record(lines):
            return True
        self._gauges.unrecorded.inc()
        if self._settings.record_required if required is None else required:
            raise UnavailableError(
                "This cannot be recorded: the disk refuses, or what waits to be stored has reached "
                f"{PREFIX}RECORD_LIMIT_MB. Try again later."
            )
        return False

    async def follow(self) -> None:
        """Look again and again, beside the requests."""
        while True:
            # At once: a keeper is started when models are loaded, for which it would only take the processor away.
            await run_in_threadpool(self.look)
            await asyncio.sleep(_PAUSE_S)

    def look(self) -> None:
        """Find out how much room there is and how the keeper is doing; start one where there is none."""
        if self._spool is None:
            return
        self._gauges.bytes.set(self._spool.look())
        self._gauges.tell(self._folder / STANDING)
        with self._keeping:
            if self._keeper is not None and self._keeper.poll() is not None:
                end_keeper(self._keeper)
                self._keeper = None
            if self._settings.keeper and self._keeper is None and not self._over:
                self._keeper = start_keeper(self._settings)

    @property
    def problem(self) -> str | None:
        """Why answers are not recorded, or not stored; None where they are, or nobody wants them to be."""
        if self._spool is not None and not self._spool.has_room:
            return f"Answers are not recorded: the disk refuses, or {PREFIX}RECORD_LIMIT_MB is reached."
        return self._gauges.store_problem

    def stop(self) -> None:
        """Leave the spool to the keeper and let ours end; what it cannot store in a few seconds waits for the next."""
        if self._spool is not None:
            self._spool.close()
        with self._keeping:
            self._over = True
        if self._keeper is not None:
            end_keeper(self._keeper)


class _Gauges:
    """How the spool and the keeper are doing."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.store_problem: str | None = None
        self.unrecorded = counter(declared.UNRECORDED, registry)
        self.failed = counter(declared.COMPARED_FAILURES, registry)
        self.bytes = gauge(declared.SPOOL_BYTES, registry)
        self.waiting = gauge(declared.WAITING, registry)
        self.behind = gauge(declared.BEHIND, registry)
        self.spoilt = gauge(declared.SPOILT, registry)
        self.problem = gauge(declared.STORE_PROBLEM, registry)

    def tell(self, file: Path) -> None:
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            standing = orjson.loads(file.read_bytes())
            self.waiting.set(standing["waiting"])
            self.spoilt.set(standing["spoilt"])
            self.problem.set(bool(standing["problem"]))
            self.store_problem = (
                f"The store does not take what is recorded: {standing['problem']}" if standing["problem"] else None
            )
            self.behind.set(max(0.0, time.time() - standing["kept_until"]) if standing["kept_until"] else 0.0)


def said_of(answer: Answer, newest: str, arm: Arm | None = None, took_us: int | None = None) -> bytes:
    """The statement of an answer as it is given.

    Args:
        answer: With what holds at this moment, such as that the bar is stale.
        newest: Close of the newest bar of the market.
        arm: Which role the model played; None is that of the champion.
        took_us: Microseconds that the model took for the bar, see ``Served.took_us``.
    """
    model, held = answer["model"], answer["prediction_set"]
    return statement(
        market=answer["market"],
        instrument=answer["instrument"],
        feature_ts=answer["feature_ts"],
        newest_ts=newest,
        horizon=answer["horizon_bars"],
        model=model["name"],
        version=model["version"],
        snapshot=answer["snapshot"],
        score=answer.get("score"),
        probability=answer["probability"],
        decision=answer["decision"],
        reason=answer["reason"],
        flags=answer["flags"],
        # As the labels are written.
        prediction_set=None if held is None else [int(one == YES) for one in held],
        arm=(arm or Arm.CHAMPION).value,
        took_us=took_us,
    )


def start_keeper(settings: Settings) -> subprocess.Popen[bytes] | None:
    """Start the keeper of a folder of data, unless there is one; it inherits the lock and holds it until it ends."""
    try:
        lock = hold_keeping(settings.state)
    except OSError as error:
        if (trouble := (settings.state, str(error.strerror))) not in _told:
            # It is tried again each second, and may be so for ever.
            _told.add(trouble)
            logger.error(
                "Nobody can keep what is answered below %s: %s. %sSTATE_ROOT names another folder to write into.",
                *(*trouble, PREFIX),
            )
        return None
    if lock is None:
        return None
    told: dict[str, Any] = {
        "root": str(settings.data_root),
        "state": str(settings.state),
        "lock": lock,
        "parent": os.getpid(),
    }
    for name in ("keeper_seconds", "keep_predictions_days", "keep_users_days"):
        told[name] = getattr(settings, name)
    words = [word for name, value in told.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    # Who is told to end with us while it still imports would be ended in the middle of that; it listens when it can.
    former = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        # In a session of its own: Ctrl-C is for us, and we tell it when it is time.
        return subprocess.Popen(
            [sys.executable, "-m", "finq_predictor.serving.keeper", *words],
            # It ends when this is closed: by us, or by the system when we are killed.
            stdin=subprocess.PIPE,
            pass_fds=[lock],
            start_new_session=True,
        )
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, former)
        os.close(lock)


def end_keeper(keeper: subprocess.Popen[bytes]) -> None:
    """Tell a keeper to end when it has stored what lies there, and wait for it a little."""
    if keeper.stdin is not None:
        keeper.stdin.close()
    _leaving[:] = [one for one in _leaving if one.poll() is None]
    try:
        keeper.wait(_LONGEST_END_S)
    except subprocess.TimeoutExpired:
        # It ends when it is done. Python minds a child that is forgotten while it runs.
        _leaving.append(keeper)
