"""Kill the ingestion of real providers at every stage, many times, and say what was survived.

Run it by ``make chaos-ingestion``, or ``python tests/chaos_ingestion/play.py --seed 1 --kills 200 --pairs 50``.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from chaos_ingestion.arena import STAGES, Arena, Watch
from chaos_ingestion.world import providers


@dataclass(frozen=True)
class Plan:
    """How many disasters.

    Attributes:
        seed: Of everything random.
        kills: Runs that are killed, by turns anywhere and in each stage.
        pairs: Pairs of runs on one folder, of which one is killed.
        minutes: After so many nothing new is begun.
        pause: Seconds between two looks of the reader.
        stages: In which runs are killed, by turns; None is anywhere.
    """

    seed: int
    kills: int
    pairs: int
    minutes: float = 1e9
    pause: float = 0.25
    stages: tuple[str | None, ...] = (None, *STAGES)


def play(plan: Plan, folder: Path, say: bool = True) -> tuple[Arena, Watch]:
    """Let the disasters happen, while somebody never stops reading.

    Args:
        plan: How many.
        folder: An empty folder.
        say: Whether to print what happens.
    """
    began = time.monotonic()
    with providers(random.Random(plan.seed)) as world:
        arena = Arena(folder, plan.seed, world)
        try:
            with Watch(arena.root).looking(plan.pause) as watch:
                arena.prepare()
                if say:
                    print(
                        f"prepared in {time.monotonic() - began:.0f} s; a run takes {arena.duration:.1f} s", flush=True
                    )
                order = disasters(plan, arena)
                for number, (kind, disaster) in enumerate(order, start=1):
                    if time.monotonic() > began + 60.0 * plan.minutes or arena.tally.failures:
                        # What follows a failure says nothing: the folder is no longer what it should be.
                        break
                    arena.try_out(kind, disaster)
                    if say:
                        print(f"{number:>4} of {len(order)}  {time.monotonic() - began:6.0f} s  {kind}", flush=True)
        finally:
            arena.close()
    return arena, watch


def disasters(plan: Plan, arena: Arena) -> list[tuple[str, Callable[[], None]]]:
    """What happens and its name, in a random order."""
    kills = [
        (f"killed {f'while {stage}' if stage else 'anywhere'}", partial(arena.killed, stage)) for stage in plan.stages
    ]
    pairs = [
        ("two runs at once, one killed", partial(arena.two_at_once, bare=False)),
        ("two that only fetch and store, one killed", partial(arena.two_at_once, bare=True)),
    ]
    order = [kills[number % len(kills)] for number in range(plan.kills)]
    order += [pairs[number % len(pairs)] for number in range(plan.pairs)]
    arena.chance.shuffle(order)
    return order


def main(arguments: Sequence[str] | None = None) -> int:
    """Play a plan; 1 where something was not survived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--pairs", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=120.0, help="nothing new is begun after so many")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        arena, watch = play(Plan(given.seed, given.kills, given.pairs, given.minutes), Path(folder))
        parts = arena.unnamed_parts()
    print(arena.tally.table())
    found = ", ".join(f"{stage} {count}" for stage, count in arena.found.most_common())
    print(f"runs that a kill found at work: {arena.tally.killed} ({found})")
    print(f"looks of a reader meanwhile: {watch.looks}; states that were there again bit for bit: {arena.past}")
    print(f"deliveries that were written, came with others after a kill, and lie there unnamed: {parts}")
    print(f"load of the last minutes: {', '.join(f'{load:.1f}' for load in os.getloadavg())}")
    wrong = [*arena.tally.failures, *watch.wrong[:20]]
    for failure in wrong:
        print(f"not survived: {failure}")
    if wrong:
        print(f"the same again: python tests/chaos_ingestion/play.py --seed {given.seed}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
