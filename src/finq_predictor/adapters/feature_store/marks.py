"""What features were computed from, and by what, as one word: where it is the same, so are the values, bit by bit."""

from __future__ import annotations

import platform
from functools import cache
from hashlib import sha256
from importlib.metadata import version

from finq_predictor.adapters.silver import silver_datasets
from finq_predictor.adapters.snapshots.store import Snapshot
from finq_predictor.domain.market.markets import Market

_COMPUTED_BY = ("finq-predictor", "numpy", "numba", "pandas")


def data_mark(snapshot: Snapshot, market: Market) -> str:
    """The mark of what a panel of a market is made of, and of what computes on it here.

    Args:
        snapshot: A state of its data.
        market: The market.

    Returns:
        The same wherever the same silver tables are read by the same versions on the same kind of machine.
    """
    entries = snapshot.manifest.entries
    held = [f"{name}={entries[name].content}" for name in sorted(silver_datasets(market).values()) if name in entries]
    return sha256("|".join([*held, *_here()]).encode()).hexdigest()[:32]


@cache
def _here() -> tuple[str, ...]:
    return (platform.machine(), *(f"{name}={version(name)}" for name in _COMPUTED_BY))
