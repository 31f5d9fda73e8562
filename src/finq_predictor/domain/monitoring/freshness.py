"""How old the data are, counted while the market is open, and whether they are valid."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.ingestion.gates import Severity
from finq_predictor.domain.market.calendars import Calendar
from finq_predictor.domain.tables import FRESHNESS


def resolve_as_of(as_of: str | None, now: pd.Timestamp, bars: pd.DataFrame) -> pd.Timestamp:
    """Turn the as-of parameter into a time.

    Args:
        as_of: ``"latest"`` for the last bar, or an ISO time, which is UTC without a zone; None is now.
        now: The moment of the run.
        bars: Bars with ``ts``.

    Raises:
        ConfigurationError: If it is neither, or there is no bar to be the latest.
    """
    if as_of is None:
        return now
    if as_of == "latest":
        if bars.empty:
            raise ConfigurationError("as_of is 'latest' but there are no bars; run ingestion or give an ISO time.")
        return pd.Timestamp(bars[TS].max())
    try:
        time = pd.Timestamp(as_of)
    except ValueError:
        time = pd.NaT
    if time is pd.NaT:
        raise ConfigurationError(f"as_of is {as_of!r}; give 'latest' or an ISO time such as 2024-05-31T21:00:00Z.")
    return time.tz_localize("UTC") if time.tz is None else time.tz_convert("UTC")


@dataclass(frozen=True)
class Layer:
    """A table whose freshness is watched.

    Attributes:
        name: Layer, such as ``"silver"``.
        pipeline: The pipeline that writes it.
        table: Rows with ``ts`` and ``instrument``.
        problem: What else is known to be wrong with it; empty where nothing is.
    """

    name: str
    pipeline: str
    table: pd.DataFrame
    problem: str = ""


def stopped_delivery(gates: pd.DataFrame) -> str:
    """What is wrong with silver when a gate stopped the last delivery: it is sound, and what it was before.

    Args:
        gates: The table ``gate_results``.
    """
    closed = gates[~gates["passed"] & (gates["severity"] == Severity.STOP)]
    names = ", ".join(f"{frame} {rule}" for frame, rule in zip(closed["frame"], closed["rule"], strict=True))
    return f"gates stopped the last delivery, it is what it was before: {names}" if names else ""


def measure_layers(
    layers: Iterable[Layer], as_of: pd.Timestamp, calendar: Calendar, limit_hours: float
) -> pd.DataFrame:
    """Measure age and validity of each layer.

    Args:
        layers: The tables.
        as_of: The time at which age is measured.
        calendar: Hours in which the market is closed do not age data.
        limit_hours: Above so many hours while the market is open a layer is stale.

    Returns:
        One row per layer, see the table ``freshness``. An empty layer has NaN hours, is stale and not valid.
    """
    rows = []
    for layer in layers:
        problem = _problem(layer.table, as_of) or layer.problem
        latest = layer.table[TS].max() if len(layer.table) else pd.NaT
        known = latest is not pd.NaT
        open_hours = calendar.open_hours_between(latest, as_of) if known else np.nan
        rows.append(
            {
                "layer": layer.name,
                "pipeline": layer.pipeline,
                "latest": latest,
                "hours": (as_of - latest) / pd.Timedelta(hours=1) if known else np.nan,
                "open_hours": open_hours,
                "limit_hours": limit_hours,
                "stale": not open_hours <= limit_hours,
                "valid": problem == "",
                "problem": problem,
            }
        )
    table = pd.DataFrame(rows, columns=list(FRESHNESS.names))
    return FRESHNESS.typed(table.assign(latest=pd.to_datetime(table["latest"], utc=True)))


def _problem(table: pd.DataFrame, as_of: pd.Timestamp) -> str:
    if table.empty:
        return "no rows"
    doubles = int(table.duplicated([TS, INSTRUMENT]).sum())
    if doubles:
        return f"{doubles} rows repeat a time and instrument"
    future = int((table[TS] > as_of).sum())
    return f"{future} rows are later than {as_of.isoformat()}" if future else ""
