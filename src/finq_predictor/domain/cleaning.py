"""From bars as delivered to bars that can be computed with; what cannot be used is set aside with its reason.

Rows that are merely out of order are sorted. Zero volume is a fact, not an error. Nothing is repaired: a wrong value
is rejected, and the bar is missing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.domain.calendar import (
    ALWAYS_OPEN,
    FIRST_YEAR,
    INFERRED,
    LAST_YEAR,
    OPEN_ON_WEEKDAYS,
    calendar_zone,
    fx_market_closed,
    inferred_closes,
    session_closes,
    session_opens,
)
from finq_predictor.domain.columns import (
    ADJ_CLOSE,
    ASK,
    BID,
    INSTRUMENT,
    KNOWN_AT,
    OHLC,
    RECEIVED_AT,
    SECTOR,
    TS,
    VOLUME,
)
from finq_predictor.domain.mapping import Mapped, map_columns
from finq_predictor.domain.markets import Market
from finq_predictor.domain.quarantine import HARMLESS, Cleaned, Ledger
from finq_predictor.domain.times import UTC_MICROSECONDS, Times, parse_times
from finq_predictor.domain.wrong_prints import reverted_jumps, wild_wicks

_DAY = 1440
_MICROSECONDS_PER_HOUR = 3_600_000_000
# Fewer rows say nothing about an instrument as a whole.
_FEWEST_ROWS_TO_JUDGE = 50


@dataclass(frozen=True)
class Rules:
    """How a delivery is read and cleaned; the ingestion parameters explain each.

    Attributes:
        market: The market, with its defaults.
        columns: For each table, our name to the delivered name.
    """

    market: Market
    calendar: str | None = None
    bar_minutes: int | None = None
    time_marks: str = "open"
    timezone: str | None = None
    close_time: str = "16:00"
    day_first: bool = False
    instrument: str | None = None
    columns: dict[str, dict[str, str]] = field(default_factory=dict)
    as_of: pd.Timestamp | None = None
    correction_tolerance_hours: float = 0.0
    ohlc_tolerance: float = 1e-4
    jump_factor: float = 1.8
    jump_revert_tolerance: float = 0.05
    wick_factor: float = 5.0
    max_bad_share: float = 0.25

    @property
    def sessions(self) -> str:
        """The calendar that holds."""
        return self.calendar or self.market.calendar

    @property
    def bar(self) -> pd.Timedelta:
        """Length of a bar."""
        return pd.Timedelta(minutes=self.bar_minutes or self.market.bar_minutes)

    @property
    def daily(self) -> bool:
        """Whether a bar is a session of an exchange, whose date is enough to know its close."""
        return self.bar >= pd.Timedelta(minutes=_DAY) and self.sessions not in (OPEN_ON_WEEKDAYS, ALWAYS_OPEN)


def clean_bars(raw: pd.DataFrame, rules: Rules) -> Cleaned:
    """Divide delivered bars into silver and quarantine.

    Args:
        raw: Bars as delivered, with lineage columns.
        rules: How to read and judge them.

    Returns:
        Silver: ``ts`` (UTC close), ``instrument``, prices, ``volume``, ``known_at``, for foreign exchange bid and ask
        (NaN where not delivered), sorted by ``ts, instrument``, one row per key. Every delivered row is either in
        silver or in quarantine.

    Raises:
        MappingError: If the columns are not recognised.
        ConfigurationError: If calendar or time zone do not exist.
    """
    return _clean(raw, "bars", rules)


def clean_benchmark(raw: pd.DataFrame, rules: Rules) -> Cleaned:
    """Divide the delivered benchmark; as `clean_bars`, but silver is ``ts, close, known_at``, close adjusted."""
    return _clean(raw, "benchmark", rules)


def _clean(raw: pd.DataFrame, table: str, rules: Rules) -> Cleaned:
    mapped = map_columns(raw, table, rules.columns.get(table), instrument=rules.instrument)
    ledger = Ledger(len(raw))
    bars = _typed(mapped, rules)
    _judge_times(bars, ledger, rules)
    keyed = bars[TS].notna().to_numpy() & bars[INSTRUMENT].notna().to_numpy()
    _judge_prices(bars, ledger, rules)
    bars = _known(bars, raw, keyed)
    _judge_moment(bars, raw, ledger, rules)
    bars = _settle_versions(bars, ledger, keyed, rules)
    _judge_prints(bars, ledger, rules)
    if table == "bars":
        _judge_instruments(bars, ledger, rules)
    kept = bars[ledger.alive]
    if table == "benchmark":
        kept = kept.assign(close=kept[ADJ_CLOSE])
    silver = kept.sort_values([TS, INSTRUMENT], kind="stable", ignore_index=True)
    tally = {
        **ledger.tally(lambda rows: _names(bars, rows)),
        **_missing(bars, mapped),
        "columns": mapped.columns,
        "notes": [*mapped.notes, *_notes(mapped, table, rules)],
        "out_of_order": _out_of_order(kept),
    }
    return Cleaned(silver[_silver_columns(silver, table, rules.market)], ledger.quarantine(raw), tally)


def _typed(mapped: Mapped, rules: Rules) -> pd.DataFrame:
    """Numbers, names and times; what cannot be read is missing."""
    frame = mapped.frame
    prices = [name for name in (*OHLC, ADJ_CLOSE, VOLUME, *BID, *ASK) if name in frame]
    typed: dict[str, Any] = {name: as_numbers(frame[name]) for name in prices}
    if INSTRUMENT in frame:
        typed[INSTRUMENT] = as_names(frame[INSTRUMENT], rules.market)
    else:
        typed[INSTRUMENT] = pd.Series("benchmark", index=frame.index, dtype="str")
    if SECTOR in frame:
        typed[SECTOR] = frame[SECTOR].astype("str")
    if rules.market.name == "fx":
        for name in (*BID, *ASK):
            typed.setdefault(name, pd.Series(np.nan, index=frame.index))
    for part in OHLC[:3]:
        # A benchmark may have closes only.
        typed.setdefault(part, typed["close"])
    if ADJ_CLOSE not in typed:
        typed[ADJ_CLOSE] = typed["close"]
    if VOLUME not in typed:
        typed[VOLUME] = pd.Series(np.nan, index=frame.index)
    times = parse_times(frame["time"], rules.timezone or "UTC", day_first=rules.day_first)
    # Our own name marks the close, whatever the source's times mark.
    closes = mapped.columns.get("time") == TS or rules.time_marks == "close"
    typed[TS], typed["_start"] = _closes(times, rules, closes)
    if KNOWN_AT in frame:
        typed[KNOWN_AT] = parse_times(frame[KNOWN_AT], rules.timezone or "UTC", day_first=rules.day_first).utc
    return pd.DataFrame(typed)


def as_numbers(values: pd.Series) -> pd.Series:
    """Numbers as float64; thousands' commas and currency signs are dropped, infinities and words are missing."""
    if not pd.api.types.is_numeric_dtype(values):
        values = values.astype("str").str.replace(r"[,$€£\s]", "", regex=True)
    numbers = pd.to_numeric(values, errors="coerce").astype("float64")
    return numbers.where(np.isfinite(numbers))


