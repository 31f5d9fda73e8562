"""From the silver tables on the disk to the panel that models read."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from finq_predictor.adapters.snapshots.store import Snapshot
from finq_predictor.domain.errors import StoreError
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.panel import OPTIONAL_TABLES, Panel, build_panel, delivered, panel_tables


def silver_datasets(market: Market) -> dict[str, str]:
    """The datasets that a market's panel is built from, by table; the optional ones may be absent."""
    return {table: f"silver_{table}" for table in panel_tables(market)}


def read_silver(snapshot: Snapshot, market: Market) -> dict[str, pd.DataFrame]:
    """Read the silver tables of a market that a panel is built from.

    Returns:
        The tables by name, without optional ones that are absent or empty.

    Raises:
        StoreError: If a table that is needed is absent, or one cannot be read; says which and what to do.
    """
    tables = {}
    for name, dataset in silver_datasets(market).items():
        if snapshot.has(dataset):
            tables[name] = _read(snapshot.path(dataset), f"Silver {name} of {market.name}")
        elif name not in OPTIONAL_TABLES:
            raise StoreError(
                f"No silver {name} of {market.name} below {snapshot.root}; run `make run`, or name another folder of "
                "the data (`--root`, `FINQ_DATA_ROOT`)."
            )
    if "sentiment" in tables and "coverage" not in tables:
        raise StoreError(
            f"The tone of {market.name} below {snapshot.root} does not say for which bars it is complete. "
            "Make it again with: kedro run --pipelines=sentiment"
        )
    return delivered(tables)


def read_panel(snapshot: Snapshot, market: Market) -> Panel:
    """Build the panel of a market from its silver tables, as the features pipeline does.

    Raises:
        StoreError: As :func:`read_silver`.
    """
    return build_panel(market=market, **read_silver(snapshot, market))


def _read(path: Path, what: str) -> pd.DataFrame:
    try:
        return pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise StoreError(f"{what} at {path} cannot be read: {error}") from error
