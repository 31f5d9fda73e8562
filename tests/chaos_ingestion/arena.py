"""What can go wrong while real providers are ingested, and what must hold after the next run."""

from __future__ import annotations

import random
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from chaos.small_world import PATIENCE_S, ChaosError, Tally
from chaos_ingestion.world import HOUR, PAIRS, Key, Runner, World
from finq_predictor.adapters.bronze.content import content_hash
from finq_predictor.adapters.bronze.coverage import Coverage
from finq_predictor.adapters.bronze.store import BronzeStore
from finq_predictor.adapters.snapshots.store import SnapshotStore
from finq_predictor.domain.columns import CONTENT_HASH, RECEIVED_AT
from finq_predictor.domain.errors import FinqError

STAGES = {"fetching": 0.03, "storing": 0.15, "merging": 0.1, "cleaning": 0.05, "publishing": 0.08}
"""The longest wait (s) from the begin of a step of a stage to the kill."""

TABLES = ("silver_bars", "silver_macro")
IN_VAIN = 8
"""So often a run may end before its kill comes."""


@dataclass
class Watch:
    """A reader that never stops looking while runs write and are killed.

    Attributes:
        root: Folder of the data.
        looks: How often it has read everything.
        wrong: What it should not have seen, in a sentence each.
    """

    root: Path
    looks: int = 0
    wrong: list[str] = field(default_factory=list)

    def look(self) -> None:
        """Read the manifest, the rows, the coverage and silver, as they are at this moment."""
        store = bronze_of(self.root)
        covered = Coverage.read(store.folder)
        if store.entries():
            require_covered(covered, store.all())
        for table in TABLES:
            silver_of(self.root, table)
        self.looks += 1

    @contextmanager
    def looking(self, pause: float) -> Iterator[Watch]:
        """Look again and again within a block."""
        over = threading.Event()

        def look() -> None:
            while not over.wait(pause):
                try:
                    self.look()
                except Exception as error:
                    self.wrong.append(f"a reader met {type(error).__name__}: {error}")

        reader = threading.Thread(target=look, name="watch")
        reader.start()
        try:
            yield self
        finally:
            over.set()
            reader.join()