def as_names(values: pd.Series, market: Market) -> pd.Series:
    """Names of instruments: upper case, without cashtag; currency pairs as ``EUR_USD``."""
    codes, unique = pd.factorize(values)
    names = pd.Series(unique).astype("str").str.strip().str.lstrip("$").str.upper()
    if market.name == "fx":
        names = names.str.replace(r"^([A-Z]{3})[^A-Z0-9]?([A-Z]{3})(?:=X)?$", r"\1_\2", regex=True)
    names = names.where(names != "")
    return pd.Series(names.array.take(codes, allow_fill=True), index=values.index, dtype="str")


def _closes(times: Times, rules: Rules, times_are_closes: bool) -> tuple[pd.Series, pd.Series]:
    """UTC close and start of each bar; a bar of an exchange that is no session has no close."""
    plausible = times.utc.dt.year.between(FIRST_YEAR, LAST_YEAR)
    utc = times.utc.where(plausible)
    if not rules.daily:
        close = utc if times_are_closes else utc + rules.bar
        close = close.astype(UTC_MICROSECONDS)
        return close, close - rules.bar
    dates = session_dates(Times(utc, times.wall.where(plausible)), _zone(rules))
    if not dates.notna().any():
        return utc, utc
    if rules.sessions == INFERRED:
        closes = inferred_closes(dates, rules.timezone or "UTC", rules.close_time)
    else:
        closes = session_closes(rules.sessions, dates.min(), dates.max())
    return dates.map(closes).astype(UTC_MICROSECONDS), utc


