"""What features were computed from, and by what, as one word: where it is the same, so are the values, bit by bit."""

from __future__ import annotations

import platform
from functools import cache
from hashlib import sha256
from pathlib import Path

from finq_predictor.adapters.distributions import PREDICTING, installed
from finq_predictor.adapters.silver import silver_datasets
from finq_predictor.adapters.snapshots.store import Snapshot
from finq_predictor.domain.market.markets import Market

_PACKAGE = Path(__file__).parents[2]
_LAID_OUT_BY = ("adapters/silver.py", "domain/panel.py", "domain/membership.py", "domain/market/**/*.py")
"""What brings silver onto a panel; what computes on it stands in the definitions of the features."""


def data_mark(snapshot: Snapshot, market: Market) -> str:
    """The mark of what a panel of a market is made of, and of what computes on it here.

    Args:
        snapshot: A state of its data.
        market: The market.

    Returns:
        The same wherever the same silver tables are read by the same code and versions on the same kind of machine.
    """
    entries = snapshot.manifest.entries
    held = [f"{name}={entries[name].content}" for name in sorted(silver_datasets(market).values()) if name in entries]
    return sha256("|".join([*held, *_here()]).encode()).hexdigest()[:32]


@cache
def _here() -> tuple[str, ...]:
    code = sha256()
    for pattern in _LAID_OUT_BY:
        for file in sorted(_PACKAGE.glob(pattern)):
            code.update(file.read_bytes())
    versions = (f"{name}={version}" for name, version in installed(PREDICTING).items())
    return (platform.machine(), code.hexdigest(), *versions)
