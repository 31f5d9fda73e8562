"""Replace models and bars under clients that never stop asking, then let them ask for long, and say what they noticed.

Run it by ``make soak``, or ``python tests/endurance/play.py --swaps 100 --seconds 600 --clients 8``. The server is its
own, on loopback.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.prediction import Predictor
from finq_predictor.domain.panel import Panel
from serving import small_market
from serving.servers import BENTO, UVICORN, Server, running
from synthetic_values import make_version

PLAIN = ("--http", "finq_predictor.serving.connections:Connection")
SERVERS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {"bentoml": (BENTO, ()), "uvicorn": (UVICORN, PLAIN)}
TOLERANCE = 1e-9
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


@dataclass
class Phase:
    """What was noticed in one part of the play.

    Attributes:
        name: Of the part.
        seconds: How long it took.
        ms: Waits by question.
        statuses: Answers by status; 0 is an end of the connection.
        wrong: What should not have been, in a sentence each.
        memory: Seconds since the beginning and MB of the processes of the server.
        states: Snapshots and models whose answers were computed anew, and were the same.
        open: Descriptors and threads of the server before and after.
        swaps: Seconds until each new model was served.
    """

    name: str
    seconds: float = 0.0
    ms: dict[str, list[float]] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)
    states: int = 0
    open: list[tuple[int, int]] = field(default_factory=list)
    swaps: list[float] = field(default_factory=list)

    @property
    def slope(self) -> float:
        """MB in ten minutes, by least squares over all but the first fifth."""
        seconds, mb = np.array(self.memory).T
        later = seconds >= seconds[0] + 0.2 * (seconds[-1] - seconds[0])
        return 600.0 * float(np.polyfit(seconds[later], mb[later], 1)[0])

    def lines(self) -> Iterator[str]:
        """What there is to tell."""
        count = sum(self.statuses.values())
        yield f"{self.name}: {self.seconds:.0f} s, {count:,} answers ({count / max(self.seconds, 1e-9):.0f} a second)"
        yield f"  statuses {self.statuses}; {self.states} states computed anew and found the same"
        if self.swaps:
            half, most = float(np.median(self.swaps)), max(self.swaps)
            yield f"  {len(self.swaps)} swaps, served after {half:.1f} s, at most {most:.1f} s"
        for kind, waits in sorted(self.ms.items()):
            half, most = np.percentile(waits, [50, 99])
            yield f"  {kind:<22} half {half:6.1f} ms   p99 {most:7.1f} ms   longest {max(waits):7.1f} ms"
        if len(self.memory) > 10:
            first, last = self.memory[0][1], self.memory[-1][1]
            yield f"  memory {first:.0f} MB -> {last:.0f} MB, slope {self.slope:+.1f} MB in ten minutes"
            yield f"  descriptors, threads {self.open[0]} -> {self.open[-1]}"
        for sentence in self.wrong:
            yield f"  not held: {sentence}"


class Play:
    """A server, clients that ask it in another process, and models and bars that take turns.

    Args:
        root: Folder of the data that is served.
        markets: What is published there.
        server: The server.
        tell: Asks the clients what they were answered.
    """

    def __init__(
        self, root: Path, markets: Sequence[Market], server: Server, tell: Callable[[], dict[str, Any]]
    ) -> None:
        self._root, self._markets, self._server, self._tell = root, markets, server, tell
        first = psutil.Process(server.pid)
        # Trials of new models are processes, too, and come and go.
        self._family = [first, *first.children(recursive=True)]
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
        """Let the clients ask, and replace a model now and then."""
        phase = self._phase("soak")
        end = time.monotonic() + seconds
        following = time.monotonic() + every
        while time.monotonic() < end:
            if time.monotonic() >= following:
                self._swap(phase)
                following += every
            self._look(phase)
            time.sleep(min(1.0, seconds / 30))
        if len(phase.memory) > 10 and seconds >= 60 and phase.slope > MOST_MB:
            phase.wrong.append(f"memory grows by {phase.slope:.1f} MB in ten minutes, at most {MOST_MB:g} is flat")
        return self._closed(phase)

    def _phase(self, name: str) -> Phase:
        self._tell()
        self._began = time.monotonic()
        phase = Phase(name)
        phase.open.append(self._opened())
        self._look(phase)
        return phase

    def _closed(self, phase: Phase) -> Phase:
        phase.seconds = time.monotonic() - self._began
        phase.open.append(self._opened())
        told = self._tell()
        phase.ms, phase.statuses = told["ms"], told["statuses"]
        phase.wrong += told["wrong"]
        markets = {market.name: market for market in self._markets}
        for state, said in told["said"].items():
            name, _, version, bar = state.split(" ", 3)
            known = markets[name].expected(int(version), bar)
            if any(not _close(known[instrument], value) for instrument, value in said.items()):
                phase.wrong.append(f"the answers of {state} are not those of its model and bars")
            phase.states += 1
        return phase

    def _swap(self, phase: Phase) -> None:
        self._version += 1
        market = self._markets[self._version % len(self._markets)]
        began = time.monotonic()
        market.publish(self._root, self._version, bars=self._version % (BARS_EVERY * len(self._markets)) < 2)
        while time.monotonic() < began + PATIENCE_S:
            models = httpx.get(f"{self._server.url}/models", timeout=30).json()["models"]
            if any(one["market"] == market.name and one["version"] == str(self._version) for one in models):
                phase.swaps.append(time.monotonic() - began)
                return
            time.sleep(0.1)
        phase.wrong.append(f"version {self._version} of {market.name} was not served within {PATIENCE_S:g} s")

    def _look(self, phase: Phase) -> None:
        mb = sum(process.memory_info().rss for process in self._family) / 2**20
        phase.memory.append((time.monotonic() - self._began, mb))

    def _opened(self) -> tuple[int, int]:
        return (
            sum(process.num_fds() for process in self._family),
            sum(process.num_threads() for process in self._family),
        )


def _close(one: float | None, other: float | None) -> bool:
    return one is other if one is None or other is None else abs(one - other) <= TOLERANCE


@contextmanager
def playing(folder: Path, server: str, clients: int, pause: float, poll: float = 1.0) -> Iterator[Play]:
    """Start a server on two small markets, and clients that ask it.

    Args:
        folder: An empty folder.
        server: Name of the server.
        clients: How many ask at a time.
        pause: Seconds between an answer and the next question of a client.
        poll: Seconds between two looks of the server for new files.
    """
    root = folder / "data"
    markets = [Market.make("equity", "logistic", 330), Market.make("fx", "xgboost", 400)]
    for market in markets:
        small_market.write_silver(root, MARKETS[market.name], market.tables[0])
        market.publish(root, 1, bars=False)
    command, arguments = SERVERS[server]
    settings = {"FINQ_DATA_ROOT": str(root), "FINQ_POLL_SECONDS": str(poll)}
    with running(command, folder, arguments=arguments, seconds=240.0, **settings) as started:
        program = [sys.executable, str(Path(__file__).with_name("clients.py")), started.url, str(clients), str(pause)]
        with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as asking:
            assert asking.stdin is not None
            assert asking.stdout is not None
            assert asking.stdout.readline() == "begun\n"

            def tell() -> dict[str, Any]:
                asking.stdin.write("\n")
                asking.stdin.flush()
                told: dict[str, Any] = json.loads(asking.stdout.readline())
                return told

            try:
                yield Play(root, markets, started, tell)
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
    parser.add_argument("--pause", type=float, default=0.05, help="seconds between an answer and the next question")
    given = parser.parse_args(arguments)
    phases = []
    with (
        tempfile.TemporaryDirectory() as folder,
        playing(Path(folder), given.server, given.clients, given.pause) as play,
    ):
        for part in (lambda: play.swaps(given.swaps), lambda: play.soak(given.seconds, given.every)):
            phases.append(part())
            print("\n".join(phases[-1].lines()), flush=True)
    return 1 if any(phase.wrong for phase in phases) else 0


if __name__ == "__main__":
    sys.exit(main())
