"""A provider whose history grows and is revised, and the processes that ingest it and can be killed at it."""

from __future__ import annotations

import json
import os
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from chaos.small_world import PATIENCE_S, PROJECT, ChaosError
from provider_replays import OandaReplay
from provider_server import ProviderServer, text_answer
from yahoo_replay import Listing, YahooReplay

PAIRS = ("EUR_USD", "USD_SGD", "GBP_USD")
LEVELS = (1.1, 1.35, 1.27)
BEGIN = pd.Timestamp("2024-03-04", tz="UTC")
FIRST_HOURS, AGAIN_HOURS = 100, 12
HOUR = pd.Timedelta(hours=1)
SIDES = {"bid": -1e-4, "mid": 0.0, "ask": 1e-4}
FEED = """<?xml version="1.0"?><rss version="2.0"><channel><title>x</title>
<item><guid>1</guid><title>EUR/USD climbs</title><link>https://example.org/1</link>
<pubDate>Mon, 04 Mar 2024 12:00:00 GMT</pubDate></item></channel></rss>"""

LIMITS: dict[str, dict[str, float]] = {"cleaning": {"max_bad_share": 1.0}, "gates": {"max_quarantine_share": 1.0}}

Key = tuple[str, pd.Timestamp]
"""A pair and the begin of a bar."""


