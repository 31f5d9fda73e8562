"""Bars and everything known beside them, as matrices of time x instruments."""

from __future__ import annotations

import re
from bisect import insort
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Flags, Matrix
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
    VWAP,
)
from finq_predictor.domain.errors import DataError
from finq_predictor.domain.market.instruments import InstrumentKind
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.membership import members_at

BENCHMARK_CLOSE = "benchmark_close"
CROSS_SECTION = "cross_section"
MEMBER = "member"
NEWS_FIELDS = ("tone_sum", "article_count")
OPTIONAL_TABLES = ("sentiment", "coverage", "macro", "membership")
MIN_CROSS_SECTION = 3
MACRO_MEMORY = 60
MACRO_MIN = 6


@dataclass(frozen=True)
class Panel:
    """What was known at each bar of each instrument.

    Attributes:
        market: Name of the market.
        ts: T closing times of bars (UTC), increasing.
        instruments: N names, sorted.
        fields: Matrices by name, C-order float64. (T, N); what is the same for all instruments may be (T, 1). NaN where
            nothing is known. Never change them in place.
    """

    market: str
    ts: pd.DatetimeIndex
    instruments: tuple[str, ...]
    fields: Mapping[str, Matrix]

    def __post_init__(self) -> None:
        shapes = {(len(self.ts), len(self.instruments)), (len(self.ts), 1)}
        for name, values in self.fields.items():
            if values.shape not in shapes:
                raise DataError(
                    f"Field {name!r} has shape {values.shape}; expected {len(self.ts)} bars x {len(self.instruments)} "
                    "instruments (or x 1 for what is the same for all)."
                )

    @cached_property
    def universe(self) -> Flags:
        """Who is asked about at each bar (T, N): has a close, and is a member where membership is delivered.

        These are the rows of gold and of what is served, and those among which instruments are ranked and averaged.
        """
        present = np.isfinite(self.fields["close"])
        member = self.fields.get(MEMBER)
        return present if member is None else present & (member > 0.0)

    @cached_property
    def available(self) -> frozenset[str]:
        """Fields with any finite value, and ``"cross_section"`` when there are enough instruments to compare."""
        names = {name for name, values in self.fields.items() if np.isfinite(values).any()}
        return frozenset(names | ({CROSS_SECTION} if len(self.instruments) >= MIN_CROSS_SECTION else set()))

    def rows(self, start: int, stop: int) -> Panel:
        """The bars from position ``start`` up to, not including, ``stop``; the values are shared, not copied."""
        fields = {name: values[start:stop] for name, values in self.fields.items()}
        return Panel(self.market, self.ts[start:stop], self.instruments, fields)

    def columns(self, start: int, stop: int) -> Panel:
        """The instruments from position ``start`` up to, not including, ``stop``; each field a matrix of its own."""
        fields = {
            name: np.ascontiguousarray(values[:, start:stop]) if values.shape[1] > 1 else values
            for name, values in self.fields.items()
        }
        return Panel(self.market, self.ts, self.instruments[start:stop], fields)

    def tail(self, bars: int) -> Panel:
        """The last ``bars`` bars."""
        return self.rows(max(0, len(self.ts) - bars), len(self.ts))

    def until(self, ts: pd.Timestamp) -> Panel:
        """The bars that closed at or before ``ts``: what could be known then."""
        return self.rows(0, int(self.ts.searchsorted(ts, side="right")))

    def position(self, ts: pd.Timestamp) -> int:
        """Place of the bar that closed at ``ts``.

        Raises:
            DataError: If no bar closed at that time.
        """
        place = int(self.ts.searchsorted(ts))
        if place >= len(self.ts) or self.ts[place] != ts:
            span = f"{self.ts[0]} to {self.ts[-1]}" if len(self.ts) else "nothing"
            raise DataError(f"No bar of {self.market} closed at {ts}; the panel holds {span}.")
        return place


def panel_tables(market: Market) -> tuple[str, ...]:
    """Names of the silver tables that a panel of a market is built from; the optional ones may be absent."""
    optional = [table for table in OPTIONAL_TABLES if table != "membership" or table in market.source_tables]
    return (*market.required_tables, *optional)


