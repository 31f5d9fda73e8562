"""Typed values that cross nodes, complete and plausible, with whatever a test wants changed."""

from __future__ import annotations

from typing import Any

from finq_predictor.domain.ingestion.provenance import Provenance
from finq_predictor.domain.ingestion.tally import Delivery, Tally


def make_provenance(**changes: Any) -> Provenance:
    """Data of the simulator."""
    facts: dict[str, Any] = {
        "source": "simulated",
        "source_id": "simulated-0",
        "simulated": True,
        "content_hashes": {"bars": ("9f2c41d07be1aa52",), "benchmark": ("1b77c0de00aa1122",)},
        "rows": {"bars": 1000, "benchmark": 100},
        "first_ts": "2023-01-02T21:00:00+00:00",
        "last_ts": "2023-12-29T21:00:00+00:00",
        "instruments": 20,
    }
    return Provenance(**{**facts, **changes})


def make_delivery(table: str = "bars", source: str = "own:a", **changes: Any) -> Delivery:
    """A delivery of a hundred good rows; ``changes`` are of its tally."""
    return Delivery(table, source, ("9f2c41d07be1aa52",), Tally(**{"rows": 100, "kept": 100, **changes}))
