"""What can go wrong while runs write: each disaster happens to a small market, and the next run must make it good."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from chaos.small_world import (
    DATA_STAGES,
    FIRST,
    MARKETS,
    MODEL_STAGES,
    SECOND,
    ChaosError,
    Delivery,
    Runner,
    Tally,
    contents,
    later,
    require_same,
)
from finq_predictor.adapters.backup import back_up, restore
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.tracking import connect
from finq_predictor.domain.market.markets import MARKETS as EVERY

REGISTERING = (
    "create_run",
    "log_batch",
    "log_artifacts",
    "set_terminated",
    "create_registered_model",
    "create_model_version",
    "set_registered_model_alias",
)
STORING = ("replace", "rename", "fsync", "unlink")
SMALL_DISK = 30_000
FAKETIME = [Path(f"/usr/lib/{kind}-linux-gnu/faketime/libfaketime.so.1") for kind in ("x86_64", "aarch64")]


class Arena:
    """A folder of data with both markets, a runner for each, and what undisturbed runs leave there.

    Args:
        folder: An empty folder.
        seed: Of everything random.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder, self.root = folder, folder / "data"
        self.chance = random.Random(seed)
        self.runners = {market: Runner(folder, market) for market in MARKETS}
        self.tally = Tally()
        self.durations: dict[tuple[str, ...], float] = {}
        self.steps: dict[tuple[str, tuple[str, ...]], dict[str, int]] = {}
        self._copies = 0
        self.expected: dict[str, dict[Delivery, dict[str, str]]] = {market: {} for market in MARKETS}

    def prepare(self) -> None:
        """Run everything undisturbed, and keep what that leaves."""
        self._reference(DATA_STAGES)
        self.untrained = self.copy("untrained")
        self._reference(MODEL_STAGES)
        for market in MARKETS:
            self.expected[market][FIRST] = contents(self.root, market)
        self.books = self.account(self.root)
        aside = self.copy("second")
        self.together(aside, DATA_STAGES, SECOND)
        for market in MARKETS:
            held = contents(aside, market)
            self.expected[market][SECOND] = {
                name: held[name] for name in held if name.startswith(("silver", "gold", "provenance"))
            }
            if held["gold"] == self.expected[market][FIRST]["gold"]:
                raise ChaosError("The two deliveries are the same; nothing could be mixed up.")
        shutil.rmtree(aside)

    def _reference(self, stages: tuple[str, ...]) -> None:
        started = time.monotonic()
        files = {market: self.folder / f"{market}-{stages[0]}.json" for market in MARKETS}
        for market, runner in self.runners.items():
            runner.begin(self.root, market, stages, FIRST, counts=str(files[market]))
        for market, runner in self.runners.items():
            self.must(runner.end(), market)
            self.steps[market, stages] = json.loads(files[market].read_text())["steps"]
        self.durations[stages] = time.monotonic() - started

    def copy(self, name: str) -> Path:
        """A copy of the folder of the data as it is, at a place where none was before: clients remember databases."""
        return self._copied(self.root, name)

    def _copied(self, source: Path, name: str) -> Path:
        self._copies += 1
        target = self.folder / f"{name}-{self._copies}"
        shutil.copytree(source, target, symlinks=True)
        return target

    def together(self, root: Path, stages: tuple[str, ...], delivery: Delivery) -> None:
        """Run stages of both markets side by side to the end."""
        started = time.monotonic()
        for market, runner in self.runners.items():
            runner.begin(root, market, stages, delivery)
        for market, runner in self.runners.items():
            self.must(runner.end(), market)
        # The first one took longer, as it imported everything; a kill that comes later than a run ends is none.
        self.durations[stages] = min(time.monotonic() - started, self.durations.get(stages, float("inf")))

    def must(self, code: int, what: str) -> None:
        """Refuse a run that failed."""
        if code != 0:
            said = "".join(f"\n{runner.said()}" for runner in self.runners.values())
            raise ChaosError(f"The run of {what} ended with {code}.{said}")

    def same(self, root: Path, market: str, delivery: Delivery, what: str) -> None:
        """Compare what is stored with what an undisturbed run leaves."""
        require_same(contents(root, market), self.expected[market][delivery], f"{market} after {what}")

    def account(self, root: Path) -> dict[str, tuple[int, int, int]]:
        """By market: versions of the model, finished runs of models, and runs that nobody closed."""
        client, found = connect(Layout(root).tracking_uri), {}
        for market in MARKETS:
            versions = client.search_model_versions(f"name='{EVERY[market].registered_model}'")
            experiment = client.get_experiment_by_name(f"finq-{market}")
            runs = [] if experiment is None else client.search_runs([experiment.experiment_id], max_results=5000)
            states = [run.info.status for run in runs]
            found[market] = (len(versions), states.count("FINISHED"), states.count("RUNNING"))
        return found

    def try_out(self, kind: str, disaster: Callable[[], None]) -> None:
        """Let a disaster happen, and take note whether it was survived."""
        try:
            disaster()
        except (ChaosError, subprocess.SubprocessError, OSError) as failure:
            self.tally.note(kind, f"{type(failure).__name__}: {failure}")
        else:
            self.tally.note(kind, None)

    def close(self) -> None:
        """Let the runners go."""
        for runner in self.runners.values():
            runner.close()

    # Disasters

    def killed_anywhere(self) -> None:
        """Both markets run at once, and both are killed at a random moment."""
        stages = DATA_STAGES if self.chance.random() < 0.75 else MODEL_STAGES
        delivery = self.chance.choice((FIRST, SECOND)) if stages == DATA_STAGES else FIRST
        if stages == MODEL_STAGES:
            self.together(self.root, DATA_STAGES, FIRST)
        ended = [0, 0]
        while not any(ended):
            for market, runner in self.runners.items():
                runner.begin(self.root, market, stages, delivery)
            later(self.chance, self.durations[stages])
            for runner in self.runners.values():
                runner.kill()
            ended = [runner.end() for runner in self.runners.values()]
            for code, market in zip(ended, MARKETS, strict=True):
                self.must(max(code, 0), market)
        self.tally.killed += sum(code < 0 for code in ended)
        self.together(self.root, stages, delivery)
        for market in MARKETS:
            self.same(self.root, market, delivery, f"a kill in {stages[0]} to {stages[-1]}")
        self._books_are_the_same(self.root, "a kill")

    def killed_at(self, family: tuple[str, ...]) -> None:
        """One market is killed just before or after a step that changes something that is stored."""
        market = self.chance.choice(MARKETS)
        registers = family == REGISTERING
        # A model is registered only where there is none; what is published is published by every stage.
        root = self._copied(self.untrained, "registering") if registers else self.root
        stages = MODEL_STAGES if registers or self.chance.random() < 0.5 else DATA_STAGES
        delivery = FIRST if stages == MODEL_STAGES else self.chance.choice((FIRST, SECOND))
        if stages == MODEL_STAGES and not registers:
            self.together(root, DATA_STAGES, FIRST)
        counts = self.steps[market, stages]
        step = self.chance.choice([name for name in family if counts.get(name)])
        aim = [step, self.chance.randint(1, counts[step]), self.chance.random() < 0.5]
        runner = self.runners[market]
        code = runner.run(root, market, stages, delivery, aim=aim)
        if code == 0 and registers:
            raise ChaosError(f"The run of {market} was to be killed at {aim} and was not.")
        self.must(runner.run(root, market, stages, delivery), market)
        self.same(root, market, delivery, f"a kill at {aim}")
        versions, finished, running = self.account(root)[market]
        if (versions, running) != (1, 0) or (registers and finished != self.books[market][1]):
            raise ChaosError(
                f"{market} after a kill at {aim}: {versions} versions, {finished} finished runs, {running} open; "
                f"expected 1, {self.books[market][1]}, 0."
            )

    def two_at_once(self) -> None:
        """Two runs of the same stages of the same market begin at the same moment."""
        market = self.chance.choice(MARKETS)
        stages = DATA_STAGES if self.chance.random() < 0.7 else MODEL_STAGES
        if stages == MODEL_STAGES:
            self.together(self.root, DATA_STAGES, FIRST)
        for runner in self.runners.values():
            runner.begin(self.root, market, stages, FIRST)
        for runner in self.runners.values():
            self.must(runner.end(), f"{market}, beside another one")
        self.same(self.root, market, FIRST, "two runs at once")
        self._books_are_the_same(self.root, "two runs at once")

    def two_first_runs(self) -> None:
        """Two runs begin on a folder in which there is nothing."""
        self._copies += 1
        root = self.folder / f"fresh-{self._copies}"
        self.together(root, DATA_STAGES, FIRST)
        for market in MARKETS:
            silver = {name: held for name, held in self.expected[market][FIRST].items() if name.startswith("silver")}
            require_same(contents(root, market), silver, f"{market} after two first runs")

    def disk_full(self) -> None:
        """Files cannot grow beyond a few bytes; what was stored stays, and the next run finds room."""
        market = self.chance.choice(MARKETS)
        before = contents(self.root, market)
        code = self.runners[market].run(self.root, market, DATA_STAGES, SECOND, largest_file=SMALL_DISK)
        if code == 0:
            raise ChaosError("The run succeeded on a disk that is full.")
        if contents(self.root, market) != before:
            raise ChaosError("What could not be stored whole was published.")
        self.together(self.root, DATA_STAGES, SECOND)
        self.same(self.root, market, SECOND, "a full disk")

    def disk_read_only(self) -> None:
        """The disk takes nothing any more, and then does again."""
        root = self.copy("mounted")
        market = self.chance.choice(MARKETS)
        before = contents(root, market)
        with mounted_read_only(root):
            if self.runners[market].run(root, market, DATA_STAGES, SECOND) == 0:
                raise ChaosError("The run succeeded on a disk that cannot be written.")
            if contents(root, market) != before:
                raise ChaosError("The disk cannot be read while it cannot be written.")
        self.together(root, DATA_STAGES, SECOND)
        self.same(root, market, SECOND, "a disk that could not be written")

    def clock_jumps(self, library: str) -> None:
        """The clock of the machine is a year ahead for one run, a year behind for the next, and right again."""
        market = self.chance.choice(MARKETS)
        for number, jump in enumerate(("+366d", "-366d")):
            runner = Runner(self.folder, f"clock-{number}", LD_PRELOAD=library, FAKETIME=jump, FAKETIME_DONT_RESET="1")
            try:
                self.must(runner.run(self.root, market, DATA_STAGES, (SECOND, FIRST)[number]), f"{market} at {jump}")
            finally:
                runner.close()
            self.same(self.root, market, (SECOND, FIRST)[number], f"a clock at {jump}")
        self.together(self.root, DATA_STAGES, SECOND)
        self.same(self.root, market, SECOND, "a clock that came back")

    def destroyed_and_restored(self) -> None:
        """A backup is taken while runs write; everything is lost; the backup is restored elsewhere and used."""
        root = self.copy("lost")
        backup, elsewhere = (root.with_name(f"{root.name}-{name}") for name in ("backup", "restored"))
        for market, runner in self.runners.items():
            runner.begin(root, market, DATA_STAGES, SECOND)
        later(self.chance, self.durations[DATA_STAGES])
        back_up(root, backup)
        for market, runner in self.runners.items():
            self.must(runner.end(), market)
        shutil.rmtree(root)
        restore(backup, elsewhere)
        for market in MARKETS:
            held = contents(elsewhere, market)["silver_bars"]
            if held not in {expected["silver_bars"] for expected in self.expected[market].values()}:
                raise ChaosError(f"{market}: the bars that were restored are of no delivery.")
        self.together(elsewhere, DATA_STAGES, FIRST)
        self.together(elsewhere, MODEL_STAGES, FIRST)
        for market in MARKETS:
            self.same(elsewhere, market, FIRST, "a restore")
        if root.exists():
            raise ChaosError("The restored folder writes to where it came from.")

    def _books_are_the_same(self, root: Path, what: str) -> None:
        for market, (versions, _, running) in self.account(root).items():
            if (versions, running) != (self.books[market][0], 0):
                raise ChaosError(f"{market} after {what}: {versions} versions and {running} open runs.")


@contextmanager
def mounted_read_only(root: Path) -> Iterator[None]:
    """Let a folder be one that cannot be written, which needs the right to mount."""
    subprocess.run(["mount", "--bind", str(root), str(root)], check=True, capture_output=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(root)], check=True, capture_output=True)
        yield
    finally:
        subprocess.run(["umount", str(root)], check=True, capture_output=True)


def can_mount(folder: Path) -> bool:
    """Whether this process may mount."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with mounted_read_only(folder):
            return True
    except (OSError, subprocess.SubprocessError):
        return False


def faketime_library() -> str | None:
    """The library that lets a process see another time; None where it is not installed."""
    return next((str(path) for path in FAKETIME if path.exists()), None)
