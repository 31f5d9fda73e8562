"""Whether a table is in order beyond doubt, in one pass over its columns.

Great Expectations takes longer to be imported than a large file takes to be ingested. What NumPy alone finds in order
needs no expectation; of everything else the suites say what is wrong, and where. A test holds both to each other.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from finq_predictor.domain.tables import Column, Table, Within

FINITE = 1e300
"""Beyond this a number is infinite."""


def is_clear(table: Table, frame: pd.DataFrame) -> bool:
    """Whether everything that is declared about the values of a table holds.

    Args:
        table: The declaration.
        frame: Its columns and types are as declared.

    Returns:
        False also where that cannot be told so simply.
    """
    return (
        len(frame) >= table.min_rows
        and frame.shape[1] >= table.min_columns
        and all(_fits(table.column(str(name)), frame[name]) for name in frame)
        and not (table.key and frame.duplicated(list(table.key)).any())
        and (not table.ascending or bool(frame[table.ascending].is_monotonic_increasing))
        and not any(bool((frame[high] < frame[low]).any()) for high, low in table.not_below)
        and all(_lies_within(limits, frame) for limits in table.within)
    )


def _fits(column: Column | None, values: pd.Series) -> bool:
    if column is None:
        return True
    missing = values.isna()
    if column.known and len(values) and 1.0 - missing.mean() < column.known:
        return False
    if column.choices:
        return bool(values[~missing].isin(column.choices).all())
    if values.dtype.kind not in "if":
        return True
    numbers = values.to_numpy()
    if numbers.dtype.kind not in "if":
        return False
    largest = min(FINITE, float(np.finfo(numbers.dtype).max)) if numbers.dtype.kind == "f" else FINITE
    floor = column.low if column.above is None else column.above
    low = -largest if floor is None else floor
    high = largest if column.high is None else column.high
    with np.errstate(invalid="ignore"):
        below = numbers <= low if column.above is not None else numbers < low
        return not (below | (numbers > high)).any()


def _lies_within(limits: Within, frame: pd.DataFrame) -> bool:
    parts = [frame[name].to_numpy() for name in limits.columns]
    with np.errstate(divide="ignore", invalid="ignore"):
        above = np.fmax.reduce(parts) / frame[limits.high].to_numpy() - 1
        below = frame[limits.low].to_numpy() / np.fmin.reduce(parts) - 1
        return not ((above > limits.tolerance) | (below > limits.tolerance)).any()