class Arena:
    """One folder of data in which runs are killed, and another in which nobody disturbs them.

    Args:
        folder: An empty folder.
        seed: Of everything random.
        world: The providers of both.
    """

    def __init__(self, folder: Path, seed: int, world: World) -> None:
        self.root, self.calm, self.world = folder / "data", folder / "calm", world
        self.chance = random.Random(seed)
        self.runners = Runner(folder, "one"), Runner(folder, "other")
        self.tally, self.found = Tally(), Counter[str]()
        self.duration, self.past = 1.0, 0
        # What a killed run may or may not have seen before the provider said something else.
        self._unsure: set[Key] = set()
        self._revised: set[Key] = set()
        self._states: list[tuple[pd.Timestamp, str]] = []

    def prepare(self) -> None:
        """Ingest the first history into both folders."""
        self._finish("the first runs")

    def try_out(self, kind: str, disaster: Callable[[], None]) -> None:
        """Let a disaster happen, and take note whether it was survived."""
        try:
            disaster()
        except (AssertionError, FinqError, subprocess.SubprocessError, OSError, ValueError) as failure:
            self.tally.note(kind, f"{type(failure).__name__}: {failure}")
        else:
            self.tally.note(kind, None)

    def close(self) -> None:
        """Let the runners go."""
        for runner in self.runners:
            runner.close()

    # Disasters

    def killed(self, stage: str | None = None) -> None:
        """A run is killed, maybe several times in a row, maybe with hours passing before the next one.

        Args:
            stage: In a step of which it is to be killed; None is anywhere.
        """
        one, other = self.runners
        for _ in range(IN_VAIN):
            other.begin(self.world.params(self.calm))
            killed = self._kill_one(one, stage)
            while killed and self.chance.random() < 0.25:
                self._kill_one(one, self.chance.choice([*STAGES, None]))
            other.require(other.end())
            if killed:
                break
            self._move_on()
        later = self.chance.random() < 0.3
        if later:
            # Hours pass before the next run: what was revised at last may have been seen, or never will be.
            self._unsure |= self._revised
            self._move_on(revise=False)
        self._finish(f"a kill while {stage or 'anywhere'}", calm=later)

    def _finish(self, what: str, *, calm: bool = True) -> None:
        """Run undisturbed, in the other folder as well unless it is there already, and compare."""
        one, other = self.runners
        one.begin(self.world.params(self.root))
        if calm:
            other.begin(self.world.params(self.calm))
        # Only now both have begun: the first ones wait until their runners have imported everything.
        started = time.monotonic()
        one.require(one.end())
        # A kill that comes later than a run ends is none.
        self.duration = max(0.5, time.monotonic() - started)
        if calm:
            other.require(other.end())
        self.check(what)
        self._move_on()

    def two_at_once(self, *, bare: bool) -> None:
        """Two runs begin on one folder, and one of them is killed."""
        victim, survivor = self.chance.sample(self.runners, 2)
        for _ in range(IN_VAIN):
            for runner in self.chance.sample(self.runners, 2):
                runner.begin(self.world.params(self.root), bare)
                self._sleep(0.1)
            if bare and self.chance.random() < 0.7:
                self._aim(victim, self.chance.choice(["fetching", "storing", "merging"]))
            else:
                victim.follow(self.chance.uniform(0.0, 1.5 * self.duration))
            victim.kill()
            code = victim.end()
            survivor.require(survivor.end())
            if code < 0:
                self._note(victim)
                break
            victim.require(code)
            self._step_beside()
        self._finish("two at once" + (" that fetch and store" if bare else ""))

    def _kill_one(self, runner: Runner, stage: str | None) -> bool:
        """Kill a run at a random moment, or a random time after it has begun a step of a stage.

        Returns:
            Whether the kill found it at work.
        """
        runner.begin(self.world.params(self.root))
        if stage is None:
            runner.follow(self.chance.uniform(0.0, self.duration))
        else:
            self._aim(runner, stage)
        runner.kill()
        code = runner.end()
        if code < 0:
            self._note(runner)
        else:
            runner.require(code)
        return code < 0

    def _aim(self, runner: Runner, stage: str) -> None:
        """Wait until a random moment within one of the steps of a stage, or to the end of the run."""
        if runner.follow(PATIENCE_S, (stage, self.chance.randint(1, 3))):
            runner.follow(self.chance.uniform(0.0, STAGES[stage]))

    def _note(self, victim: Runner) -> None:
        self.found[victim.stage] += 1
        self.tally.killed += 1
        Watch(self.root).look()

    def _sleep(self, longest: float) -> None:
        time.sleep(self.chance.uniform(0.0, longest))

    def _move_on(self, *, revise: bool = True) -> None:
        self._revised = self.world.move_on(self.chance, revise=revise)

    def _step_beside(self) -> None:
        """Bring the undisturbed folder to the present state, and let hours pass."""
        other = self.runners[1]
        other.must(self.world.params(self.calm))
        self._move_on()

    # Laws

    def check(self, what: str) -> None:
        """Compare what is stored with what the provider said, and with what undisturbed runs stored."""
        store = bronze_of(self.root)
        rows = store.all()
        self._require_said(rows, what)
        theirs = bronze_of(self.calm).all()
        sure = [without_receipt(table, self._unsure) for table in (rows, theirs)]
        pd.testing.assert_frame_equal(*sure, check_exact=True, obj=f"bronze after {what}")
        for table in TABLES:
            mine, calm = silver_of(self.root, table), silver_of(self.calm, table)
            assert mine is not None, f"{what}: there is no {table}"
            assert calm is not None, f"undisturbed runs made no {table}"
            pd.testing.assert_frame_equal(mine, calm, check_exact=True, obj=f"{table} after {what}")
        Watch(self.root).look()
        if wrong := SnapshotStore(self.root, "fx").newest().damaged():
            raise ChaosError(f"{what}: {wrong}")
        self._require_whole_windows(store, what)
        self._require_past(store, what)
        self._require_tidy(what)
        self._states.append((store.entries()[-1].noted_at, content_hash(rows)))

    def _require_said(self, rows: pd.DataFrame, what: str) -> None:
        """Each version that the provider gave is there once, in order, and nothing else is."""
        held: dict[Key, list[float]] = {}
        for pair, begin, close in zip(rows["instrument"], pd.to_datetime(rows["time"]), rows["close"], strict=True):
            held.setdefault((pair, begin), []).append(close)
        for key, said in self.world.said.items():
            mine = held.pop(key, [])
            right = is_within(mine, said) and mine[:1] == said[:1] if key in self._unsure else mine == said
            if not right:
                raise ChaosError(f"{what}: of {key} the provider said {said}, and {mine} is stored.")
        if held:
            raise ChaosError(f"{what}: nobody ever delivered {sorted(held)[:3]}.")

    def _require_whole_windows(self, store: BronzeStore, what: str) -> None:
        """After a run to the end, everything up to now was asked for."""
        covered = Coverage.read(store.folder)
        for pair, part in self.world.oanda.candles.items():
            if missing := covered.missing(pair, part["time"].iloc[0], self.world.now):
                raise ChaosError(f"{what}: {missing} of {pair} was never noted as asked for.")

    def _require_past(self, store: BronzeStore, what: str) -> None:
        """What was stored at the end of earlier runs is there bit for bit."""
        chosen = self._states[:1] + self.chance.sample(self._states, min(3, len(self._states)))
        for moment, content in chosen:
            if content_hash(store.all(moment)) != content:
                raise ChaosError(f"{what}: what was stored at {moment} is another one by now.")
        self.past += len(chosen)

    def _require_tidy(self, what: str) -> None:
        """No process is at work, and none of the dead has left anything that only it needed."""
        left = sorted(
            str(path.relative_to(self.root))
            for path in self.root.rglob("*")
            if ".tmp" in path.name or path.name.startswith((".writing-", "work-"))
        )
        merged = self._unnamed("merged-*")
        if left or len(merged) > 1:
            raise ChaosError(f"{what}: {[*left, *merged][:4]} and in all {len(left) + len(merged)} were left behind.")

    def _unnamed(self, pattern: str) -> list[str]:
        store = bronze_of(self.root)
        named = {entry.file for entry in store.entries()}
        return [file.name for file in store.folder.glob(f"{pattern}.parquet") if file.name not in named]

    def unnamed_parts(self) -> int:
        """Files of deliveries that were written when their run was killed, and then came with others: they stay."""
        return len(self._unnamed("part-*"))


