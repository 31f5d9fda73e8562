"""What the API serves now: one market after the other, each following its champion and its silver data.

A daemon thread looks for changes and swaps one reference per market. A request takes a view of all of them once, so
that it sees one model and one set of bars of each market from beginning to end. Whatever cannot be read leaves the
former model in place and is told by `/ready`.
"""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import Any

from finq_predictor.adapters.feature_store.marks import data_mark
from finq_predictor.adapters.silver import read_panel
from finq_predictor.adapters.snapshots.store import SnapshotStore
from finq_predictor.domain.errors import ConfigurationError, StoreError
from finq_predictor.domain.market.markets import MARKETS, Market
from finq_predictor.domain.modelling.prediction import Predictor
from finq_predictor.serving import lean_memory
from finq_predictor.serving.answers import Served
from finq_predictor.serving.contest import Trying
from finq_predictor.serving.reasons import Reasons
from finq_predictor.serving.settings import Settings
from finq_predictor.serving.shared_answers import SharedAnswers, shared_answers
from finq_predictor.serving.stored_features import Shelf, StoredFeatures, shelf_of
from finq_predictor.serving.trial import load_tried
from finq_predictor.serving.view import View
from finq_predictor.serving.watch import Watched, Watcher

logger = logging.getLogger(__name__)


def load_market(
    settings: Settings,
    market: Market,
    shared: SharedAnswers | None = None,
    former: Served | None = None,
    shelf: Shelf | None = None,
) -> Served:
    """Read the champion and the bars of a market and answer its newest bar once, so that the first client is quick.

    Args:
        settings: Where the data lie, and by which rules is answered.
        market: The market.
        shared: Where processes leave answers for each other.
        shelf: Where runs leave features at hand.
        former: What was served before; bars that were asked of it lately are answered once as well.

    Raises:
        StoreError: If the champion or the bars are absent, damaged or do not fit this code.
    """
    snapshot = SnapshotStore(settings.data_root, market.name).newest()
    if not snapshot.has("champion"):
        raise StoreError(
            f"No promoted model of {market.name} below {settings.data_root}; run `make run` or point FINQ_DATA_ROOT."
        )
    started = time.perf_counter()
    with ThreadPoolExecutor(1) as beside:
        # A trial runs in a process of its own.
        panel = beside.submit(read_panel, snapshot, market)
        bundle = load_tried(snapshot.path("champion"), settings.trial_seconds)
        loaded = time.perf_counter()
    predictor = Predictor(bundle, panel.result(), settings.rules)
    stored = None if shelf is None else StoredFeatures(shelf, bundle.feature_set, data_mark(snapshot, market))
    served = Served(market, predictor, settings.cache_bars, settings.fresh_hours, snapshot.id, shared, stored)
    served.answers(served.predictor.newest)
    for ts in former.asked_most(settings.warm_bars) if former is not None else ():
        if ts in served.predictor.panel.ts:
            served.answers(ts)
    logger.info(
        "Serving %s with %s version %s: model read in %.0f ms, bars and first answers in %.0f ms",
        market.name,
        bundle.name,
        served.model["version"],
        1e3 * (loaded - started),
        1e3 * (time.perf_counter() - loaded),
    )
    return served


def _shared(settings: Settings) -> SharedAnswers | None:
    try:
        return shared_answers(settings.shared_seconds)
    except ConfigurationError as error:
        # A service that fails at start is only started again and again.
        logger.error("Each process computes answers for itself: %s", error)
        return None


