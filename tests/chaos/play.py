"""Let everything go wrong that can, many times, and say what was survived.

Run it by ``make chaos``, or ``python tests/chaos/play.py --seed 1 --random 200 --aimed 50 --pairs 20``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from chaos.audience import DELIVERED, Audience, audience
from chaos.disasters import REGISTERING, STORING, Arena, can_mount, faketime_library
from chaos.small_world import MARKETS, Tally


@dataclass(frozen=True)
class Plan:
    """How many disasters of each kind.

    Attributes:
        seed: Of everything random.
        random: Kills at a random moment.
        aimed: Kills at a step that changes something that is stored.
        pairs: Pairs of runs on one folder.
        others: Of each other kind.
        clocks: Jumps of the clock, each with processes of their own.
        pause: Seconds between two questions of the clients.
        restores: How often everything is lost.
        minutes: After so many nothing new is begun.
    """

    seed: int
    random: int
    aimed: int
    pairs: int
    others: int = 1
    clocks: int = 1
    pause: float = 0.05
    restores: int = 1
    minutes: float = 1e9


def play(plan: Plan, folder: Path, say: bool = True) -> tuple[Tally, Audience]:
    """Let the disasters happen, while clients never stop asking.

    Args:
        plan: How many.
        folder: An empty folder.
        say: Whether to print what happens.
    """
    arena = Arena(folder, plan.seed)
    began = time.monotonic()
    try:
        arena.prepare()
        if say:
            print(f"prepared in {time.monotonic() - began:.0f} s", flush=True)
        deliveries = {
            market: [
                {name: held[name] for name in DELIVERED if name in held} for held in arena.expected[market].values()
            ]
            for market in MARKETS
        }
        order = (
            [("killed at a random moment", arena.killed_anywhere)] * plan.random
            + [("killed at a step that stores", lambda: arena.killed_at(STORING))] * (plan.aimed - plan.aimed // 2)
            + [("killed at a step that registers", lambda: arena.killed_at(REGISTERING))] * (plan.aimed // 2)
            + [("two runs at once", arena.two_at_once)] * plan.pairs
            + [("two first runs", arena.two_first_runs)] * plan.others
            + [("disk full", arena.disk_full)] * plan.others
            + [("destroyed and restored", arena.destroyed_and_restored)] * plan.restores
        )
        if can_mount(folder / "can_mount"):
            order += [("disk read-only", arena.disk_read_only)] * plan.others
        elif say:
            print("disk read-only: left out, this process may not mount", flush=True)
        library = faketime_library()
        if library is not None:
            order += [("clock jumps", lambda: arena.clock_jumps(library))] * plan.clocks
        elif plan.clocks and say:
            print("clock jumps: left out, the Debian package `faketime` is not installed", flush=True)
        arena.chance.shuffle(order)
        latest = began + 60.0 * plan.minutes
        with audience(arena.root, folder, deliveries, plan.pause) as told:
            for number, (kind, disaster) in enumerate(order, start=1):
                if time.monotonic() > latest:
                    break
                arena.try_out(kind, disaster)
                if say:
                    print(f"{number:>4} of {len(order)}  {time.monotonic() - began:6.0f} s  {kind}", flush=True)
                    if arena.tally.failures and arena.tally.failures[-1].startswith(kind):
                        print(f"      {arena.tally.failures[-1]}", flush=True)
    finally:
        arena.close()
    return arena.tally, told


def main(arguments: Sequence[str] | None = None) -> int:
    """Play a plan; 1 where something was not survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--random", type=int, default=200)
    parser.add_argument("--aimed", type=int, default=50)
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--others", type=int, default=3)
    parser.add_argument("--clocks", type=int, default=3)
    parser.add_argument("--restores", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=180.0, help="nothing new is begun after so many")
    given = parser.parse_args(arguments)
    plan = Plan(
        given.seed,
        given.random,
        given.aimed,
        given.pairs,
        given.others,
        given.clocks,
        restores=given.restores,
        minutes=given.minutes,
    )
    with tempfile.TemporaryDirectory() as folder:
        tally, told = play(plan, Path(folder))
    print(tally.table())
    print(f"runs that a random moment found at work and killed: {tally.killed}")
    print(f"answers: {dict(told.statuses)}; snapshots computed anew: {told.checked}, no longer kept: {told.unseen}")
    for failure in (*tally.failures, *told.wrong[:20]):
        print(f"not survived: {failure}")
    return 1 if tally.failures or told.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
