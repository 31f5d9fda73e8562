"""How a delivery of bars is read: names, numbers, and the close that each time stands for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import (
    ADJ_CLOSE,
    ASK,
    BID,
    INSTRUMENT,
    KNOWN_AT,
    OHLC,
    SECTOR,
    TS,
    UTC_MICROSECONDS,
    VOLUME,
)
from finq_predictor.domain.ingestion.column_mapping import Mapped
from finq_predictor.domain.ingestion.rules import Rules
from finq_predictor.domain.ingestion.ticker_names import instruments_of
from finq_predictor.domain.ingestion.times import Times, parse_times
from finq_predictor.domain.market.calendars import FIRST_YEAR, LAST_YEAR
from finq_predictor.domain.market.markets import Market

# Start of the bar as written, for messages and calendars; not part of silver.
START = "_start"
# Name of the instrument as delivered, where names are told; not part of silver.
TICKER = "_ticker"
# Whether the bar had ended when it was delivered, where the source says so; not part of silver.
COMPLETE = "_complete"
_NOT_COMPLETE = frozenset({"false", "f", "no", "n", "0", "0.0"})


def typed_bars(mapped: Mapped, rules: Rules) -> pd.DataFrame:
    """Numbers, names and times; what cannot be read is missing."""
    frame = mapped.frame
    prices = [name for name in (*OHLC, ADJ_CLOSE, VOLUME, *BID, *ASK) if name in frame]
    typed: dict[str, Any] = {name: as_numbers(frame[name]) for name in prices}
    if "complete" in frame:
        typed[COMPLETE] = ~frame["complete"].astype("str").str.strip().str.lower().isin(_NOT_COMPLETE)
    if SECTOR in frame:
        typed[SECTOR] = frame[SECTOR].astype("str")
    for name in rules.market.quote_columns:
        typed.setdefault(name, pd.Series(np.nan, index=frame.index))
    for part in OHLC[:3]:
        # A benchmark may have closes only.
        typed.setdefault(part, typed["close"])
    if ADJ_CLOSE not in typed:
        typed[ADJ_CLOSE] = typed["close"]
    if VOLUME not in typed:
        typed[VOLUME] = pd.Series(np.nan, index=frame.index)
    times = parse_times(frame["time"], rules.reading.zone, day_first=rules.reading.day_first)
    if INSTRUMENT in frame:
        tickers = as_names(frame[INSTRUMENT], rules.market)
        typed[INSTRUMENT] = named_on(tickers, times, rules)
        if rules.reading.names:
            typed[TICKER] = tickers
    else:
        typed[INSTRUMENT] = pd.Series("benchmark", index=frame.index, dtype="str")
    # Our own name marks the close, whatever the source's times mark.
    closes = mapped.columns.get("time") == TS or rules.reading.time_marks == "close"
    typed[TS], typed[START] = _closes(times, rules, closes)
    if KNOWN_AT in frame:
        typed[KNOWN_AT] = parse_times(frame[KNOWN_AT], rules.reading.zone, day_first=rules.reading.day_first).latest()
    return pd.DataFrame(typed)


def as_numbers(values: pd.Series) -> pd.Series:
    """Numbers as float64; thousands' commas and currency signs are dropped, infinities and words are missing."""
    if not pd.api.types.is_numeric_dtype(values):
        values = values.astype("str").str.replace(r"[,$€£\s]", "", regex=True)
    numbers = pd.to_numeric(values, errors="coerce").astype("float64")
    return numbers.where(np.isfinite(numbers))


def as_names(values: pd.Series, market: Market) -> pd.Series:
    """Names of instruments in the market's one spelling; empty ones are missing."""
    codes, unique = pd.factorize(values)
    names = pd.Series(unique).astype("str").map(market.instruments.spell).astype("str")
    names = names.where(names != "")
    return pd.Series(names.array.take(codes, allow_fill=True), index=values.index, dtype="str")


def named_on(tickers: pd.Series, times: Times, rules: Rules) -> pd.Series:
    """The instruments that tickers meant at times, by ``reading.names``; without names the tickers."""

    def dates() -> pd.Series:
        plausible = times.utc.dt.year.between(FIRST_YEAR, LAST_YEAR)
        return session_dates(times.utc.where(plausible), times.wall.where(plausible), rules.sessions.zone)

    return instruments_of(tickers, dates, rules.reading.names, rules.market.instruments.spell)


def _closes(times: Times, rules: Rules, times_are_closes: bool) -> tuple[pd.Series, pd.Series]:
    """UTC close and start of each bar; a bar of an exchange that is no session has no close."""
    plausible = times.utc.dt.year.between(FIRST_YEAR, LAST_YEAR)
    utc = times.utc.where(plausible)
    if not rules.daily:
        close = utc if times_are_closes else utc + rules.bar
        close = close.astype(UTC_MICROSECONDS)
        return close, close - rules.bar
    dates = session_dates(utc, times.wall.where(plausible), rules.sessions.zone)
    if not dates.notna().any():
        return utc, utc
    return dates.map(rules.sessions.closes_of(dates)).astype(UTC_MICROSECONDS), utc


def session_dates(utc: pd.Series, wall: pd.Series, zone: str) -> pd.Series:
    """The session a daily bar belongs to: the date as written if it is midnight there, else the exchange's date."""
    dates = wall.dt.normalize()
    timed = (wall != dates) & wall.notna()
    if timed.any():
        dates[timed] = utc[timed].dt.tz_convert(zone).dt.tz_localize(None).dt.normalize().dt.as_unit("us")
    return dates