def bronze_of(root: Path) -> BronzeStore:
    """The bars as received."""
    return BronzeStore(root / "01_bronze" / "fx" / "bars")


def silver_of(root: Path, table: str) -> pd.DataFrame | None:
    """A silver table as published last, in the order of its rows; None before the first."""
    newest = SnapshotStore(root, "fx").newest()
    if not newest.has(table):
        return None
    frame = pd.read_parquet(newest.path(table))
    return frame.sort_values(list(frame.columns[:2]), kind="stable", ignore_index=True)


def without_receipt(rows: pd.DataFrame, unsure: set[Key]) -> pd.DataFrame:
    """Rows by pair and time, versions in the order in which they came, without when they came."""
    keys = list(zip(rows["instrument"], pd.to_datetime(rows["time"]), strict=True))
    sure = rows[[key not in unsure for key in keys]].drop(columns=[RECEIVED_AT, CONTENT_HASH])
    return sure.sort_values(["instrument", "time"], kind="stable", ignore_index=True)


def require_covered(covered: Coverage, rows: pd.DataFrame) -> None:
    """Every bar of a window that was noted as asked for is stored: this provider has one for every hour."""
    stored = {pair: set(part) for pair, part in pd.to_datetime(rows["time"]).groupby(rows["instrument"])}
    for pair in PAIRS:
        for since, until in covered.of(pair):
            hours = pd.date_range(since.ceil("h"), until - HOUR, freq="h")
            absent = [hour for hour in hours if hour not in stored.get(pair, set())]
            if absent:
                raise ChaosError(
                    f"{pair} is noted as asked for from {since} to {until}, and {absent[:3]} is not there."
                )


def is_within(some: list[float], everything: list[float]) -> bool:
    """Whether values occur among others in the same order, each one once."""
    rest = iter(everything)
    return all(value in rest for value in some)
