"""How often providers were asked lately, how often in vain, and what could not be had the last time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from finq_predictor.domain.tables import PROVIDERS

ANSWERED = frozenset({"ok", "moved"})
"""Outcomes of a call that brought what was asked for, or the address where it is."""


@dataclass(frozen=True)
class ProviderNotes:
    """What is noted beside the deliveries of a market.

    Attributes:
        calls: One row per attempt: ``table, source, started_at`` (UTC), ``outcome``.
        outages: What could not be had the last time, one sentence each, by table that lacks something.
    """

    calls: pd.DataFrame
    outages: Mapping[str, tuple[str, ...]]


def measure_providers(notes: ProviderNotes, now: pd.Timestamp, hours: float) -> pd.DataFrame:
    """Count calls, failures and outages.

    Args:
        notes: What is noted.
        now: The moment of the run (UTC).
        hours: Calls that began so long before count.

    Returns:
        One row per table and provider, see the table ``providers``. A table that lacks something and for which nobody
        was asked lately has a row without a provider; there are none where nothing was asked and nothing lacks.
    """
    calls = notes.calls
    recent = calls[(calls["started_at"] > now - pd.Timedelta(hours=hours)) & (calls["started_at"] <= now)]
    failed = recent.assign(failures=~recent["outcome"].isin(ANSWERED))
    counts = failed.groupby(["table", "source"])["failures"].agg(calls="size", failures="sum").reset_index()
    silent = sorted(set(notes.outages) - set(counts["table"]))
    lacking = pd.DataFrame({"table": silent, "source": "", "calls": 0, "failures": 0}, index=range(len(silent)))
    table = pd.concat([counts, lacking], ignore_index=True) if silent else counts
    outages = [len(notes.outages.get(name, ())) for name in table["table"]]
    return PROVIDERS.typed(table.assign(outages=outages).sort_values(["table", "source"], ignore_index=True))