def session_dates(times: Times, zone: str) -> pd.Series:
    """The session a daily bar belongs to: the date as written if it is midnight there, else the exchange's date."""
    dates = times.wall.dt.normalize()
    timed = (times.wall != dates) & times.wall.notna()
    if timed.any():
        dates[timed] = times.utc[timed].dt.tz_convert(zone).dt.tz_localize(None).dt.normalize().dt.as_unit("us")
    return dates


def _zone(rules: Rules) -> str:
    return rules.timezone or "UTC" if rules.sessions == INFERRED else calendar_zone(rules.sessions)


def _judge_times(bars: pd.DataFrame, ledger: Ledger, rules: Rules) -> None:
    ledger.reject(bars[INSTRUMENT].isna().to_numpy(), "no_instrument", "the name of the instrument is missing")
    ledger.reject(bars["_start"].isna().to_numpy(), "bad_time", "the time is missing or cannot be read")
    starts = bars["_start"]
    if rules.daily:
        reason = f"not a session of the calendar {rules.sessions}"
        ledger.reject(
            bars[TS].isna().to_numpy(),
            "no_session",
            lambda rows: [f"{starts[row]:%Y-%m-%d} is {reason}" for row in rows],
        )
    elif rules.sessions == OPEN_ON_WEEKDAYS:
        ledger.reject(
            fx_market_closed(starts, rules.bar),
            "no_session",
            lambda rows: [f"the market is closed at {starts[row]:%a %Y-%m-%d %H:%M} UTC" for row in rows],
        )
    elif rules.sessions != ALWAYS_OPEN and starts.notna().any():
        outside = _outside_hours(bars, rules)
        ledger.reject(outside, "no_session", f"the bar lies outside the trading hours of the calendar {rules.sessions}")


def _outside_hours(bars: pd.DataFrame, rules: Rules) -> np.ndarray:
    """Intraday bars of an exchange that do not overlap any session."""
    if rules.sessions == INFERRED:
        return np.zeros(len(bars), dtype=bool)
    span = bars["_start"].min() - pd.Timedelta(days=7), bars[TS].max() + pd.Timedelta(days=7)
    opens, closes = (each(rules.sessions, *span).astype("int64").to_numpy() for each in (session_opens, session_closes))
    start, end = (bars[name].astype("int64").to_numpy() for name in ("_start", TS))
    session = np.searchsorted(closes, start, side="right").clip(max=len(opens) - 1)
    return np.asarray(end <= opens[session], dtype=bool)


def _judge_prices(bars: pd.DataFrame, ledger: Ledger, rules: Rules) -> None:
    names = [*OHLC] if rules.market.name == "fx" else [*OHLC, ADJ_CLOSE]
    prices = {name: bars[name].to_numpy() for name in names}
    table = np.column_stack([prices[name] for name in names])
    empty = np.isnan(table)
    ledger.reject(
        empty.any(axis=1),
        "missing_price",
        lambda rows: [f"no number in {', '.join(np.array(names)[empty[row]])}" for row in rows],
    )
    low = table <= 0
    ledger.reject(
        np.asarray(low.any(axis=1)),
        "price_not_positive",
        lambda rows: [f"{names[low[row].argmax()]} is {table[row][low[row].argmax()]:g}" for row in rows],
    )
    top, bottom = (pick(prices["open"], prices["close"]) for pick in (np.maximum, np.minimum))
    slack = rules.ohlc_tolerance * prices["close"]
    high, floor = prices["high"], prices["low"]
    broken = (high < top - slack) | (floor > bottom + slack) | (high < floor)
    ledger.reject(
        broken,
        "impossible_prices",
        lambda rows: [
            f"open {prices['open'][row]:g} and close {prices['close'][row]:g} do not lie between low {floor[row]:g} "
            f"and high {high[row]:g}"
            for row in rows
        ],
    )
    volume = bars[VOLUME].to_numpy()
    ledger.reject(volume < 0, "negative_volume", lambda rows: [f"volume is {volume[row]:g}" for row in rows])
    for bid_name, ask_name in zip(BID, ASK, strict=True):
        if bid_name in bars and ask_name in bars:
            bid, ask = bars[bid_name].to_numpy(), bars[ask_name].to_numpy()
            ledger.reject(bid > ask, "crossed_quote", _crossed(bid_name, bid, ask_name, ask))


