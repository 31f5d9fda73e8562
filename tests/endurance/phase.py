"""What was noticed in one part of a play, and how it is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np


@dataclass
class Phase:
    """What was noticed in one part of the play.

    Attributes:
        name: Of the part.
        seconds: How long it took.
        ms: Waits by question.
        statuses: Answers by status; 0 is an end of the connection.
        wrong: What should not have been, in a sentence each.
        memory: Seconds since the beginning and MB, of each process that was there at the beginning.
        states: Snapshots and models whose answers were computed anew, and were the same.
        open: Descriptors and threads of the server before and after.
        swaps: Seconds until each new model was served.
        told: What there is to tell beside that.
    """

    name: str
    seconds: float = 0.0
    ms: dict[str, list[float]] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    memory: dict[int, list[tuple[float, float]]] = field(default_factory=dict)
    states: int = 0
    open: list[tuple[int, int]] = field(default_factory=list)
    swaps: list[float] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    @property
    def lasting(self) -> dict[int, np.ndarray]:
        """Memory of those processes that were there all the time: seconds and MB, a row for each look."""
        longest = max(map(len, self.memory.values()))
        return {process: np.array(seen) for process, seen in self.memory.items() if len(seen) == longest}

    @property
    def slope(self) -> float:
        """MB in ten minutes of the process that grew most, of those that were there all the time."""
        return max(map(slope_of, self.lasting.values()))

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
        lasting = self.lasting
        if len(next(iter(lasting.values()))) > 10:
            yield f"  memory of {len(lasting)} of {len(self.memory)} processes, and slope in ten minutes:"
            for process, seen in lasting.items():
                tenths = " ".join(f"{mb:.0f}" for mb in seen[np.linspace(0, len(seen) - 1, 11).astype(int), 1])
                yield f"    {process}: {tenths} MB, {slope_of(seen):+.1f} MB"
            yield f"  descriptors, threads {self.open[0]} -> {self.open[-1]}"
        yield from (f"  {sentence}" for sentence in self.told)
        for sentence in self.wrong:
            yield f"  not held: {sentence}"


def slope_of(seen: np.ndarray) -> float:
    """MB in ten minutes of a process, by least squares over all but the first fifth."""
    seconds, mb = seen.T
    later = seconds >= seconds[0] + 0.2 * (seconds[-1] - seconds[0])
    return 600.0 * float(np.polyfit(seconds[later], mb[later], 1)[0])
