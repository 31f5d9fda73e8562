"""What must hold in a table, as Great Expectations: built from the table's declaration.

Cleaning and gates have judged single rows and whole deliveries before. The suites are the second pair of eyes: they
know nothing of how a table was made, and so also catch a fault in the making.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.adapters.quality.clearing import FINITE
from finq_predictor.adapters.quality.engine import expectations
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.tables import BRONZE, TABLES, Column, Layer, Table, Within, get_table


def declared(layer: Layer, market: str, name: str) -> Table:
    """The declaration of a table as a market keeps it.

    Args:
        layer: Its layer.
        market: Name of the market, which knows which columns its bars have and which deliveries it needs.
        name: Its name in the layer, such as ``"bars"``, or in the catalog, such as ``"scored_articles"``.

    Raises:
        UnknownNameError: If there is no such market or table; near misses are suggested.
    """
    keeper = get_market(market)
    if layer is Layer.SILVER and name == "bars":
        return keeper.bars_table
    if layer is Layer.BRONZE:
        return replace(BRONZE, min_rows=1, min_columns=3) if name in keeper.required_tables else BRONZE
    in_layer = f"{layer}_{name}"
    return get_table(in_layer if in_layer in TABLES else name)


def expectations_of(table: Table, frame: pd.DataFrame) -> list[Any]:
    """Everything that is declared about the values of a table.

    Args:
        table: The declaration.
        frame: What :func:`with_derived` gave; its columns and types are as declared.
    """
    gxe = expectations()
    wanted = list(_about_rows(table, gxe))
    for name in frame:
        column = table.column(str(name))
        if column is not None and not _cleared(column, frame[name]):
            wanted += _about_values(str(name), column, frame[name], gxe)
    for high, low in table.not_below:
        # Nothing can be said where one side is missing throughout.
        if frame[high].notna().any() and frame[low].notna().any():
            wanted.append(
                gxe.ExpectColumnPairValuesAToBeGreaterThanB(
                    column_A=high, column_B=low, or_equal=True, ignore_row_if="either_value_is_missing"
                )
            )
    for limits in table.within:
        wanted += [
            gxe.ExpectColumnValuesToBeBetween(column=name, max_value=limits.tolerance) for name in _derived(limits)
        ]
    return wanted


def with_derived(table: Table, frame: pd.DataFrame) -> pd.DataFrame:
    """Add what is expected but no table holds: by how much columns lie beyond their limits, relative to the limit."""
    for limits in table.within:
        above, below = _derived(limits)
        columns = frame[list(limits.columns)]
        frame = frame.assign(
            **{
                above: columns.max(axis=1) / frame[limits.high] - 1,
                below: frame[limits.low] / columns.min(axis=1) - 1,
            }
        )
    return frame


def _derived(limits: Within) -> tuple[str, str]:
    return f"_beyond_{limits.high}", f"_beyond_{limits.low}"


def _about_rows(table: Table, gxe: Any) -> Iterator[Any]:
    if table.min_rows:
        yield gxe.ExpectTableRowCountToBeBetween(min_value=table.min_rows)
    if table.min_columns:
        yield gxe.ExpectTableColumnCountToBeBetween(min_value=table.min_columns)
    if len(table.key) == 1:
        yield gxe.ExpectColumnValuesToBeUnique(column=table.key[0])
    elif table.key:
        yield gxe.ExpectCompoundColumnsToBeUnique(column_list=list(table.key))
    if table.ascending:
        yield gxe.ExpectColumnValuesToBeIncreasing(column=table.ascending)


def _about_values(name: str, column: Column, values: pd.Series, gxe: Any) -> Iterator[Any]:
    if column.known == 1.0:
        yield gxe.ExpectColumnValuesToNotBeNull(column=name)
    elif column.known > 0.0:
        yield gxe.ExpectColumnValuesToNotBeNull(column=name, mostly=column.known)
    if column.choices:
        yield gxe.ExpectColumnValuesToBeInSet(column=name, value_set=list(column.choices))
    elif values.dtype.kind in "if":
        low = column.low if column.above is None else column.above
        yield gxe.ExpectColumnValuesToBeBetween(
            column=name,
            min_value=-FINITE if low is None else low,
            max_value=FINITE if column.high is None else column.high,
            strict_min=column.above is not None,
        )


def _cleared(column: Column, values: pd.Series) -> bool:
    """Whether NumPy alone can tell that a column is in order: hundreds of features would take seconds one by one."""
    if not column.is_pattern or column.choices or values.dtype.kind != "f":
        return False
    numbers = values.to_numpy()
    known = ~np.isnan(numbers)
    unlimited = column.low is None and column.high is None and column.above is None
    return bool(unlimited and known.sum() >= column.known * len(known) and np.isfinite(numbers[known]).all())
