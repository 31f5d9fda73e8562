"""Sums of groups of rows that no other row has a say in, down to the last bit.

How pandas adds up a group depends on how many rows all groups together have, so that a row that comes later moves the
last bits of sums that were there before; and a sum that goes one way rounds otherwise than one that goes the other.
"""

from __future__ import annotations

import math

import pandas as pd

SUM, SIZE = "sum", "size"


def sums_by(rows: pd.DataFrame, keys: list[str], column: str) -> pd.DataFrame:
    """Add up a column within groups, each sum rounded once (Shewchuk, 1997).

    Args:
        rows: Any rows; NaN in the column is left out, a row with NaN in a key as well.
        keys: Columns that are equal within a group.
        column: What is added up.

    Returns:
        The keys, ``sum`` and ``size`` (the number of values), ascending by the keys. It does not depend on the order of
        the rows, nor on rows of other groups.
    """
    kept = rows.dropna(subset=[*keys, column]).sort_values(keys, kind="stable")
    numbers = kept.groupby(keys, sort=True).ngroup().to_numpy()
    firsts = [0, *(numbers[1:] != numbers[:-1]).nonzero()[0] + 1] if len(kept) else []
    ends = [*firsts[1:], len(kept)] if len(kept) else []
    values = kept[column].to_list()
    sums = [math.fsum(values[first:end]) for first, end in zip(firsts, ends, strict=True)]
    sizes = [end - first for first, end in zip(firsts, ends, strict=True)]
    return kept.iloc[firsts][keys].reset_index(drop=True).assign(**{SUM: sums, SIZE: sizes})
