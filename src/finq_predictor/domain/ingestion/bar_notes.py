"""What there is to say of a delivery of bars: what is missing, what came out of order, what it can not be used for."""

from __future__ import annotations

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import ADJ_CLOSE, ASK, BID, INSTRUMENT, OHLC, TS, VOLUME
from finq_predictor.domain.ingestion.column_mapping import Mapped
from finq_predictor.domain.ingestion.parsing import START
from finq_predictor.domain.ingestion.rollover import note_on_bids
from finq_predictor.domain.ingestion.rules import Rules


def missing_in(bars: pd.DataFrame, mapped: Mapped) -> pd.DataFrame:
    """Which values of the delivered columns are missing."""
    # Volume is not delivered by every market and sectors are labels.
    return bars[[name for name in (*OHLC, ADJ_CLOSE, VOLUME, *BID, *ASK) if name in mapped.frame]].isna()


def first_missing(bars: pd.DataFrame, missing: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """The first rows that miss a value, by column that has such rows."""
    rows = {name: np.flatnonzero(column.to_numpy())[:3] for name, column in missing.items() if column.any()}
    return {str(name): tuple(row_names(bars, positions)) for name, positions in rows.items()}


def row_names(bars: pd.DataFrame, rows: np.ndarray) -> list[str]:
    """What a person would call these rows, by their positions."""
    part = bars.iloc[rows]
    return [f"row {row} ({name} {start})" for row, name, start in zip(rows, part[INSTRUMENT], part[START], strict=True)]


def notes_on_bars(mapped: Mapped, silver: pd.DataFrame, table: str, rules: Rules) -> list[str]:
    """What the columns of a delivery lead to, one sentence each."""
    notes = []
    if table == "bars" and ADJ_CLOSE in rules.market.price_columns and ADJ_CLOSE not in mapped.frame:
        notes.append("the source has no adjusted close: splits, dividends and spin-offs look like returns")
    if table == "benchmark" and ADJ_CLOSE not in mapped.frame:
        notes.append(
            "the benchmark has no adjusted close: if it is a price index, stocks with their dividends beat it by what "
            "it pays, one to two per cent a year; deliver a total-return index"
        )
    if table == "bars" and rules.market.quote_columns and not set(rules.market.quote_columns) & set(mapped.frame):
        notes += note_on_bids(silver)
    return notes


def out_of_order(kept: pd.DataFrame) -> int:
    """Rows that came after a later bar of the same instrument."""
    newest = kept[TS].astype("int64").groupby(kept[INSTRUMENT]).cummax()
    return int((kept[TS].astype("int64") < newest).sum())
