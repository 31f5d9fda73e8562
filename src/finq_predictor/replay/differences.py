"""Where two tables that should be one first differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import INSTRUMENT

TOLERANCE = 1e-9
"""Largest difference of two numbers that count as equal, relative to the greater of one and the number."""


@dataclass(frozen=True)
class Difference:
    """The first place at which a table of the batch says something else than was known then.

    Attributes:
        layer: ``silver``, ``features``, ``probabilities`` or ``decisions``; ``gates`` where a gate stopped the run.
        table: Table of the batch.
        column: Column; empty where the whole row is on one side only.
        instrument: Instrument; empty where a row is of none.
        ts: Time of the row, ISO 8601.
        bar: The bar at whose decision it was found, ISO 8601.
        live: What was known then.
        batch: What the table says.
    """

    layer: str
    table: str
    column: str
    instrument: str
    ts: str
    bar: str
    live: str
    batch: str

    @property
    def sentence(self) -> str:
        """The difference in one sentence."""
        where = f"{self.table}{f'.{self.column}' if self.column else ''}"
        whose = f" of {self.instrument}" if self.instrument else ""
        return (
            f"{self.layer}: {where}{whose} at {self.ts} was {self.live} at the decision of the bar {self.bar}, and is "
            f"{self.batch} in the batch."
        )


def first_difference(
    live: pd.DataFrame, batch: pd.DataFrame, keys: Sequence[str], *, layer: str, table: str, bar: pd.Timestamp
) -> Difference | None:
    """Compare two tables row by row.

    Args:
        live: What was known then.
        batch: What the table says about the same time.
        keys: Columns that name a row, its time first.
        layer: Layer of the table.
        table: Its name.
        bar: The bar at whose decision they are compared.

    Returns:
        The earliest difference: a row that is on one side only, or a value that is missing on one side or differs by
        more than ``TOLERANCE``; None where there is none.
    """
    if set(live) != set(batch):
        name = str(min(set(live) ^ set(batch)))
        return Difference(layer, table, name, "", "", bar.isoformat(), *_sides(name in live))
    if _same_as_they_lie(live, batch):
        return None
    left, right = _ordered(live, keys), _ordered(batch, keys)
    index, whole = left.index, left.index.equals(right.index)
    lone = len(index)
    if not whole:
        index = left.index.union(right.index)
        here, there = index.isin(left.index), index.isin(right.index)
        lone = int(np.flatnonzero(here != there)[0])
        left, right = left.reindex(index[:lone]), right.reindex(index[:lone])
    found = [
        (int(rows[0]), str(name))
        for name in batch
        if name not in keys and len(rows := np.flatnonzero(_unequal(left[name], right[name])))
    ]
    if found:
        row, name = min(found, key=lambda each: each[0])
        values = (_shown(side[name].iloc[row]) for side in (left, right))
        return _at(index[row], keys, layer, table, name, bar, *values)
    return None if whole else _at(index[lone], keys, layer, table, "", bar, *_sides(bool(here[lone])))


def _same_as_they_lie(live: pd.DataFrame, batch: pd.DataFrame) -> bool:
    """Whether two tables agree row by row without being sorted, as they nearly always do; sorting takes far longer."""
    if len(live) != len(batch):
        return False
    left, right = live.reset_index(drop=True), batch.reset_index(drop=True)
    return all(left[name].equals(right[name]) or not _unequal(left[name], right[name]).any() for name in right)


def _ordered(frame: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Rows by their keys, in order; rows of one key are numbered."""
    numbered = frame.assign(_number=frame.groupby(list(keys), sort=False, dropna=False).cumcount())
    return numbered.set_index([*keys, "_number"]).sort_index()


def _unequal(one: pd.Series, other: pd.Series) -> np.ndarray:
    if pd.api.types.is_float_dtype(one) and pd.api.types.is_float_dtype(other):
        a, b = one.to_numpy(np.float64, na_value=np.nan), other.to_numpy(np.float64, na_value=np.nan)
        with np.errstate(invalid="ignore"):
            near = np.abs(a - b) <= TOLERANCE * np.maximum(1.0, np.maximum(np.abs(a), np.abs(b)))
        return np.asarray(~(near | (a == b) | (np.isnan(a) & np.isnan(b))), dtype=bool)
    same = (one.astype(object).to_numpy() == other.astype(object).to_numpy()) | (one.isna() & other.isna()).to_numpy()
    return np.asarray(~np.asarray(same, dtype=bool), dtype=bool)


def _at(
    key: tuple[object, ...],
    keys: Sequence[str],
    layer: str,
    table: str,
    column: str,
    bar: pd.Timestamp,
    live: str,
    batch: str,
) -> Difference:
    named = dict(zip(keys, key, strict=False))
    time = named[keys[0]]
    return Difference(
        layer=layer,
        table=table,
        column=column,
        instrument=str(named.get(INSTRUMENT, "")),
        ts=time.isoformat() if isinstance(time, pd.Timestamp) else str(time),
        bar=bar.isoformat(),
        live=live,
        batch=batch,
    )


def _sides(there: bool) -> tuple[str, str]:
    return ("there", "absent") if there else ("absent", "there")


def _shown(value: object) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value)
