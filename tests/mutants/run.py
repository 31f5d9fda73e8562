"""Put known mistakes into a copy of the source, one at a time, and see that the tests named beside each notice.

Run it by ``make mutants``, or for one of them ``python tests/mutants/run.py --only NAME``.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
LIST = Path(__file__).with_name("mutants.toml")
PACKAGE = "finq_predictor"
TIMEOUT_S = 300
FAILED = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE)
TESTS_FAILED = 1
"""What pytest returns when a test failed; more means that it could not run them."""


class MutantError(Exception):
    """The list does not fit the source, or the tests do not run."""


@dataclass(frozen=True)
class Mutant:
    """One mistake.

    Attributes:
        name: What is done wrong, in words with hyphens.
        file: Where, under ``src/finq_predictor``.
        old: The text that is replaced; it stands there exactly once.
        new: The text that replaces it.
        killed_by: Files or node ids of tests of which at least one has to fail.
        survives: Why no test notices; empty for all that are killed.
    """

    name: str
    file: str
    old: str
    new: str
    killed_by: tuple[str, ...]
    survives: str = ""

    def applied(self, text: str) -> str:
        """The source with the mistake in it.

        Raises:
            MutantError: If the old text does not stand there exactly once, or what results is no Python.
        """
        count = text.count(self.old)
        if count != 1:
            raise MutantError(
                f"{self.name}: {self.old!r} stands {count} times in {self.file}, expected once; the source has moved "
                f"on, so write the mistake anew in {LIST.relative_to(PROJECT)}."
            )
        mutated = text.replace(self.old, self.new)
        try:
            compile(mutated, self.file, "exec")
        except SyntaxError as error:
            raise MutantError(f"{self.name}: {error.msg} in line {error.lineno} of the mutated {self.file}.") from error
        return mutated


@dataclass(frozen=True)
class Outcome:
    """What the tests said about a mutant.

    Attributes:
        killer: The first test that failed; empty if none did.
        seconds: How long they took.
    """

    killer: str
    seconds: float


class Workshop:
    """A copy of the source in a folder of its own, in which mistakes are made and taken back.

    Args:
        folder: An empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self.source = folder / "src"
        # With its compiled files and its times, so that nothing is compiled again but what is mutated.
        shutil.copytree(PROJECT / "src", self.source)
        told = self._python("-c", f"import {PACKAGE}; print({PACKAGE}.__file__)").stdout.strip()
        if not Path(told).is_relative_to(self.source):
            raise MutantError(f"The tests would read {told}, not the copy under {self.source}.")

    def test(self, tests: Iterable[str]) -> Outcome:
        """Run tests until one fails.

        Raises:
            MutantError: If they cannot be run.
        """
        started = time.monotonic()
        command = ("-m", "pytest", "-x", "-q", "--no-header", "--tb=no", "-rfE", *tests)
        try:
            done = self._python(*command)
        except subprocess.TimeoutExpired:
            return Outcome(f"no answer in {TIMEOUT_S} s", time.monotonic() - started)
        seconds = time.monotonic() - started
        if done.returncode == 0:
            return Outcome("", seconds)
        failed = FAILED.findall(done.stdout)
        if done.returncode != TESTS_FAILED or not failed:
            raise MutantError(
                f"The tests cannot be run (code {done.returncode}):\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
            )
        return Outcome(failed[0], seconds)

    def judge(self, mutant: Mutant) -> Outcome:
        """Make a mistake, run the tests that have to notice, and take it back."""
        file = self.source / PACKAGE / mutant.file
        right, times = file.read_text(encoding="utf-8"), file.stat()
        file.write_text(mutant.applied(right), encoding="utf-8")
        try:
            return self.test(mutant.killed_by)
        finally:
            file.write_text(right, encoding="utf-8")
            os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))

    def _python(self, *words: str) -> subprocess.CompletedProcess[str]:
        # Nothing is compiled into the copy, so that no mutant leaves anything behind.
        environment = {**os.environ, "PYTHONPATH": str(self.source), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            [sys.executable, *words], cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S
        )


def read_mutants(path: Path = LIST) -> tuple[Mutant, ...]:
    """All mutants of the list.

    Raises:
        MutantError: If two have one name.
    """
    entries = tomllib.loads(path.read_text(encoding="utf-8"))["mutants"]
    mutants = tuple(Mutant(**{**entry, "killed_by": tuple(entry["killed_by"])}) for entry in entries)
    names = [mutant.name for mutant in mutants]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise MutantError(f"Two mutants are called {', '.join(twice)}; give each a name of its own.")
    return mutants


def source_of(mutant: Mutant) -> str:
    """The file that a mutant changes, as it is."""
    return (PROJECT / "src" / PACKAGE / mutant.file).read_text(encoding="utf-8")


def run(mutants: Sequence[Mutant]) -> int:
    """Judge mutants and print a line about each.

    Returns:
        How many survive that should not, or are killed although the list says that they survive.
    """
    wrong = 0
    width = max(len(mutant.name) for mutant in mutants)
    for mutant in mutants:
        mutant.applied(source_of(mutant))
    with tempfile.TemporaryDirectory() as folder:
        workshop = Workshop(Path(folder))
        tests = list(dict.fromkeys(test for mutant in mutants for test in mutant.killed_by))
        sound = workshop.test(tests)
        if sound.killer:
            raise MutantError(f"{sound.killer} fails without any mutant; mend that first.")
        print(f"{'mutant':<{width}} | killed by | seconds")
        print(f"{'none':<{width}} | nothing: {len(tests)} files and tests pass | {sound.seconds:.0f}", flush=True)
        for mutant in mutants:
            outcome = workshop.judge(mutant)
            said = outcome.killer or "SURVIVES"
            if mutant.survives:
                said = f"{said} (known: {mutant.survives})"
            wrong += bool(outcome.killer) == bool(mutant.survives)
            print(f"{mutant.name:<{width}} | {said} | {outcome.seconds:.0f}", flush=True)
    return wrong


def main(words: Sequence[str] | None = None) -> int:
    """Read the options and judge.

    Returns:
        0 if every mutant is killed, but those that are known to survive.
    """
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--only", metavar="NAME", action="append", default=[], help="judge this mutant; may be repeated"
    )
    parser.add_argument("--list", action="store_true", help="show the mutants and judge none")
    options = parser.parse_args(words)
    mutants = read_mutants()
    if unknown := sorted(set(options.only) - {mutant.name for mutant in mutants}):
        parser.error(f"there is no mutant {', '.join(unknown)}; see --list")
    chosen = [mutant for mutant in mutants if not options.only or mutant.name in options.only]
    if options.list:
        for mutant in chosen:
            print(f"{mutant.name}: {mutant.file}")
        return 0
    try:
        wrong = run(chosen)
    except MutantError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(chosen) - wrong} of {len(chosen)} mutants end as the list says.")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