class Store:
    """The markets that are served, kept fresh by a daemon thread.

    Args:
        settings: Where the data lie and how often to look.
        failure: Why nothing can be served at all, such as a setting that cannot work. The service then starts and
            tells it, because a server that fails at start is only started again and again.
    """

    def __init__(self, settings: Settings, failure: str | None = None) -> None:
        self.settings = settings
        self.reasons = Reasons(settings.data_root, settings.state)
        self.failure = None if failure is None else self.reasons.told(failure)
        self.loading = failure is None
        self.shared = _shared(settings)
        self.shelf = shelf_of(settings.data_root)
        self._loaded = threading.Event()
        self._watcher = Watcher(self.refresh, settings.poll_seconds, settings.watch_polls, settings.retry_seconds)
        self._markets = {name: self._watch(MARKETS[name]) for name in settings.markets if failure is None}
        self._tried = {name: Trying(settings, name) for name in self._markets}
        self._shown: dict[str, Served | None] = dict.fromkeys(self._markets)
        self._values: tuple[Served | None, ...] = tuple(self._shown.values())

    def _watch(self, market: Market) -> Watched[Served]:
        pointer = SnapshotStore(self.settings.data_root, market.name).pointer

        def load() -> Served:
            return load_market(self.settings, market, self.shared, watched.value, self.shelf)

        watched: Watched[Served] = Watched(f"market {market.name}", [pointer], load, self.settings.retry_seconds)
        return watched

    def start(self) -> None:
        """Start to load and then to follow the files, or start again where the thread ended; returns at once."""
        if self.failure is None:
            self._watcher.start()

    def wait(self, seconds: float) -> None:
        """Wait for the first load to end, well or badly, but no longer than this."""
        if self.failure is None:
            self._loaded.wait(seconds)

    def stop(self) -> None:
        """Stop to follow the files."""
        self._watcher.stop()

    def refresh(self) -> None:
        """Look once at every market."""
        if self.loading and self._markets:
            self._load_all()
        news = self.loading
        for name, watched in self._markets.items():
            news |= watched.refresh()
            self._show(name, watched.value)
        if news:
            lean_memory.give_back()
        self.loading = False
        self._loaded.set()

    def _load_all(self) -> None:
        """Load all markets at a time: at the start most of that is waiting for trials, processes of their own."""
        with ThreadPoolExecutor(len(self._markets)) as beside:
            looks = {beside.submit(watched.refresh): name for name, watched in self._markets.items()}
            for look in as_completed(looks):
                self._show(looks[look], self._markets[looks[look]].value)

    def _show(self, name: str, champion: Served | None) -> None:
        """Let requests see the champion and what is tried beside it at once; the first champion waits for nobody."""
        if champion is not None and self._shown[name] is None:
            self._put(name, champion)
        tried = None if champion is None else self._tried[name].beside(champion)
        shown = self._shown[name]
        if tried is not champion and shown is not None and tried is not None and shown.contest is tried.contest:
            return
        self._put(name, tried)

    def _put(self, name: str, served: Served | None) -> None:
        if self._shown[name] is not served:
            self._shown = {**self._shown, name: served}
            self._values = tuple(self._shown.values())

    @property
    def age(self) -> float:
        """Seconds since every market was last looked at."""
        return self._watcher.age

    @property
    def values(self) -> tuple[Served | None, ...]:
        """What is served of each market at this moment; None where it cannot answer."""
        return self._values

    @property
    def served(self) -> list[Served]:
        """The markets that can answer now."""
        return self.view().served

    def view(self) -> View:
        """What is served at this moment; it stays as it is while newer files take their place."""
        return View(self._shown, self.problems(), self.loading, self.failure)

    def get(self, market: str) -> Served:
        """See :meth:`View.get`."""
        return self.view().get(market)

    def problems(self) -> dict[str, str]:
        """Why markets are not served, or not with the newest files, by market."""
        found = {name: watched.problem for name, watched in self._markets.items()}
        return {name: self.reasons.told(problem) for name, problem in found.items() if problem is not None}

    def standing(self) -> tuple[bool, dict[str, Any]]:
        """Whether requests can be answered, and the state of every market.

        A market in which nothing was ever run (`absent`) does not make the service unhealthy as long as another one
        is served; a model that does not fit this code or cannot be read (`failed`) does. Nothing is read from the
        disk, so that it can be told whatever happens to it.
        """
        if self.failure is not None:
            return False, {"status": "unavailable", "reason": self.failure, "markets": {}}
        trouble = None if self.loading else self._watcher.trouble
        markets = {name: self._state(watched, self._shown[name]) for name, watched in self._markets.items()}
        states = {market["status"] for market in markets.values()}
        ready = bool(states & {"ok", "degraded"}) and not states & {"failed", "loading"}
        if not ready:
            status = "loading" if "loading" in states and "failed" not in states else "unavailable"
        else:
            status = "degraded" if "degraded" in states or trouble else "ok"
        reason = None if trouble is None else self.reasons.told(trouble)
        return ready, {"status": status, "reason": reason, "markets": markets}

    def _state(self, watched: Watched[Served], served: Served | None) -> dict[str, Any]:
        problems = [] if watched.problem is None else [watched.problem]
        if served is not None and served.contest is not None:
            problems += served.contest.problems
        reason = self.reasons.told("; ".join(problems)) if problems else None
        if served is not None:
            shown = {
                "model": served.model,
                "newest_bar": served.predictor.newest.isoformat(),
                "snapshot": served.snapshot,
                "reason": reason,
            }
            return {"status": "ok" if reason is None else "degraded", **shown}
        nothing = {"model": None, "newest_bar": None, "snapshot": None}
        if reason is None:
            return {"status": "loading", **nothing, "reason": None}
        return {"status": "absent" if watched.absent else "failed", **nothing, "reason": reason}