@dataclass
class World:
    """What the providers have, and what they ever said.

    Attributes:
        oanda: Candles of some pairs.
        yahoo: An index, for the macro table.
        feeds: One feed.
        said: By pair and begin of a bar, the closes (mid) that the provider gave for it, in order of time.
    """

    oanda: OandaReplay
    yahoo: YahooReplay
    feeds: ProviderServer
    said: dict[Key, list[float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """What is there from the begin on was said once."""
        self._note(set())

    @property
    def now(self) -> pd.Timestamp:
        """The clock of the providers, and the end of what is asked for."""
        return self.oanda.now

    def params(self, root: Path) -> dict[str, Any]:
        """The parameters of a run."""
        return {
            "data_root": str(root),
            "yahoo_url": self.yahoo.url,
            "oanda_url": f"{self.oanda.url}/v3",
            "feeds": {"wire": f"{self.feeds.url}/wire"},
            "pairs": list(PAIRS),
            "reach": BEGIN.isoformat(),
            "until": self.now.isoformat(),
        }

    def move_on(self, chance: random.Random, *, revise: bool = True) -> set[Key]:
        """Some hours pass, and some candles of the last ones are revised: within what the next run asks again.

        Returns:
            What was revised.
        """
        before, now = self.now, self.now + chance.randint(1, AGAIN_HOURS // 2) * HOUR
        for pair, part in self.oanda.candles.items():
            level = float(part["mid_c"].iloc[-1])
            times = pd.date_range(before, now, freq="h", inclusive="left")
            self.oanda.candles[pair] = pd.concat([part, candles(pair, times, level, chance)], ignore_index=True)
        revised = set()
        for _ in range(chance.randint(0, 3) if revise else 0):
            pair = chance.choice(PAIRS)
            time_ = before - chance.randint(1, AGAIN_HOURS - (now - before) // HOUR) * HOUR
            part = self.oanda.candles[pair]
            row = part.index[part["time"] == time_][0]
            prices = [name for name in part if name[-2:] in ("_o", "_h", "_l", "_c")]
            part.loc[row, prices] += 0.00001 * chance.randint(1, 9)
            part.loc[row, "volume"] += 1
            revised.add((pair, time_))
        self.oanda.now = self.yahoo.now = now
        self._note(revised)
        return revised

    def _note(self, revised: set[Key]) -> None:
        for pair, part in self.oanda.candles.items():
            for moment, close in zip(part["time"], part["mid_c"], strict=True):
                key = pair, moment
                if key not in self.said or key in revised:
                    self.said.setdefault(key, []).append(float(f"{close:.5f}"))


def candles(pair: str, times: pd.DatetimeIndex, level: float, chance: random.Random) -> pd.DataFrame:
    """Candles of a pair that begin at some times, from a level on."""
    generator = np.random.default_rng(chance.randrange(1 << 30))
    close = level * np.exp(generator.normal(0, 0.0005, len(times)).cumsum())
    opened = np.concatenate([[level], close[:-1]])
    mid = {"o": opened, "h": np.maximum(opened, close) * 1.0002, "l": np.minimum(opened, close) * 0.9998, "c": close}
    sides = {f"{side}_{part}": value + shift for side, shift in SIDES.items() for part, value in mid.items()}
    return pd.DataFrame({"instrument": pair, "time": times, "volume": 100, **sides})


@contextmanager
def providers(chance: random.Random) -> Iterator[World]:
    """Start the providers, with a short history."""
    now = BEGIN + FIRST_HOURS * HOUR
    times = pd.date_range(BEGIN, now, freq="h", inclusive="left")
    table = pd.concat([candles(pair, times, level, chance) for pair, level in zip(PAIRS, LEVELS, strict=True)])
    days = pd.bdate_range(BEGIN, periods=5, tz="UTC") + pd.Timedelta(hours=14.5)
    flat = dict.fromkeys(("open", "high", "low", "close", "adj_close"), 18.0)
    index = Listing(pd.DataFrame({**flat, "volume": 1}, index=days))
    with ExitStack() as started:
        oanda = started.enter_context(OandaReplay(table, now))
        yahoo = started.enter_context(YahooReplay({"^VIX": index}, now))
        feeds = started.enter_context(ProviderServer())
        feeds.always("/wire", text_answer(FEED, content_type="application/rss+xml"))
        yield World(oanda, yahoo, feeds)


def make_conf(folder: Path) -> Path:
    """Copy the configuration of the project; of real providers, only the pairs of this world."""
    if not folder.exists():
        shutil.copytree(PROJECT / "conf", folder)
        file = folder / "live" / "globals.yml"
        pairs = ", ".join(f"{pair}: {pair.replace('_', '')}=X" for pair in PAIRS)
        text, count = re.subn(r"(?m)^  pairs: .*$", f"  pairs: {{{pairs}}}", file.read_text())
        assert count == 1
        file.write_text(text)
        # Candles of week-ends and late revisions are what this provider has most of, and a killed run may have seen
        # fewer of them: their share decides nothing here.
        parameters = folder / "live" / "parameters" / "ingestion.yml"
        said = yaml.safe_load(parameters.read_text())
        for part, limits in LIMITS.items():
            said["fx"]["ingestion"].setdefault(part, {}).update(limits)
        parameters.write_text(yaml.safe_dump(said))
    return folder


class Runner:
    """A process that ingests, one order after the other, and can be killed at it.

    Args:
        folder: For its log and its pipe.
        name: Of the runner.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.log, self._pipe = folder / f"{name}.log", folder / f"{name}.pipe"
        self._conf = make_conf(folder / "conf")
        os.mkfifo(self._pipe)
        # Open at both ends, so that a run that is killed does not end what is read.
        self._diary = os.open(self._pipe, os.O_RDWR | os.O_NONBLOCK)
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("zygote.py")), str(PROJECT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=PROJECT,
            env={**os.environ, "PYTHONPATH": str(PROJECT / "src"), "FINQ_OANDA_TOKEN": "token-of-a-test"},
        )
        self._child = 0
        self.stage, self.entered = "between", Counter[str]()

    def begin(self, params: dict[str, Any], bare: bool = False) -> None:
        """Begin a run; ``bare`` fetches and stores bars by themselves."""
        self.stage, self.entered = "between", Counter()
        order = {"conf": str(self._conf), "log": str(self.log), "params": params, "bare": bare}
        order["diary"] = str(self._pipe)
        self._say(order)
        self._child = int(self._hear()["process"])

    def follow(self, seconds: float, until: tuple[str, int] | None = None) -> bool:
        """Listen to what the run says of its stages.

        Args:
            seconds: Longest time to listen.
            until: Ends as soon as a stage is entered for so many times.

        Returns:
            Whether it ended by ``until``.
        """
        latest = time.monotonic() + seconds
        while (left := latest - time.monotonic()) > 0:
            if not select.select([self._diary, self._process.stdout], [], [], left)[0]:
                return False
            if self._read(until):
                return True
            if self._ended():
                return False
        return False

    def kill(self) -> None:
        """Kill the run wherever it is; nothing where it has ended."""
        with suppress(ProcessLookupError):
            os.kill(self._child, signal.SIGKILL)

    def end(self) -> int:
        """Wait for the run; its exit code, negative where it was killed. The stage is the one in which it ended."""
        while not self._ended():
            select.select([self._diary, self._process.stdout], [], [])
            self._read(None)
        code = int(self._hear()["ended"])
        self._read(None)
        return code

    def must(self, params: dict[str, Any], bare: bool = False) -> None:
        """Run to the end."""
        self.begin(params, bare)
        self.require(self.end())

    def require(self, code: int) -> None:
        """Refuse a run that failed."""
        if code != 0:
            raise ChaosError(f"A run that nobody disturbed ended with {code}.\n{self.said()}")

    def said(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""

    def close(self) -> None:
        """Let the process go."""
        self._process.stdin.close()
        self._process.wait(timeout=PATIENCE_S)
        self._process.stdout.close()
        os.close(self._diary)

    def _ended(self) -> bool:
        return bool(select.select([self._process.stdout], [], [], 0)[0])

    def _read(self, until: tuple[str, int] | None) -> bool:
        try:
            lines = os.read(self._diary, 1 << 16).decode().split()
        except BlockingIOError:
            return False
        for line in lines:
            sign, self.stage = line[0], line[1:]
            self.entered[self.stage] += sign == "+"
        return until is not None and self.entered[until[0]] >= until[1]

    def _say(self, order: dict[str, Any]) -> None:
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def _hear(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        if not line:
            raise ChaosError(f"The runner died itself; see {self.log}.")
        return dict(json.loads(line))
