"""What a table of bars is: its columns, market, bars, calendar, zone, prices and dirt, and the rules that read it.

Nothing is taken from the order of rows or columns. Everything that is decided is said, with how sure it is, so that a
person can correct it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import pandas as pd
from pydantic import TypeAdapter, ValidationError

from finq_predictor.domain.columns import INSTRUMENT, OHLC, TS
from finq_predictor.domain.errors import ConfigurationError, MappingError, UnknownNameError
from finq_predictor.domain.ingestion.calendar_fit import Fit, FittedTimes, commonest_step, fit_times
from finq_predictor.domain.ingestion.column_guesses import guess_columns, market_of
from finq_predictor.domain.ingestion.column_mapping import Mapped, map_columns
from finq_predictor.domain.ingestion.dates_written import day_comes_first
from finq_predictor.domain.ingestion.dirt import Finding, find_dirt
from finq_predictor.domain.ingestion.parsing import START, typed_bars
from finq_predictor.domain.ingestion.price_basis import PriceBasis, price_basis
from finq_predictor.domain.ingestion.rules import ReadingRules, Rules
from finq_predictor.domain.ingestion.times import Times, parse_times
from finq_predictor.domain.ingestion.wide_tables import is_wide, level_of_prices, unpivoted, with_index_as_columns
from finq_predictor.domain.market.calendars import INFERRED
from finq_predictor.domain.market.markets import Market

_RULES = tuple(each.name for each in fields(ReadingRules))
_DAY = pd.Timedelta(days=1)
_MINUTE = pd.Timedelta(minutes=1)
_OFFSET = re.compile(r"(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})\s*$")
_DECIMAL_COMMA = re.compile(r"^-?(?:\d{1,3}(?:\.\d{3})+|\d+),(?:\d{1,2}|\d{4,})$|^-?0,\d+$")


@dataclass(frozen=True)
class Recognition:
    """What a table of bars was recognised as.

    Attributes:
        market: Name of the market.
        rows: Number of bars.
        instruments: Number of instruments.
        first: Begin of the first bar, as ISO 8601 in UTC; empty where no time can be read.
        last: Begin of the last bar.
        wide: Whether the table had a column for each instrument and was unpivoted.
        columns: Our name of a column to the delivered one.
        guessed: Those of them that are no usual name, and were guessed from a part of it.
        bar_minutes: Length of a bar; None where no instrument has two.
        times: Calendar, zone and mark that fit best.
        zoned: Whether the times say their zone.
        day_first: How 03/04/2020 is read; None where no date is written so.
        prices: How prices treat splits and dividends; None where there are none.
        dirt: What is wrong or odd, counted.
        reading: The reading rules that differ from those of the market, as the parameters spell them.
        notes: What was decided beyond that, one sentence each.
    """

    market: str
    rows: int
    instruments: int
    first: str
    last: str
    wide: bool
    columns: Mapping[str, str]
    guessed: Mapping[str, str]
    bar_minutes: int | None
    times: FittedTimes
    zoned: bool
    day_first: bool | None
    prices: PriceBasis | None
    dirt: tuple[Finding, ...]
    reading: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def count(self, name: str) -> int:
        """How often a kind of dirt was found, by a part of its name.

        Raises:
            ConfigurationError: If no or several kinds have that in their name.
        """
        found = [each for each in self.dirt if name in each.name]
        if len(found) != 1:
            raise ConfigurationError(f"{name!r} names {len(found)} kinds of dirt among {[d.name for d in self.dirt]}.")
        return found[0].count

    def text(self) -> str:
        """The report for people."""
        from finq_predictor.domain.ingestion.recognition_report import report

        return report(self)


@dataclass(frozen=True)
class Recognised:
    """A table of bars, recognised.

    Attributes:
        frame: The table with one row per bar, as it can be cleaned.
        recognition: What it is.
        rules: How it is read.
    """

    frame: pd.DataFrame
    recognition: Recognition
    rules: Rules


def recognise(frame: pd.DataFrame, market: Market | None = None, **reading: Any) -> Recognised:
    """Say what a table of bars is, and by which rules it is read.

    Args:
        frame: Bars in any order, one row per bar or one column per instrument, dates in a column or in the index; a
            column ``_source`` may name the file.
        market: The market; None tells it by the names of instruments and by bid and ask.
        reading: Reading rules that are known, see `ReadingRules`; they are not guessed.

    Raises:
        MappingError: If columns that are needed cannot be told; lists what was found and near misses.
        ConfigurationError: If numbers are written with a decimal comma, or a rule cannot work.
        UnknownNameError: If there is no such rule or calendar; near misses are suggested.
    """
    table, wide, notes = _one_row_per_bar(frame)
    given = _given(reading)
    # A pair in the name of the file may be what names the instrument, whatever the market turns out to be.
    guessed = guess_columns(table, given.columns.get("bars", {}))
    columns = {**given.columns, "bars": {**guessed, **given.columns.get("bars", {})}}
    market = market or market_of(table, columns["bars"], given.instrument)
    mapped = map_columns(
        table, "bars", columns["bars"], instrument=given.instrument, named_in=market.instruments.named_in
    )
    _refuse_decimal_commas(mapped)
    first = day_comes_first(mapped.frame["time"]) if "day_first" not in reading else given.day_first
    known = replace(given, columns={name: each for name, each in columns.items() if each}, day_first=bool(first))
    bar, fitted, zoned = _fit(mapped, market, known, reading)
    decided = _decided(known, reading, market, bar, fitted.best, zoned)
    rules = Rules(market, decided)
    bars = typed_bars(mapped, rules)
    bars = bars.assign(_at=bars[TS].fillna(bars[START]))
    found = Recognition(
        market=market.name,
        rows=len(bars),
        instruments=int(bars[INSTRUMENT].nunique()),
        **_span(bars),
        wide=wide,
        columns=mapped.columns,
        guessed=guessed,
        bar_minutes=None if bar is None else int(bar / _MINUTE),
        times=fitted,
        zoned=zoned,
        day_first=first,
        prices=_basis(bars, mapped, rules),
        dirt=find_dirt(bars, mapped.frame.columns, rules),
        reading=_differing(decided),
        notes=(*notes, *mapped.notes),
    )
    return Recognised(table, found, rules)


def _one_row_per_bar(frame: pd.DataFrame) -> tuple[pd.DataFrame, bool, list[str]]:
    if isinstance(frame.columns, pd.MultiIndex):
        if level_of_prices(frame.columns) is None:
            raise MappingError(
                f"The columns have {frame.columns.nlevels} levels, and none names prices such as Open and Close; "
                "expected one row per bar, or columns of two levels, prices and instruments."
            )
        return unpivoted(frame), True, ["columns of two levels were stacked to one row per bar"]
    table = with_index_as_columns(frame)
    table = table.set_axis([str(name) for name in table.columns], axis=1)
    if not is_wide(table):
        return table, False, []
    return (
        unpivoted(table),
        True,
        ["a column for each instrument was taken for its closes; open, high and low are that close, so nothing is "
         "known of what happened within a bar"],
    )  # fmt: skip


def _given(reading: Mapping[str, Any]) -> ReadingRules:
    for name in reading:
        if name not in _RULES:
            raise UnknownNameError("reading rule", name, _RULES)
    try:
        return TypeAdapter(ReadingRules).validate_python(dict(reading))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise ConfigurationError(f"A reading rule cannot work. {wrong}. Given: {dict(reading)}.") from None


def _refuse_decimal_commas(mapped: Mapped) -> None:
    """A comma is read as one of thousands, so that 1,08 would become 108."""
    for name in OHLC:
        values = mapped.frame[name]
        if pd.api.types.is_numeric_dtype(values):
            continue
        text = values.dropna().astype("str").str.strip()
        commas = text[text.str.fullmatch(_DECIMAL_COMMA)]
        if len(commas) > len(text) / 2:
            raise ConfigurationError(
                f"The column {mapped.columns.get(name, name)!r} writes numbers with a decimal comma, such as "
                f"{commas.min()!r}; expected a decimal point, as a comma is read as one of thousands. Write the file "
                "anew, for example by pandas.read_csv(FILE, sep=';', decimal=',').to_parquet(OTHER)."
            )


def _fit(
    mapped: Mapped, market: Market, known: ReadingRules, reading: Mapping[str, Any]
) -> tuple[pd.Timedelta | None, FittedTimes, bool]:
    """Length of a bar, calendar, zone and mark; what is known is not asked."""
    stamps = mapped.frame["time"]
    times = parse_times(stamps, known.zone, day_first=known.day_first)
    names = mapped.frame[INSTRUMENT].astype("str")
    step = commonest_step(pd.DataFrame({INSTRUMENT: names, TS: times.wall}), INSTRUMENT)
    bar = step if known.bar_minutes is None else pd.Timedelta(minutes=known.bar_minutes)
    zoned = _say_their_zone(stamps) or known.timezone is not None
    once = ~pd.Series(times.wall.to_numpy()).duplicated().to_numpy()
    distinct = Times(times.utc[once], times.wall[once], times.dated[once], times.timezone)
    codes = () if known.calendar in (None, INFERRED) else (str(known.calendar),)
    fitted = fit_times(distinct, bar or market.bar, market, zoned=zoned, codes=codes)
    if known.calendar is not None:
        fitted = replace(fitted, best=replace(fitted.best, calendar=known.calendar))
    if "time_marks" in reading:
        fitted = replace(fitted, best=replace(fitted.best, marks=known.time_marks))
    return bar, fitted, zoned


def _say_their_zone(stamps: pd.Series) -> bool:
    """Whether most times carry a zone or an offset, or are numbers of seconds since 1970."""
    if isinstance(stamps.dtype, pd.DatetimeTZDtype):
        return True
    if pd.api.types.is_numeric_dtype(stamps):
        return bool((stamps > 1e9 / 2).mean() > 0.5)
    if pd.api.types.is_datetime64_any_dtype(stamps.dtype):
        return False
    return bool(stamps.dropna().astype("str").str.contains(_OFFSET).mean() > 0.5)


def _decided(
    known: ReadingRules,
    reading: Mapping[str, Any],
    market: Market,
    bar: pd.Timedelta | None,
    best: Fit,
    zoned: bool,
) -> ReadingRules:
    """The rules by which the table is read; None where the market's own holds."""
    decided: dict[str, Any] = {}
    if known.calendar is None and best.calendar != market.calendar:
        decided["calendar"] = best.calendar
    if known.bar_minutes is None and bar is not None and bar != market.bar and bar >= _MINUTE:
        decided["bar_minutes"] = int(bar / _MINUTE)
    intraday = bar is not None and bar < _DAY
    if intraday and not zoned and best.timezone != "UTC":
        decided["timezone"] = best.timezone
    if intraday and "time_marks" not in reading:
        decided["time_marks"] = best.marks
    return replace(known, **decided)


def _differing(decided: ReadingRules) -> dict[str, Any]:
    """Rules that are not the defaults."""
    usual = ReadingRules()
    return {name: getattr(decided, name) for name in _RULES if getattr(decided, name) != getattr(usual, name)}


def _span(bars: pd.DataFrame) -> dict[str, str]:
    begun = bars[START].dropna()
    if begun.empty:
        return {"first": "", "last": ""}
    return {"first": begun.min().isoformat(), "last": begun.max().isoformat()}


def _basis(bars: pd.DataFrame, mapped: Mapped, rules: Rules) -> PriceBasis | None:
    ordered = bars[bars[TS].notna()].sort_values([INSTRUMENT, TS, "close"], kind="stable")
    once = ordered.drop_duplicates([INSTRUMENT, TS]).reset_index(drop=True)
    if not rules.market.instruments.has_actions:
        return None
    return price_basis(once, "adj_close" in mapped.frame, not rules.daily)