def delivered(tables: Mapping[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Silver tables by name without the optional ones that are empty: an empty one means that there is no source."""
    return {name: table for name, table in tables.items() if len(table) or name not in OPTIONAL_TABLES}


def build_panel(
    bars: pd.DataFrame,
    market: Market,
    benchmark: pd.DataFrame | None = None,
    sentiment: pd.DataFrame | None = None,
    macro: pd.DataFrame | None = None,
    coverage: pd.DataFrame | None = None,
    membership: pd.DataFrame | None = None,
) -> Panel:
    """Bring silver tables onto the bars of a market, each value from when it was known.

    A bar or a close of the benchmark that became known after the decision of its own bar (``market.decision_hours``
    after its close) was not there to decide with, and never is: it counts as missing.

    Prices and volume are adjusted by ``adj_close / close`` where bars have ``adj_close``. The adjusted *level* knows
    later splits and dividends, so only ratios of it may become features; volume is adjusted the other way, so that
    price x volume is what was traded.

    Args:
        bars: Silver bars: ``ts, instrument``, prices, ``volume``, optionally ``vwap``, ``sector`` (becomes codes) and
            ``known_at`` (without it each is known at its close).
        market: The market.
        benchmark: ``ts, close``, optionally ``known_at``; becomes ``benchmark_close``.
        sentiment: ``ts, instrument, tone_sum, article_count``; zero where there is no row. None: no such fields.
        coverage: ``ts, complete``: bars at which it is known what was written. At every other one tone and count are
            NaN, also where they have a row. None: all are.
        macro: ``series, period, value, known_at`` with revisions; becomes ``macro_<series>`` and what describes it,
            see :func:`macro_state`. Where instruments compare two economies, series that end in a currency
            (``cpi_usd``) become the difference of base and quote currency.
        membership: ``instrument, since, until, known_at``, see :func:`~finq_predictor.domain.membership.members_at`;
            becomes ``member``, 1 for members by what was known at the close, else 0. None: everybody is asked about.

    Returns:
        The panel; bars x instruments that do not exist are NaN.

    Raises:
        DataError: If bars are empty or have no close, all came too late, or two have the same instrument and ts.
    """
    if bars.empty:
        raise DataError(f"There are no bars of {market.name}; run ingestion first.")
    if missing := {TS, INSTRUMENT, "close"} - set(bars.columns):
        raise DataError(
            f"Bars of {market.name} have no column {', '.join(sorted(missing))}; they have {', '.join(bars.columns)}. "
            "Give silver bars, as ingestion writes them."
        )
    bars = known_in_time(bars, market)
    if bars.empty:
        raise DataError(
            f"Every bar of {market.name} became known more than {market.decision_hours:g} h after its close, when its "
            "decision had been taken; deliver the times at which bars were known, or bars that came in time."
        )
    ts = pd.DatetimeIndex(bars[TS].astype(UTC_MICROSECONDS).unique()).sort_values()
    names = tuple(sorted(str(name) for name in bars[INSTRUMENT].unique()))
    place = _Places(ts, names)
    fields = _price_fields(bars, place.of(bars, "bars"))
    if benchmark is not None:
        fields[BENCHMARK_CLOSE] = _benchmark_close(known_in_time(benchmark, market), ts)
    if sentiment is not None:
        fields |= _sentiment_fields(sentiment, coverage, place)
    if macro is not None:
        fields |= _macro_fields(macro, ts, names, market.instruments)
    if membership is not None:
        fields[MEMBER] = members_at(membership, ts, names).astype(np.float64)
    return Panel(market.name, ts, names, fields)


def known_in_time(table: pd.DataFrame, market: Market) -> pd.DataFrame:
    """The rows that were known when the decision of their own bar was taken; all where nothing is said about it."""
    if KNOWN_AT not in table:
        return table
    late = table[KNOWN_AT] > table[TS] + market.decision_delay
    return table[~late] if late.any() else table


@dataclass(frozen=True)
class _Places:
    """Where the rows of a table belong in the matrices."""

    ts: pd.DatetimeIndex
    names: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.ts), len(self.names)

    def of(self, table: pd.DataFrame, what: str) -> tuple[Matrix, Any]:
        """Flat places (-1 for rows that belong nowhere), refusing two rows for one place."""
        row = _codes(table[TS].astype(UTC_MICROSECONDS), self.ts)
        column = _codes(table[INSTRUMENT].astype("str"), pd.Index(self.names))
        flat = np.where((row >= 0) & (column >= 0), row * len(self.names) + column, -1)
        if (np.bincount(flat[flat >= 0]) > 1).any():
            twice = table[table.duplicated([TS, INSTRUMENT], keep=False)].iloc[0]
            raise DataError(f"Two rows of {what} are of {twice[INSTRUMENT]} at {twice[TS]}; keep one of them.")
        return flat, self.shape


def _codes(values: pd.Series, known: pd.Index) -> np.ndarray[Any, np.dtype[np.intp]]:
    """Place of each value among the known ones, -1 where it is none; each distinct value is looked up once."""
    codes, distinct = pd.factorize(values)
    places: np.ndarray[Any, np.dtype[np.intp]] = np.append(known.get_indexer(pd.Index(distinct)), -1)[codes]
    return places


def _grid(values: pd.Series, place: tuple[Any, Any], fill: float = np.nan) -> Matrix:
    flat, shape = place
    matrix = np.full(shape, fill)
    given = values.to_numpy(dtype=np.float64, na_value=np.nan)
    here = flat >= 0
    if here.all():
        matrix.reshape(-1)[flat] = given
    else:
        matrix.reshape(-1)[flat[here]] = given[here]
    return matrix


def _price_fields(bars: pd.DataFrame, place: tuple[Any, Any]) -> dict[str, Matrix]:
    factor = None
    if ADJ_CLOSE in bars and bars[ADJ_CLOSE].notna().any():
        factor = _grid(bars[ADJ_CLOSE], place) / _grid(bars["close"], place)
    fields = {}
    for name in (*OHLC, VWAP, *BID, *ASK):
        if name in bars:
            price = _grid(bars[name], place)
            price = price if factor is None else price * factor
            fields[name] = np.where((price > 0.0) & np.isfinite(price), price, np.nan)
    if VOLUME in bars:
        volume = _grid(bars[VOLUME], place)
        fields[VOLUME] = volume if factor is None else volume / factor
    if SECTOR in bars and bars[SECTOR].notna().any():
        codes = pd.Series(pd.Categorical(bars[SECTOR].astype("object")).codes, dtype="float64")
        fields[SECTOR] = _grid(codes.where(codes >= 0.0), place)
    return fields


def _benchmark_close(benchmark: pd.DataFrame, ts: pd.DatetimeIndex) -> Matrix:
    known = pd.Series(
        benchmark["close"].to_numpy(dtype=np.float64), pd.DatetimeIndex(benchmark[TS].astype(UTC_MICROSECONDS))
    )
    if known.index.has_duplicates:
        raise DataError(f"The benchmark has two rows at {known.index[known.index.duplicated()][0]}; keep one of them.")
    level = known.reindex(ts).to_numpy(dtype=np.float64, copy=True)
    return np.where(level > 0.0, level, np.nan).reshape(-1, 1)


def _sentiment_fields(sentiment: pd.DataFrame, coverage: pd.DataFrame | None, place: _Places) -> dict[str, Matrix]:
    where = place.of(sentiment, "sentiment")
    fields = {name: _grid(sentiment[name], where, fill=0.0) for name in NEWS_FIELDS}
    if coverage is not None:
        complete = coverage.loc[coverage["complete"], TS].astype(UTC_MICROSECONDS)
        for values in fields.values():
            values[~place.ts.isin(complete)] = np.nan
    return fields


def series_name(series: str) -> str:
    """Name of a macro series as part of a column name: lower case, digits and underscores."""
    return re.sub(r"[^a-z0-9]+", "_", series.lower()).strip("_")


def macro_state(series: pd.DataFrame, ts: pd.DatetimeIndex) -> pd.DataFrame:
    """Describe one macro series as it was known at each bar, revisions included.

    Args:
        series: ``period, value, known_at`` of one series, a row per release or revision.
        ts: T bars.

    Returns:
        T rows: ``level`` (value of the newest period known by then), ``change`` (since the period before it), ``mean``
        and ``std`` of the last 60 values, ``change_std`` of their changes (NaN with fewer than 6), ``age`` (days since
        the newest release). NaN before the first release. A row counts from its ``known_at``, not from its period.
    """
    known = series.dropna(subset=["value", KNOWN_AT, "period"]).sort_values([KNOWN_AT, "period"], kind="stable")
    times = pd.DatetimeIndex(known[KNOWN_AT].astype(UTC_MICROSECONDS))
    values: dict[Any, float] = {}
    periods: list[Any] = []
    states = []
    for period, value in zip(known["period"], known["value"].astype(float), strict=True):
        if period not in values:
            insort(periods, period)
        values[period] = value
        states.append(_describe([values[key] for key in periods[-MACRO_MEMORY:]]))
    columns = ["level", "change", "mean", "std", "change_std"]
    table = np.array([*states, [np.nan] * len(columns)], dtype=np.float64)
    last = times.searchsorted(ts, side="right") - 1
    frame = pd.DataFrame(table[last], columns=columns, index=ts)
    age = np.full(len(ts), np.nan)
    age[last >= 0] = (ts[last >= 0] - times[last[last >= 0]]).total_seconds() / 86_400.0
    return frame.assign(age=age)


def _describe(history: list[float]) -> list[float]:
    values = np.array(history)
    changes = np.diff(values)
    enough = len(values) >= MACRO_MIN
    return [
        values[-1],
        changes[-1] if len(changes) else np.nan,
        values.mean() if enough else np.nan,
        values.std(ddof=1) if enough else np.nan,
        changes.std(ddof=1) if enough else np.nan,
    ]


def _macro_fields(
    macro: pd.DataFrame, ts: pd.DatetimeIndex, names: tuple[str, ...], instruments: InstrumentKind
) -> dict[str, Matrix]:
    states = {
        series_name(str(name)): macro_state(rows, ts).to_numpy(dtype=np.float64, copy=True)
        for name, rows in macro.groupby("series", sort=True)
    }
    parts = ("", ".change", ".mean", ".std", ".change_std", ".age")
    if instruments.compares_economies:
        states = _differences(states, [instruments.sides(name) or ("", "") for name in names])
    fields = {}
    for name, state in states.items():
        for number, part in enumerate(parts):
            fields[f"macro_{name}{part}"] = np.ascontiguousarray(state[:, number].reshape(len(ts), -1))
    return fields


def _differences(states: dict[str, Matrix], pairs: list[tuple[str, str]]) -> dict[str, Matrix]:
    """Series of currencies become base minus quote for each pair, (T, 6, N); others stay (T, 6)."""
    sides = [(series_name(base), series_name(quote)) for base, quote in pairs]
    currencies = {currency for side in sides for currency in side}
    stems = {name[:-4] for name in states if name[-3:] in currencies and name[-4:-3] == "_"}
    result = {name: state for name, state in states.items() if name[:-4] not in stems or name[-3:] not in currencies}
    for stem in sorted(stems):
        nothing = np.full_like(next(iter(states.values())), np.nan)
        both = [[states.get(f"{stem}_{currency}", nothing) for currency in side] for side in sides]
        result[stem] = np.stack([_difference(base, quote) for base, quote in both], axis=2)
    return result


def _difference(base: Matrix, quote: Matrix) -> Matrix:
    # Level, change and mean subtract; spreads of independent releases add as variances; the newest release counts.
    result = base - quote
    result[:, 3:5] = np.hypot(base[:, 3:5], quote[:, 3:5])
    result[:, 5] = np.minimum(base[:, 5], quote[:, 5])
    return result
