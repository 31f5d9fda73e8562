"""Send a service everything that an anonymous client can think of, and say what the others noticed.

Run it by ``make attack``, or ``python tests/attack/play.py --seconds 5``. The server is its own, on loopback.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from attack.attacks import ATTACKS
from attack.intrude import guarded, intrude
from attack.intruders import INTRUSIONS
from attack.siege import (
    ARGUMENTS,
    COMMAND,
    HEADING,
    LONGEST_MS,
    SETTINGS,
    SIEGES,
    under_flood,
    under_siege,
    warm_up,
    wide_market,
)
from serving.servers import running


def main(arguments: Sequence[str] | None = None) -> int:
    """Attack; 1 where something did not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each attack lasts")
    parser.add_argument("--only", action="append", help="name of an attack; all when left out")
    given = parser.parse_args(arguments)
    reports = []
    with tempfile.TemporaryDirectory() as folder:
        root = wide_market(Path(folder) / "data")
        settings = {"FINQ_DATA_ROOT": str(root), **SETTINGS}
        with running(COMMAND, Path(folder), arguments=ARGUMENTS, **settings) as server:
            warm_up(server)
            print(HEADING)
            for attacks, attack in ((ATTACKS, under_flood), (SIEGES, under_siege)):
                for name in attacks:
                    if given.only is None or name in given.only:
                        reports.append(attack(server, name, given.seconds))
                        print(reports[-1].line(), flush=True)
        print("\nWhat somebody sends who has no account, or wants more than theirs")
        refused = []
        with guarded(root, Path(folder)) as (server, door):
            for name in INTRUSIONS:
                if given.only is None or name in given.only:
                    line, well = intrude(server, door, name)
                    refused.append(well)
                    print(line, flush=True)
        print(f"{sum(refused)} of {len(refused)} were refused.")
    held = [report for report in reports if not report.wrong]
    late = [report.name for report in reports if report.worst_ms > LONGEST_MS]
    print(f"{len(held)} of {len(reports)} held.")
    print(f"Others waited more than {LONGEST_MS:g} ms at {len(late)}: {', '.join(late) or 'none of them'}")
    return 0 if len(held) == len(reports) and all(refused) else 1


if __name__ == "__main__":
    sys.exit(main())