def _crossed(bid_name: str, bid: np.ndarray, ask_name: str, ask: np.ndarray) -> Any:
    return lambda rows: [f"{bid_name} {bid[row]:g} is above {ask_name} {ask[row]:g}" for row in rows]


def _judge_moment(bars: pd.DataFrame, raw: pd.DataFrame, ledger: Ledger, rules: Rules) -> None:
    """A bar cannot be later than the moment it was received, nor known later than the moment of the run."""
    ts, known = bars[TS], bars[KNOWN_AT]
    if RECEIVED_AT in raw:
        received = raw[RECEIVED_AT].reset_index(drop=True).astype(UTC_MICROSECONDS)
        early = (ts > received).to_numpy()
        ledger.reject(early, "future", lambda rows: [f"closes {ts[row]}, received {received[row]}" for row in rows])
    if rules.as_of is not None:
        later = (known > rules.as_of).to_numpy()
        ledger.reject(later, "future", lambda rows: [f"known {known[row]}, after {rules.as_of}" for row in rows])


def _known(bars: pd.DataFrame, raw: pd.DataFrame, keyed: np.ndarray) -> pd.DataFrame:
    """When each row could be known: as delivered, else at its close, else when a later delivery changed it."""
    if KNOWN_AT in bars:
        known = bars[KNOWN_AT].fillna(bars[TS])
        return bars.assign(**{KNOWN_AT: known.where(known > bars[TS], bars[TS])})
    known = bars[TS]
    if RECEIVED_AT in raw and raw[RECEIVED_AT].nunique() > 1:
        received = raw[RECEIVED_AT].reset_index(drop=True).astype(UTC_MICROSECONDS)
        again = bars.duplicated([INSTRUMENT, TS], keep="first") & keyed & (received > received.min())
        known = known.where(~again, received)
    return bars.assign(**{KNOWN_AT: known})


def _settle_versions(bars: pd.DataFrame, ledger: Ledger, keyed: np.ndarray, rules: Rules) -> pd.DataFrame:
    """Of several rows with one key keep what was known in time: the last one delivered within the tolerance."""
    several = np.flatnonzero(bars.duplicated([INSTRUMENT, TS], keep=False).to_numpy() & keyed)
    if not len(several):
        return bars
    part = bars.iloc[several]
    group = part.groupby([INSTRUMENT, TS], sort=False).ngroup().to_numpy()
    known, ts = (part[name].astype("int64").to_numpy() for name in (KNOWN_AT, TS))
    first = _least(known, group)
    late = (known > ts + int(rules.correction_tolerance_hours * _MICROSECONDS_PER_HOUR)) & (known > first[group])
    eligible = ledger.alive[several] & ~late
    winner = np.full(len(first), -1)
    # Positions ascend, so that the last eligible row of a group stays.
    winner[group[eligible]] = np.flatnonzero(eligible)
    chosen = winner[group]
    own = chosen == np.arange(len(several))
    same = (chosen >= 0) & _same_values(part, chosen)
    mark = partial(_marked, several, len(bars))
    times = bars[KNOWN_AT]
    ledger.reject(mark(same & ~own), "duplicate", "the same row was delivered more than once")
    ledger.reject(
        mark(late),
        "late_correction",
        lambda rows: [f"known {times[row]}, too long after the close; history stays what was known" for row in rows],
    )
    ledger.reject(mark(~own), "superseded", "another row for the same instrument and time came later and was used")
    # A row that was delivered again was known when it came first.
    earliest = _least(np.where(same, known, np.iinfo(np.int64).max), group)
    settled = times.astype("int64").to_numpy().copy()
    settled[several[own]] = earliest[group[own]]
    return bars.assign(
        **{KNOWN_AT: pd.Series(settled, index=bars.index).astype("datetime64[us]").dt.tz_localize("UTC")}
    )


