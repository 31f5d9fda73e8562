"""A small market of each kind, the runs that are made on it, and what they must leave behind."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finq_predictor.adapters.snapshots.store import SnapshotStore

PROJECT = Path(__file__).resolve().parents[2]
MARKETS = ("equity", "fx")
DATA_STAGES = ("ingestion", "sentiment", "features")
MODEL_STAGES = ("training", "evaluation", "monitoring")
PATIENCE_S = 300.0

GLOBALS = "simulation: {instruments: 6, equity_years: 2, fx_years: 0.25}\n"
PARAMETERS = """
equity: &small
  ingestion: {gates: {min_instruments: 5}}
  features: {families: [momentum, news]}
  training:
    n_folds: 2
    models: {xgboost: {params: {n_estimators: 3}}}
    search: {trials: 0}
    leak_meter: {params: {n_estimators: 3, max_depth: 2}}
  evaluation: {n_bootstrap: 100}
fx: *small
"""

CONTENT = ("silver_", "scored_articles", "provenance", "gold", "oos_predictions", "predictions")
"""Beginnings of the names of the datasets whose content must be the same after a run as if nothing had happened."""


class ChaosError(AssertionError):
    """Something did not survive."""


@dataclass(frozen=True)
class Delivery:
    """What the sources deliver: a market that is drawn anew for each seed."""

    seed: int


FIRST, SECOND = Delivery(1), Delivery(2)


class Runner:
    """A process that runs pipelines, one order after the other, and can be killed at it.

    Args:
        folder: For its configuration and its log.
        name: Of the runner.
        environment: Variables on top of the present ones.
    """

    def __init__(self, folder: Path, name: str, **environment: str) -> None:
        self.log = folder / f"{name}.log"
        self.conf = make_conf(folder / "conf")
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("zygote.py")), str(PROJECT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=PROJECT,
            env={**os.environ, "PYTHONPATH": str(PROJECT / "src"), **environment},
        )
        self._child = 0

    def begin(self, root: Path, market: str, stages: tuple[str, ...], delivery: Delivery, **options: Any) -> None:
        """Begin a run; see ``zygote.carry_out`` for the options."""
        order = {"conf": str(self.conf), "log": str(self.log), "market": market, "stages": stages, **options}
        order["params"] = {"data_root": str(root), "seed": delivery.seed}
        self._say(order)
        self._child = int(self._hear()["process"])

    def kill(self) -> None:
        """Kill the run wherever it is; nothing where it has ended."""
        with suppress(ProcessLookupError):
            os.kill(self._child, signal.SIGKILL)

    def end(self) -> int:
        """Wait for the run; its exit code, negative where it was killed."""
        return int(self._hear()["ended"])

    def run(self, root: Path, market: str, stages: tuple[str, ...], delivery: Delivery, **options: Any) -> int:
        """Run to the end."""
        self.begin(root, market, stages, delivery, **options)
        return self.end()

    def said(self) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-1500:] if self.log.exists() else ""

    def close(self) -> None:
        """Let the process go."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=PATIENCE_S)
        self._process.stdout.close()

    def _say(self, order: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise ChaosError(f"The runner died itself; see {self.log}.")
        answer: dict[str, Any] = json.loads(line)
        return answer


def make_conf(folder: Path) -> Path:
    """Copy the configuration of the project, with an environment of small markets."""
    if not folder.exists():
        shutil.copytree(PROJECT / "conf", folder)
        (folder / "chaos").mkdir()
        (folder / "chaos" / "globals.yml").write_text(GLOBALS)
        (folder / "chaos" / "parameters.yml").write_text(PARAMETERS)
    return folder


def contents(root: Path, market: str) -> dict[str, str]:
    """Hash of what is stored of a market, by dataset."""
    entries = SnapshotStore(root, market).newest().manifest.entries
    return {name: entry.content for name, entry in sorted(entries.items()) if name.startswith(CONTENT)}


def require_same(found: dict[str, str], expected: dict[str, str], what: str) -> None:
    """Compare what is stored with what would be stored if nothing had happened."""
    wrong = sorted(name for name in expected if found.get(name) != expected[name])
    if wrong:
        raise ChaosError(f"{what}: {', '.join(wrong)} differ from those of an undisturbed run.")


@dataclass
class Tally:
    """How many disasters of each kind were tried and survived.

    Attributes:
        tried: By kind.
        survived: By kind.
        failures: What did not survive, in a sentence each.
        killed: Runs that a random moment found at work.
    """

    tried: dict[str, int] = field(default_factory=dict)
    survived: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    killed: int = 0

    def note(self, kind: str, failure: str | None) -> None:
        """Take note of one disaster."""
        self.tried[kind] = self.tried.get(kind, 0) + 1
        self.survived[kind] = self.survived.get(kind, 0) + (failure is None)
        if failure is not None:
            self.failures.append(f"{kind}: {failure}")

    def table(self) -> str:
        """Tried and survived, a line a kind."""
        lines = [f"{'disaster':<44} {'tried':>6} {'survived':>9}"]
        lines += [f"{kind:<44} {count:>6} {self.survived[kind]:>9}" for kind, count in self.tried.items()]
        return "\n".join(lines)


def later(chance: random.Random, longest: float) -> None:
    """Sleep for a random time."""
    time.sleep(chance.uniform(0.0, longest))
