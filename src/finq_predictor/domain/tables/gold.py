"""Gold: what models learn from."""

from __future__ import annotations

from finq_predictor.domain.columns import INSTRUMENT, TS, forward_return, label, label_end
from finq_predictor.domain.tables.schema import NARROW, NUMBER, TEXT, TIME, Column, Layer, Table

GOLD = Table(
    "gold",
    Layer.GOLD,
    "features",
    "A bar of an instrument with its features and what followed it.",
    (
        Column(TS, TIME, "Close of the bar: when all features are known.", "UTC"),
        Column(INSTRUMENT, TEXT, "Name of the instrument."),
        Column("*", NARROW, "A feature, see [features](features.md); NaN where it is not known.", known=0.4),
        Column(forward_return("*"), NUMBER, "Simple return over so many bars after the entry.", "fraction", known=0.0),
        Column(
            label("*"), NUMBER, "1 where that return is above zero, else 0.", "0 or 1", known=0.0, choices=(0.0, 1.0)
        ),
        Column(label_end("*"), TIME, "When that return is known.", "UTC", known=0.0),
    ),
    key=(INSTRUMENT, TS),
    ascending=TS,
    min_rows=1,
)
