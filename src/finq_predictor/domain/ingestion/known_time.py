"""When each row of a delivery was known, before anything is decided about it."""

from __future__ import annotations

import pandas as pd

from finq_predictor.domain.columns import INSTRUMENT, KNOWN_AT, TS, UTC_MICROSECONDS
from finq_predictor.domain.ingestion.column_mapping import map_columns
from finq_predictor.domain.ingestion.corporate_actions import known_times_of_actions
from finq_predictor.domain.ingestion.membership_records import known_times_of_membership
from finq_predictor.domain.ingestion.parsing import COMPLETE, typed_bars
from finq_predictor.domain.ingestion.records import known_times_of_articles, known_times_of_macro
from finq_predictor.domain.ingestion.revisions import known_times
from finq_predictor.domain.ingestion.rules import Rules
from finq_predictor.domain.ingestion.two_providers import opinions_in


def known_times_of(raw: pd.DataFrame, table: str, rules: Rules) -> pd.Series:
    """Say when each row of a delivery was known, by the rules by which it is cleaned.

    Args:
        raw: A table as delivered, with lineage columns; may be empty.
        table: ``bars``, ``benchmark``, ``articles``, ``macro``, ``membership`` or ``actions``.
        rules: How it is read.

    Returns:
        ``datetime64[us, UTC]`` with the index of ``raw``; NaT where no time can be read. Of bars never before their
        close, of a bar that is delivered again with a later receipt the receipt.

    Raises:
        MappingError: If the columns are not recognised.
    """
    if raw.empty:
        return pd.Series(pd.NaT, index=raw.index, dtype=UTC_MICROSECONDS)
    if table == "membership":
        return known_times_of_membership(raw, rules)[0].set_axis(raw.index)
    reading = rules.reading
    mapped = map_columns(
        raw,
        table,
        reading.columns.get(table),
        instrument=reading.instrument,
        named_in=rules.market.instruments.named_in,
    )
    if table == "articles":
        known = known_times_of_articles(mapped, raw, rules)
    elif table == "macro":
        known = known_times_of_macro(mapped, raw, rules)
    elif table == "actions":
        known = known_times_of_actions(mapped, raw, rules)
    else:
        bars = typed_bars(mapped, rules)
        keyed = bars[TS].notna() & bars[INSTRUMENT].notna()
        if COMPLETE in bars:
            keyed &= bars[COMPLETE]
        # What was asked for only to compare makes no row a later version of another.
        opinions = opinions_in(raw)
        own = ~opinions
        known = bars[TS].copy()
        known[own] = known_times(bars[own].reset_index(drop=True), raw[own], keyed.to_numpy()[own])[KNOWN_AT].to_numpy()
    return known.set_axis(raw.index)


def later_values_of(raw: pd.DataFrame, table: str, rules: Rules) -> dict[str, pd.Series]:
    """Say which values of a delivery were known later than the rows they stand in.

    Args:
        raw: As in :func:`known_times_of`.
        table: As there.
        rules: How it is read.

    Returns:
        For each such column, under the name it was delivered with, when its values were known: ``datetime64[us, UTC]``
        with the index of ``raw``, NaT where a value was known with its row.
    """
    if raw.empty or table != "membership":
        return {}
    return {name: known.set_axis(raw.index) for name, known in known_times_of_membership(raw, rules)[1].items()}
