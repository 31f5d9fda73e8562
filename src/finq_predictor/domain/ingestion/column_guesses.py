"""Columns whose names are not usual ones, but have a usual word in them; and the market that names speak of."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pandas as pd

from finq_predictor.domain.columns import ASK, BID, INSTRUMENT, LINEAGE, SOURCE, VOLUME
from finq_predictor.domain.ingestion.column_mapping import ALIASES, file_name, normalise
from finq_predictor.domain.market.instruments import InstrumentKind, pairs_in
from finq_predictor.domain.market.markets import MARKETS, Market

# A word that gives away what a column is, where exactly one column has it in its name.
_WORDS = {
    INSTRUMENT: ("symbol", "ticker", "instrument", "isin", "security", "stock", "pair"),
    "time": ("timestamp", "datetime", "date", "time"),
    "open": ("open",),
    "high": ("high",),
    "low": ("low",),
    "close": ("close", "last"),
    VOLUME: ("volume", "vol"),
}
_OTHER_THINGS = re.compile(r"adj|bid|ask|prev|chang|open_?int|52|year|week|turnover", re.IGNORECASE)


def guess_columns(frame: pd.DataFrame, given: Mapping[str, str]) -> dict[str, str]:
    """Find columns such as ``PX_LAST`` or ``Trading Date (local)`` by a word in their name.

    Only what has no usual name is looked for, and only where exactly one free column has the word in its name.

    Args:
        frame: A table of bars.
        given: Our name to the delivered name, where it is known.

    Returns:
        Our name to the delivered name of what was guessed.
    """
    names = [str(name) for name in frame.columns if name not in LINEAGE]
    aliases = {alias for usual in ALIASES["bars"].values() for alias in usual}
    free = [name for name in names if normalise(name) not in aliases and name not in given.values()]
    folded = {normalise(name) for name in names}
    if any(set(ALIASES["bars"][f"{side}_close"]) & folded for side in ("mid", "bid")):
        return {}
    guessed: dict[str, str] = {}
    for ours, words in _WORDS.items():
        if ours in given or folded & set(ALIASES["bars"][ours]):
            continue
        for word in words:
            having = [name for name in free if _has(name, word) and name not in guessed.values()]
            if len(having) == 1:
                guessed[ours] = having[0]
                break
    return guessed


def _has(name: str, word: str) -> bool:
    """A word of a name such as ``PX_LAST``, ``pxLast`` or ``Last Px``, not a part of another word (``slow``)."""
    parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", name)
    return word in (part.lower() for part in parts) and not _OTHER_THINGS.search(name)


def market_of(frame: pd.DataFrame, columns: Mapping[str, str], instrument: str | None) -> Market:
    """The market of a table: that of pairs where it quotes bid and ask or names currencies, else that of shares.

    Args:
        frame: A table of bars.
        columns: Our name to the delivered name, where it is known.
        instrument: The instrument, where no column names it.
    """
    folded = {normalise(name): str(name) for name in frame.columns}
    quoted = any(set(ALIASES["bars"][name]) & folded.keys() for name in (*BID, *ASK))
    column = columns.get(INSTRUMENT) or next((folded[a] for a in ALIASES["bars"][INSTRUMENT] if a in folded), None)
    if instrument is not None:
        names = [instrument]
    elif column is not None:
        names = list(frame[column].dropna().astype("str").unique())
    else:
        names = [file_name(str(frame[SOURCE].iloc[0]))] if SOURCE in frame and len(frame) else []
    pairs = sum(bool(pairs_in(name)) for name in names)
    currencies = quoted or pairs > len(names) / 2
    kind = InstrumentKind.PAIR if currencies else InstrumentKind.STOCK
    return next(market for market in MARKETS.values() if market.instruments is kind)
