"""What the API serves now: one market after the other, each following its champion and its silver data.

A daemon thread looks for changes and swaps one reference per market, so that a request sees one model and one set of
bars from beginning to end. Whatever cannot be read leaves the former model in place and is told by `/ready`.
"""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from finq_predictor.adapters.silver import read_panel
from finq_predictor.adapters.snapshots.store import SnapshotStore
from finq_predictor.domain.errors import StoreError, UnknownNameError
from finq_predictor.domain.market.markets import MARKETS, Market
from finq_predictor.domain.modelling.prediction import Predictor
from finq_predictor.serving.answers import Served
from finq_predictor.serving.errors import InvalidRequestError, UnavailableError
from finq_predictor.serving.settings import Settings
from finq_predictor.serving.trial import load_tried
from finq_predictor.serving.watch import Watched

logger = logging.getLogger(__name__)


def load_market(settings: Settings, market: Market) -> Served:
    """Read the champion and the bars of a market and answer its newest bar once, so that the first client is quick.

    Raises:
        StoreError: If the champion or the bars are absent, damaged or do not fit this code.
    """
    snapshot = SnapshotStore(settings.data_root, market.name).newest()
    if not snapshot.has("champion"):
        raise StoreError(
            f"No promoted model of {market.name} below {settings.data_root}; run `make run` or point FINQ_DATA_ROOT."
        )
    started = time.perf_counter()
    bundle = load_tried(snapshot.path("champion"), settings.trial_seconds)
    loaded = time.perf_counter()
    panel = read_panel(snapshot, market)
    predictor = Predictor(bundle, panel, settings.rules)
    served = Served(market, predictor, settings.cache_bars, settings.fresh_hours, snapshot.id)
    served.answers(served.predictor.newest)
    logger.info(
        "Serving %s with %s version %s: model read in %.0f ms, bars and first answers in %.0f ms",
        market.name,
        bundle.name,
        served.model["version"],
        1e3 * (loaded - started),
        1e3 * (time.perf_counter() - loaded),
    )
    return served


class Store:
    """The markets that are served, kept fresh by a daemon thread.

    Args:
        settings: Where the data lie and how often to look.
        failure: Why nothing can be served at all, such as a setting that cannot work. The service then starts and
            tells it, because a server that fails at start is only started again and again.
    """

    def __init__(self, settings: Settings, failure: str | None = None) -> None:
        self.settings = settings
        self.failure = failure
        self.loading = failure is None
        self._stop = threading.Event()
        self._loaded = threading.Event()
        self._thread: threading.Thread | None = None
        self._markets = {name: self._watch(MARKETS[name]) for name in settings.markets if failure is None}

    def _watch(self, market: Market) -> Watched[Served]:
        pointer = SnapshotStore(self.settings.data_root, market.name).pointer
        return Watched(f"market {market.name}", [pointer], lambda: load_market(self.settings, market))

    def start(self) -> None:
        """Start to load and then to follow the files; returns at once."""
        if self._thread is None and self.failure is None:
            self._thread = threading.Thread(target=self._follow, name="finq-store", daemon=True)
            self._thread.start()

    def wait(self, seconds: float) -> None:
        """Wait for the first load to end, well or badly, but no longer than this."""
        if self.failure is None:
            self._loaded.wait(seconds)

    def stop(self) -> None:
        """Stop to follow the files."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5.0)
            self._thread = None

    def refresh(self) -> None:
        """Look once at every market."""
        for watched in self._markets.values():
            watched.refresh()
        self.loading = False
        self._loaded.set()

    def _follow(self) -> None:
        while True:
            self.refresh()
            if self._stop.wait(self.settings.poll_seconds):
                return

    @property
    def served(self) -> list[Served]:
        """The markets that can answer now."""
        return [watched.value for watched in self._markets.values() if watched.value is not None]

    def get(self, market: str) -> Served:
        """A market that can answer now.

        Raises:
            UnknownNameError: If there is no such market; suggests near misses.
            UnavailableError: If it cannot answer now; says why.
        """
        if self.failure is not None:
            raise UnavailableError(f"Nothing is served: {self.failure}")
        watched = self._markets.get(market)
        if watched is None:
            raise UnknownNameError("market", market, self._markets)
        if watched.value is None:
            raise UnavailableError(
                f"Market {market!r} is not served: {watched.problem or 'its model is being loaded.'}"
            )
        return watched.value

    def holding(self, instrument: str) -> Served:
        """The market in which an instrument is traded.

        Raises:
            UnknownNameError: If no market has it; suggests near misses.
            InvalidRequestError: If several have it.
            UnavailableError: If no market can answer now.
        """
        if self.failure is not None:
            raise UnavailableError(f"Nothing is served: {self.failure}")
        served = self.served
        if not served:
            raise UnavailableError(
                f"No market is served: {' '.join(self.problems().values()) or 'models are loading.'}"
            )
        found = [one for one in served if one.find(instrument) is not None]
        if not found:
            if self.loading:
                raise UnavailableError(f"{instrument!r} is not known yet: models are still being loaded.")
            raise UnknownNameError(
                "instrument", instrument, (name for one in served for name in one.predictor.panel.instruments)
            )
        if len(found) > 1:
            names = " or ".join(repr(one.market.name) for one in found)
            raise InvalidRequestError(f"{instrument!r} is traded in several markets; add market {names}.")
        return found[0]

    def problems(self) -> dict[str, str]:
        """Why markets are not served, or not with the newest files, by market."""
        return {name: watched.problem for name, watched in self._markets.items() if watched.problem is not None}

    def standing(self) -> tuple[bool, dict[str, Any]]:
        """Whether requests can be answered, and the state of every market.

        A market in which nothing was ever run (`absent`) does not make the service unhealthy as long as another one
        is served; a model that does not fit this code or cannot be read (`failed`) does.
        """
        if self.failure is not None:
            return False, {"status": "unavailable", "reason": self.failure, "markets": {}}
        markets = {name: self._state(name, watched) for name, watched in self._markets.items()}
        states = {market["status"] for market in markets.values()}
        ready = bool(states & {"ok", "degraded"}) and not states & {"failed", "loading"}
        if not ready:
            status = "loading" if "loading" in states and "failed" not in states else "unavailable"
        else:
            status = "degraded" if "degraded" in states else "ok"
        return ready, {"status": status, "reason": None, "markets": markets}

    def _state(self, name: str, watched: Watched[Served]) -> dict[str, Any]:
        if watched.value is not None:
            newest = watched.value.predictor.newest
            shown = {
                "model": watched.value.model,
                "newest_bar": newest.isoformat(),
                "snapshot": watched.value.snapshot,
                "reason": watched.problem,
            }
            return {"status": "ok" if watched.problem is None else "degraded", **shown}
        nothing = {"model": None, "newest_bar": None, "snapshot": None}
        if watched.problem is None:
            return {"status": "loading", **nothing, "reason": None}
        absent = not SnapshotStore(self.settings.data_root, name).pointer.exists()
        return {"status": "absent" if absent else "failed", **nothing, "reason": watched.problem}
