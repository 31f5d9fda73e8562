"""What was acknowledged to clients, looked for where it should be: in the metrics and in the store."""

from __future__ import annotations

import re
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import select

from endurance.clients import ASKED, CUT
from finq_predictor.adapters.database.schema import feedback, served_predictions
from finq_predictor.adapters.database.served_store import store_engine

TOLERANCE = 1e-9
_ASKED = {path.partition("?")[0].removeprefix("/v1") for _, _, path, _ in ASKED} | {"/feedback"}
_COUNTED = re.compile(r'^finq_prediction_requests_total\{route="([^"]+)",status="(\d+)"\} (\S+)$', re.MULTILINE)
Told = tuple[str, list[str]]
"""What there is to tell, and what does not hold."""


@dataclass
class Accounts:
    """What clients were answered until now.

    Attributes:
        recorded: Probability of each prediction that was acknowledged as recorded, by id.
        fed: Ids of the feedback that was.
        routes: Answers by route and status.
    """

    recorded: dict[str, float | None] = field(default_factory=dict)
    fed: list[str] = field(default_factory=list)
    routes: Counter[str] = field(default_factory=Counter)

    def take(self, told: dict[str, Any]) -> None:
        """Take over what clients have told."""
        self.recorded |= told["recorded"]
        self.fed += told["fed"]
        self.routes.update(told["routes"])

    def of_metrics(self, text: str, kills: int) -> Told:
        """Requests as the clients and as the server count them; of those that were cut off one may not know.

        Args:
            text: The metrics of the server.
            kills: How many of its workers were killed.
        """
        counted = {
            f"{route} {status}": int(float(value)) for route, status, value in _COUNTED.findall(text) if route in _ASKED
        }
        cut = sum(count for route, count in self.routes.items() if route.endswith(f" {CUT}"))
        known = {route: count for route, count in self.routes.items() if not route.endswith(f" {CUT}")}
        more = sum(counted.values()) - sum(known.values())
        wrong = []
        # A worker may be killed between an answer and its being counted, or between counting and the last byte.
        if not -kills <= more <= cut:
            wrong.append(f"the metrics count {more:+d} requests more than the clients, who lost {cut}")
        if kills == 0 and counted != known:
            wrong.append(f"clients count {known}, the metrics {counted}")
        return (
            f"requests: clients {sum(known.values()):,} answered and {cut} cut off by {kills} kills, "
            f"metrics {sum(counted.values()):,}"
        ), wrong

    def of_the_store(self, root: Path, patience: float) -> Told:
        """What was acknowledged as recorded, and what is in the store.

        Args:
            root: Folder of the data.
            patience: Seconds that the keeper has to store what waits.
        """
        end = time.monotonic() + patience
        while True:
            stored, fed = _stored(root)
            missing = self.recorded.keys() - stored.keys()
            if not missing or time.monotonic() > end:
                break
            time.sleep(0.5)
        twice = [one for one, said in stored.items() if len(said) > 1]
        other = [one for one, said in self.recorded.items() if one in stored and not is_close(said, stored[one][0])]
        wrong = [
            f"{len(found)} {name}, such as {min(found)}"
            for name, found in (
                ("acknowledged predictions are not in the store", missing),
                ("predictions are stored twice", twice),
                ("predictions are stored with another probability than was answered", other),
                ("acknowledged feedback is not in the store", set(self.fed) - fed),
            )
            if found
        ]
        return (
            f"predictions: {len(self.recorded):,} acknowledged, {sum(map(len, stored.values())):,} stored, "
            f"{len(missing)} missing; feedback: {len(self.fed):,} acknowledged, {len(fed):,} stored"
        ), wrong


def is_close(one: float | None, other: float | None) -> bool:
    """Whether two probabilities are the same."""
    return one is other if one is None or other is None else abs(one - other) <= TOLERANCE


def _stored(root: Path) -> tuple[dict[str, list[float | None]], set[str]]:
    """Probabilities of all predictions in the store by id, and the ids of the feedback."""
    engine = store_engine(root)
    with engine.connect() as connection:
        columns = served_predictions.c.id, served_predictions.c.probability
        found: dict[str, list[float | None]] = {}
        for name, probability in connection.execute(select(*columns)):
            found.setdefault(name, []).append(probability)
        return found, set(connection.execute(select(feedback.c.id)).scalars())
