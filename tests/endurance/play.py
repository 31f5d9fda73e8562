"""Replace models and bars under clients that never stop asking, then let them ask for long, and say what they noticed.

Run it by ``make soak``, or ``python tests/endurance/play.py --swaps 100 --seconds 600 --clients 8``. The server is its
own, on loopback. With ``--troubles`` it has two workers, accounts, a PostgreSQL and a Redis, which go away and come
back, while workers are killed. At the end all that was acknowledged is looked for where it should be.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from endurance.accounts import Accounts, is_close
from endurance.clients import END
from endurance.phase import Phase
from endurance.troubles import Troubles, prepared
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.prediction import Predictor
from finq_predictor.domain.panel import Panel
from serving import small_market
from serving.servers import BENTO, UVICORN, Server, running
from synthetic_values import make_version

PLAIN = ("--http", "finq_predictor.serving.connections:Connection")
SERVERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {"bentoml": (BENTO, ()), "uvicorn": (UVICORN, PLAIN)}
MOST_MB = 20.0
"""More than this in ten minutes is no flat memory."""
BARS_EVERY = 4
"""Of so many swaps one brings new bars as well."""
PATIENCE_S = 60.0


@dataclass
class Market:
    """Two models and two sets of bars of a market, which take turns.

    Attributes:
        name: Of the market.
        models: The models; versions take them in turn.
        tables: Silver tables.
        panels: The panels of those tables.
        turn: How often the bars were replaced.
    """

    name: str
    models: list[ModelBundle]
    tables: list[dict[str, pd.DataFrame]]
    panels: list[Panel]
    turn: int = 0

    @classmethod
    def make(cls, name: str, model: str, bars: int) -> Market:
        """Draw the bars and fit the models."""
        market = MARKETS[name]
        # A benchmark lies in a file of its own: bars that are replaced alone would not fit it.
        counts = (bars,) if market.has_benchmark else (bars, bars + 5)
        tables = [small_market.silver(market, count, 7) for count in counts]
        panels = [small_market.panel_of(market, one) for one in tables]
        models = [small_market.train(market, panels[0], one) for one in (model, "logistic")]
        if model == "logistic":
            models[1] = small_market.train(market, panels[0], "xgboost")
        return cls(name, models, tables, panels)

    def model(self, version: int) -> ModelBundle:
        """The model of a version: every second one of a market is the same."""
        return self.models[version // 2 % 2]

    def publish(self, root: Path, version: int, bars: bool) -> None:
        """Publish another model, and before it other bars."""
        if bars and len(self.tables) > 1:
            self.turn += 1
            small_market.write_silver(root, MARKETS[self.name], self.tables[self.turn % 2])
        small_market.crown(root, self.model(version).registered_as(make_version(str(version))))

    def expected(self, version: int, bar: str) -> dict[str, float | None]:
        """What a version says at the last of some bars."""
        ts = pd.Timestamp(bar)
        (panel,) = (one for one in self.panels if one.ts[-1] == ts)
        table = Predictor(self.model(version), panel).predict_at(ts)
        said = [None if pd.isna(value) else float(value) for value in table["probability"]]
        return dict(zip(table["instrument"], said, strict=True))


class Play:
    """A server, clients that ask it in another process, and models and bars that take turns.

    Args:
        root: Folder of the data that is served.
        markets: What is published there.
        server: The server.
        tell: Asks the clients what they were answered; told ``end``, they ask nothing more.
        troubles: What befalls the server; None for nothing.
    """

    def __init__(
        self,
        root: Path,
        markets: Sequence[Market],
        server: Server,
        tell: Callable[[str], dict[str, Any]],
        troubles: Troubles | None = None,
    ) -> None:
        self._root, self._markets, self._server, self._tell, self._troubles = root, markets, server, tell, troubles
        self._key = {"Authorization": f"Bearer {troubles.key}"} if troubles else {}
        self._first = psutil.Process(server.pid)
        # Trials of new models are processes, too, and come and go.
        self._family = [self._first, *self._first.children(recursive=True)]
        self._accounts = Accounts()
        self._version = 100
        self._began = time.monotonic()

    def swaps(self, number: int) -> Phase:
        """Replace the models of the markets in turn, each as soon as the one before is served."""
        phase = self._phase("hot swaps")
        for _ in range(number):
            self._swap(phase)
            self._look(phase)
        return self._closed(phase)

    def soak(self, seconds: float, every: float) -> Phase:
        """Let the clients ask, and replace a model now and then; what befalls the server does so meanwhile."""
        phase = self._phase("soak")
        began = time.monotonic()
        end, following = began + seconds, began + every
        befalls = list(self._troubles.following(seconds)) if self._troubles else []
        while time.monotonic() < end:
            if befalls and time.monotonic() >= began + befalls[0][0]:
                befalls.pop(0)[1](self._first)
            if time.monotonic() >= following:
                self._swap(phase)
                following += every
            self._look(phase)
            time.sleep(min(1.0, seconds / 30))
        if seconds >= 60 and phase.slope > MOST_MB:
            phase.wrong.append(f"a process grows by {phase.slope:.1f} MB in ten minutes, at most {MOST_MB:g} is flat")
        if self._troubles:
            phase.told += self._troubles.told
        return self._closed(phase)

    def account(self) -> Phase:
        """Count what was acknowledged until now, when nobody asks any more: in the store and in the metrics."""
        phase = self._phase("accounts")
        self._take(self._tell(END), phase)
        text = httpx.get(f"{self._server.url}/metrics", headers=self._key, timeout=30).text
        told = self._accounts.of_metrics(text, self._troubles.kills if self._troubles else 0)
        for sentence, wrong in (told, self._accounts.of_the_store(self._root, PATIENCE_S)):
            phase.told.append(sentence)
            phase.wrong += wrong
        phase.seconds = time.monotonic() - self._began
        return phase

    def _phase(self, name: str) -> Phase:
        self._take(self._tell(""))
        self._began = time.monotonic()
        phase = Phase(name)
        phase.open.append(self._opened())
        self._look(phase)
        return phase

    def _take(self, told: dict[str, Any], phase: Phase | None = None) -> None:
        """Keep what the clients were answered, for the accounts and for a part of the play."""
        self._accounts.take(told)
        if phase is not None:
            phase.ms, phase.statuses = told["ms"], told["statuses"]
            phase.wrong += told["wrong"]

    def _closed(self, phase: Phase) -> Phase:
        phase.seconds = time.monotonic() - self._began
        phase.open.append(self._opened())
        told = self._tell("")
        self._take(told, phase)
        markets = {market.name: market for market in self._markets}
        for state, said in told["said"].items():
            name, _, version, bar = state.split(" ", 3)
            known = markets[name].expected(int(version), bar)
            if any(not is_close(known[instrument], value) for instrument, value in said.items()):
                phase.wrong.append(f"the answers of {state} are not those of its model and bars")
            phase.states += 1
        return phase

    def _swap(self, phase: Phase) -> None:
        self._version += 1
        market = self._markets[self._version % len(self._markets)]
        began = time.monotonic()
        market.publish(self._root, self._version, bars=self._version % (BARS_EVERY * len(self._markets)) < 2)
        while time.monotonic() < began + PATIENCE_S:
            models = self._models()
            if any(one["market"] == market.name and one["version"] == str(self._version) for one in models):
                phase.swaps.append(time.monotonic() - began)
                return
            time.sleep(0.1)
        phase.wrong.append(f"version {self._version} of {market.name} was not served within {PATIENCE_S:g} s")

    def _models(self) -> list[dict[str, Any]]:
        try:
            answer = httpx.get(f"{self._server.url}/models", headers=self._key, timeout=30)
        except httpx.TransportError:
            # Of a worker that is killed.
            return []
        models: list[dict[str, Any]] = answer.json()["models"]
        return models

    def _look(self, phase: Phase) -> None:
        now = time.monotonic() - self._began
        for process in self._family:
            with suppress(psutil.Error):
                phase.memory.setdefault(process.pid, []).append((now, process.memory_info().rss / 2**20))

    def _opened(self) -> tuple[int, int]:
        descriptors = threads = 0
        for process in self._family:
            with suppress(psutil.Error):
                descriptors, threads = descriptors + process.num_fds(), threads + process.num_threads()
        return descriptors, threads


@contextmanager
def playing(
    folder: Path, server: str, clients: int, pause: float, poll: float = 1.0, *, troubles: bool = False
) -> Iterator[Play]:
    """Start a server on two small markets, and clients that ask it.

    Args:
        folder: An empty folder.
        server: Name of the server.
        clients: How many ask at a time.
        pause: Seconds between an answer and the next question of a client.
        poll: Seconds between two looks of the server for new files.
        troubles: Whether the server has accounts, two workers, a store and a Redis elsewhere, and what befalls them.

    Yields:
        The play.
    """
    root = folder / "data"
    markets = [Market.make("equity", "logistic", 330), Market.make("fx", "xgboost", 400)]
    for market in markets:
        small_market.write_silver(root, MARKETS[market.name], market.tables[0])
        market.publish(root, 1, bars=False)
    command, arguments = SERVERS[server]
    settings = {"FINQ_DATA_ROOT": str(root), "FINQ_POLL_SECONDS": str(poll)}
    with ExitStack() as stack:
        befalls = stack.enter_context(prepared(root)) if troubles else None
        settings |= befalls.environment if befalls else {}
        started = stack.enter_context(running(command, folder, arguments=arguments, seconds=240.0, **settings))
        program = [sys.executable, str(Path(__file__).with_name("clients.py")), started.url, str(clients), str(pause)]
        key = {"FINQ_SOAK_KEY": befalls.key} if befalls else {}
        asking = stack.enter_context(
            subprocess.Popen(
                program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={**os.environ, **key}
            )
        )
        assert asking.stdin is not None
        assert asking.stdout is not None
        assert asking.stdout.readline() == "begun\n"

        def say(word: str) -> dict[str, Any]:
            asking.stdin.write(f"{word}\n")
            asking.stdin.flush()
            told: dict[str, Any] = json.loads(asking.stdout.readline())
            return told

        try:
            yield Play(root, markets, started, say, befalls)
        finally:
            with suppress(OSError):
                asking.stdin.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Play; 1 where something did not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", choices=SERVERS, default="bentoml")
    parser.add_argument("--swaps", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=600.0, help="length of the soak")
    parser.add_argument("--every", type=float, default=20.0, help="seconds between two swaps of the soak")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--troubles", action="store_true", help="let servers go away and workers be killed in the soak")
    parser.add_argument("--pause", type=float, default=0.05, help="seconds between an answer and the next question")
    given = parser.parse_args(arguments)
    phases = []
    with (
        tempfile.TemporaryDirectory() as folder,
        playing(Path(folder), given.server, given.clients, given.pause, troubles=given.troubles) as play,
    ):
        for part in (lambda: play.swaps(given.swaps), lambda: play.soak(given.seconds, given.every), play.account):
            phases.append(part())
            print("\n".join(phases[-1].lines()), flush=True)
    return 1 if any(phase.wrong for phase in phases) else 0


if __name__ == "__main__":
    sys.exit(main())