def _least(values: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Smallest value of each group."""
    least = np.full(group.max() + 1, np.iinfo(np.int64).max)
    np.minimum.at(least, group, values)
    return least


def _marked(positions: np.ndarray, rows: int, mask: np.ndarray) -> np.ndarray:
    marked = np.zeros(rows, dtype=bool)
    marked[positions[mask]] = True
    return marked


def _same_values(part: pd.DataFrame, chosen: np.ndarray) -> np.ndarray:
    """Rows whose numbers equal those of the row chosen for their key; missing equals missing."""
    names = [name for name in (*OHLC, ADJ_CLOSE, VOLUME, *BID, *ASK) if name in part]
    values = part[names].to_numpy()
    other = values[np.where(chosen >= 0, chosen, 0)]
    return np.asarray(((values == other) | (np.isnan(values) & np.isnan(other))).all(axis=1), dtype=bool)


def _judge_prints(bars: pd.DataFrame, ledger: Ledger, rules: Rules) -> None:
    wicks = wild_wicks(bars, rules.wick_factor)
    ledger.reject(
        wicks,
        "wild_wick",
        lambda rows: [
            f"low {bars['low'][row]:g} or high {bars['high'][row]:g} is more than {rules.wick_factor:g} times beyond "
            f"open {bars['open'][row]:g} and close {bars['close'][row]:g}"
            for row in rows
        ],
    )
    while True:
        jumps = reverted_jumps(bars, ledger.alive, rules.jump_factor, rules.jump_revert_tolerance)
        if not jumps.any():
            return
        ledger.reject(
            jumps,
            "wrong_print",
            lambda rows: [
                f"close {bars['close'][row]:g} is more than {rules.jump_factor:g} times off the bars before and after, "
                "which agree"
                for row in rows
            ],
        )


def _judge_instruments(bars: pd.DataFrame, ledger: Ledger, rules: Rules) -> None:
    """Reject an instrument most of whose history is unusable: what is left of it is not one history."""
    harmless = np.logical_or.reduce([ledger.broke(rule) for rule in (*HARMLESS, "future")])
    counted = ~harmless & bars[INSTRUMENT].notna().to_numpy()
    names = bars[INSTRUMENT][counted]
    bad = pd.Series(~ledger.alive[counted], index=names.index).groupby(names).agg(["mean", "sum", "size"])
    worst = bad[(bad["mean"] > rules.max_bad_share) & (bad["size"] >= _FEWEST_ROWS_TO_JUDGE)]
    if worst.empty:
        return
    shares = worst["mean"].to_dict()
    instruments = bars[INSTRUMENT]
    ledger.reject(
        instruments.isin(worst.index).to_numpy(),
        "unreliable_instrument",
        lambda rows: [f"{shares[instruments[row]]:.0%} of the rows of {instruments[row]} are unusable" for row in rows],
    )


def _silver_columns(silver: pd.DataFrame, table: str, market: Market) -> list[str]:
    if table == "benchmark":
        return [TS, "close", KNOWN_AT]
    if market.name == "fx":
        return [INSTRUMENT, TS, *OHLC, *BID, *ASK, VOLUME, KNOWN_AT]
    sector = [SECTOR] if SECTOR in silver else []
    return [INSTRUMENT, TS, *OHLC, ADJ_CLOSE, VOLUME, KNOWN_AT, *sector]


def _missing(bars: pd.DataFrame, mapped: Mapped) -> dict[str, Any]:
    """Share of missing values in each delivered column, and the first rows that miss one."""
    # Volume is not delivered by every market and sectors are labels.
    names = [name for name in (*OHLC, ADJ_CLOSE, VOLUME, *BID, *ASK) if name in mapped.frame]
    missing = bars[names].isna()
    return {
        "null_shares": {name: float(share) for name, share in missing.mean().items()},
        "null_rows": {
            name: _names(bars, np.flatnonzero(column.to_numpy())[:3])
            for name, column in missing.items()
            if column.any()
        },
    }


def _names(bars: pd.DataFrame, rows: np.ndarray) -> list[str]:
    part = bars.iloc[rows]
    return [
        f"row {row} ({name} {start})" for row, name, start in zip(rows, part[INSTRUMENT], part["_start"], strict=True)
    ]


def _notes(mapped: Mapped, table: str, rules: Rules) -> list[str]:
    if table == "bars" and rules.market.name == "equity" and ADJ_CLOSE not in mapped.frame:
        return ["the source has no adjusted close: splits, dividends and spin-offs look like returns"]
    return []


def _out_of_order(kept: pd.DataFrame) -> int:
    """Rows that came after a later bar of the same instrument."""
    newest = kept[TS].astype("int64").groupby(kept[INSTRUMENT]).cummax()
    return int((kept[TS].astype("int64") < newest).sum())
