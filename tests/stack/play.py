"""Start all of the stack on this machine, go the whole way from bars to a person who is told, and say what was proved.

Run it by ``make stack-test``, or ``python tests/stack/play.py``; with ``APT=1``, or ``--install``, root installs what
is missing.
"""

from __future__ import annotations

import argparse
import logging
import sys
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from stack.engine import PROJECT, Stack
from stack.hops import HOPS, Way
from stack.machine import require
from stack.world import world

_WITHIN = PROJECT / ".venv-checkers" / "lib" / "python3.11" / "site-packages"
COMPOSE = _WITHIN / "compose" / "docker-compose"
COLLECTOR = _WITHIN / "otel_collector" / "bin" / "otelcol-contrib_linux_amd64"


@dataclass(frozen=True)
class Proved:
    """What became of a hop.

    Attributes:
        name: Its name.
        seconds: How long it took.
        proof: By what it is proved, or why it is not.
        holds: Whether it is.
    """

    name: str
    seconds: float
    proof: str
    holds: bool

    def line(self) -> str:
        """It as a line of the table."""
        return f"{'ok ' if self.holds else 'NOT'}  {self.name:<24} {self.seconds:6.1f} s  {self.proof}"


def tool(file: Path) -> str:
    """A program of the checkers' environment.

    Raises:
        SystemExit: If it is not there.
    """
    if not file.exists():
        sys.exit(f"{file.name} is not here: make .venv-checkers/.ready")
    file.chmod(file.stat().st_mode | 0o111)
    return str(file)


def services(stack: Stack) -> list[str]:
    """The table of the parts."""
    lines = [f"{'part':<14} {'ready':>8}  {'files':>5} {'lines that differ':>18}  health check"]
    for name, part in stack.parts.items():
        files, changed = sum(one.files for one in part.copied), sum(one.lines for one in part.copied)
        check = part.said.get("healthcheck", {})
        how = " ".join(check.get("test", ["none"]))[:70]
        ready = "-" if part.ready_s is None else f"{part.ready_s:.1f} s"
        lines.append(f"{name:<14} {ready:>8}  {files:>5} {changed:>18}  {how}")
    lines.append(f"left out: {', '.join(sorted(stack.left_out))} (no package of Debian; its queries are asked instead)")
    return lines


def main(arguments: Sequence[str] | None = None) -> int:
    """Play; 1 where a hop was not proved."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--install", action="store_true", help="let root install what is missing")
    parser.add_argument("--only", action="append", help="name of a hop; all when left out")
    given = parser.parse_args(arguments)
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    require(given.install)
    began, proved = time.monotonic(), []
    with world(tool(COMPOSE), tool(COLLECTOR)) as around:
        way, wrong = Way(around), ["nothing was ended"]
        try:
            started = time.monotonic()
            around.stack.up()
            print("\n".join(services(around.stack)))
            print(f"all well after {time.monotonic() - started:.0f} s\n", flush=True)
            for name, hop in HOPS.items():
                if given.only is None or name in given.only:
                    proved.append(_tried(name, hop, way))
                    print(proved[-1].line(), flush=True)
                    if not proved[-1].holds:
                        break
        finally:
            at = time.monotonic()
            wrong = around.stack.down()
        ended = ", ".join(f"{name} {part.ended}" for name, part in around.stack.parts.items())
        proved.append(
            Proved("the end", time.monotonic() - at, "; ".join(wrong) or f"each when it was asked: {ended}", not wrong)
        )
        print(proved[-1].line())
    held = sum(one.holds for one in proved)
    print(f"\n{held} of {len(proved)} hops proved in {time.monotonic() - began:.0f} s.")
    return 0 if held == len(proved) == len(given.only or HOPS) + 1 else 1


def _tried(name: str, hop: object, way: Way) -> Proved:
    began = time.monotonic()
    try:
        proof, holds = hop(way), True  # type: ignore[operator]  # hops are kept as objects
    except Exception as error:
        traceback.print_exc()
        proof, holds = f"{type(error).__name__}: {error}", False
    return Proved(name, time.monotonic() - began, proof, holds)


if __name__ == "__main__":
    sys.exit(main())
