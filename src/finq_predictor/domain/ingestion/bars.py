"""From bars as delivered to bars that can be computed with; what cannot be used is set aside with its reason.

Rows that are merely out of order are sorted. Zero volume is a fact, not an error. Nothing is repaired: a wrong value
is rejected, and the bar is missing. A row is judged by itself and by what was known before it: whatever is delivered
later, an earlier row stays as it was.
"""

from __future__ import annotations

from dataclasses import replace
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
    RECEIVED_AT,
    TS,
    UTC_MICROSECONDS,
    VOLUME,
)
from finq_predictor.domain.ingestion.column_mapping import Mapped, map_columns
from finq_predictor.domain.ingestion.corporate_actions import ACTION, DIVIDEND, SPLIT
from finq_predictor.domain.ingestion.misread_times import find_misread
from finq_predictor.domain.ingestion.parsing import COMPLETE, START, typed_bars
from finq_predictor.domain.ingestion.price_outliers import unconfirmed_jumps, wild_wicks
from finq_predictor.domain.ingestion.quarantine import HARMLESS, Cleaned, Ledger
from finq_predictor.domain.ingestion.revisions import known_times, settle_versions
from finq_predictor.domain.ingestion.rollover import note_on_bids
from finq_predictor.domain.ingestion.rules import Rules
from finq_predictor.domain.ingestion.total_return import actions_of_bars, as_traded, total_return
from finq_predictor.domain.tables import SILVER_BENCHMARK

# Fewer rows say nothing about an instrument as a whole.
_FEWEST_ROWS_TO_JUDGE = 50


def clean_bars(raw: pd.DataFrame, rules: Rules) -> Cleaned:
    """Divide delivered bars into silver and quarantine.

    Args:
        raw: Bars as delivered, with lineage columns.
        rules: How to read and judge them.

    Returns:
        Silver: ``ts`` (UTC close), ``instrument``, prices, ``volume``, ``known_at``, in a market with quotes bid and
        ask (NaN where not delivered), sorted by ``ts, instrument``, one row per key. Every delivered row is either in
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
    mapped = map_columns(
        raw,
        table,
        rules.reading.columns.get(table),
        instrument=rules.reading.instrument,
        named_in=rules.market.instruments.named_in,
    )
    ledger = Ledger(len(raw))
    bars = typed_bars(mapped, rules)
    adjusted = None
    if table == "bars" and rules.reading.prices == "split_adjusted":
        bars, adjusted = _adjusted(bars, raw, rules)
    _judge_times(bars, ledger, rules)
    _judge_completeness(bars, ledger)
    keyed = bars[TS].notna().to_numpy() & bars[INSTRUMENT].notna().to_numpy()
    _judge_prices(bars, ledger, rules)
    bars = known_times(bars, raw, keyed & ~ledger.broke("incomplete"))
    _judge_moment(bars, raw, ledger, rules)
    bars = settle_versions(bars, ledger, keyed, rules)
    _judge_delay(bars, ledger, rules)
    _judge_prints(bars, ledger, rules)
    if table == "bars":
        _judge_instruments(bars, ledger, rules)
    kept = bars[ledger.alive]
    if table == "benchmark":
        kept = kept.assign(close=kept[ADJ_CLOSE])
    silver = kept.sort_values([TS, INSTRUMENT], kind="stable", ignore_index=True)
    missing = _missing(bars, mapped)
    misread = find_misread(bars, rules)
    tally = replace(
        ledger.tally(lambda rows: _names(bars, rows)),
        null_shares={name: float(share) for name, share in missing.mean().items()},
        null_rows=_first_missing(bars, missing),
        columns=mapped.columns,
        notes=(
            *mapped.notes,
            *(_notes(mapped, silver, table, rules) if adjusted is None else adjusted),
            *(found.sentence for found in misread),
        ),
        out_of_order=_out_of_order(kept),
        misread={found.sentence: found.weeks for found in misread},
    )
    declared = SILVER_BENCHMARK if table == "benchmark" else rules.market.bars_table
    return Cleaned(declared.typed(silver), ledger.quarantine(raw), tally)


def _adjusted(bars: pd.DataFrame, raw: pd.DataFrame, rules: Rules) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Bars in the shares of their date with an adjusted close of our own, and what there is to say of it."""
    actions = actions_of_bars(raw, rules).silver
    traded = as_traded(bars, raw, actions, rules)
    found = total_return(traded, actions, rules)
    kinds = actions.drop_duplicates(ACTION)["kind"].value_counts()
    said = f"adjusted closes are computed of {kinds.get(SPLIT, 0)} splits and {kinds.get(DIVIDEND, 0)} dividends"
    return traded.assign(**{ADJ_CLOSE: traded["close"] * found.factor}), (said, *found.notes)


def _judge_times(bars: pd.DataFrame, ledger: Ledger, rules: Rules) -> None:
    ledger.reject(bars[INSTRUMENT].isna().to_numpy(), "no_instrument", "the name of the instrument is missing")
    ledger.reject(bars[START].isna().to_numpy(), "bad_time", "the time is missing or cannot be read")
    starts = bars[START]
    if rules.daily:
        reason = f"not a session of the calendar {rules.sessions.code}"
        ledger.reject(
            bars[TS].isna().to_numpy(),
            "no_session",
            lambda rows: [f"{starts[row]:%Y-%m-%d} is {reason}" for row in rows],
        )
    else:
        hours = f"outside the trading hours of the calendar {rules.sessions.code}"
        ledger.reject(
            rules.sessions.outside(starts, bars[TS]),
            "no_session",
            lambda rows: [f"{starts[row]:%a %Y-%m-%d %H:%M} UTC lies {hours}" for row in rows],
        )


def _judge_completeness(bars: pd.DataFrame, ledger: Ledger) -> None:
    """A bar that is still being made will be delivered again, with other prices."""
    if COMPLETE in bars:
        ledger.reject((~bars[COMPLETE]).to_numpy(), "incomplete", "the source marks the bar as not complete")


def _judge_prices(bars: pd.DataFrame, ledger: Ledger, rules: Rules) -> None:
    names = [*rules.market.price_columns]
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
    slack = rules.cleaning.ohlc_tolerance * prices["close"]
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


def _judge_delay(bars: pd.DataFrame, ledger: Ledger, rules: Rules) -> None:
    """What became known after its decision was not there to decide with, however good it looks in hindsight."""
    market, ts, known = rules.market, bars[TS], bars[KNOWN_AT]
    ledger.reject(
        (known > ts + market.decision_delay).to_numpy(),
        "late_bar",
        lambda rows: [
            f"known {known[row]}, {(known[row] - ts[row]) / pd.Timedelta(hours=1):.1f} h after its close; the decision "
            f"is taken {market.decision_hours:g} h after it"
            for row in rows
        ],
    )


def _judge_prints(bars: pd.DataFrame, ledger: Ledger, rules: Rules) -> None:
    limits = rules.cleaning
    wicks = wild_wicks(bars, limits.wick_factor)
    ledger.reject(
        wicks,
        "wild_wick",
        lambda rows: [
            f"low {bars['low'][row]:g} or high {bars['high'][row]:g} is more than {limits.wick_factor:g} times beyond "
            f"open {bars['open'][row]:g} and close {bars['close'][row]:g}"
            for row in rows
        ],
    )
    ledger.reject(
        unconfirmed_jumps(bars, ledger.alive, limits.max_jump, _numbers(bars[TS], rules)),
        "unconfirmed_jump",
        lambda rows: [
            f"close {bars['close'][row]:g} is more than {limits.max_jump:g} times off the last price, and no bar had "
            "confirmed it when it came"
            for row in rows
        ],
    )


def _numbers(ts: pd.Series, rules: Rules) -> np.ndarray:
    """Number of each row's bar on the clock of the calendar; -1 where it has no time."""
    known = pd.DatetimeIndex(ts.dropna().unique()).sort_values()
    steps = np.maximum(rules.sessions.bars_between(known, rules.bar), 1)
    numbers = np.append(np.concatenate([[0], np.cumsum(steps)])[: len(known)], -1)
    return np.asarray(numbers[known.get_indexer(pd.Index(ts))])


def _judge_instruments(bars: pd.DataFrame, ledger: Ledger, rules: Rules) -> None:
    """Reject rows of an instrument of which too much was unusable up to them: what is left is not one history.

    An instrument is not judged by what it delivers later, so that its rows from before stay.
    """
    harmless = np.logical_or.reduce([ledger.broke(rule) for rule in (*HARMLESS, "future", "late_bar")])
    counted = ~harmless & bars[INSTRUMENT].notna().to_numpy() & bars[START].notna().to_numpy()
    rows = np.flatnonzero(counted)
    instruments, starts = bars[INSTRUMENT], bars[START].astype("int64").to_numpy()[rows]
    names = instruments.iloc[rows]
    order = np.lexsort((starts, pd.factorize(names)[0]))
    bad = pd.Series(~ledger.alive[rows][order]).groupby(names.iloc[order].to_numpy(), sort=False)
    share = np.full(len(bars), np.nan)
    share[rows[order]] = np.where(
        bad.cumcount() + 1 >= _FEWEST_ROWS_TO_JUDGE, bad.cumsum() / (bad.cumcount() + 1), np.nan
    )
    ledger.reject(
        share > rules.cleaning.max_bad_share,
        "unreliable_instrument",
        lambda rows: [f"{share[row]:.0%} of the rows of {instruments[row]} up to here are unusable" for row in rows],
    )


def _missing(bars: pd.DataFrame, mapped: Mapped) -> pd.DataFrame:
    """Which values of the delivered columns are missing."""
    # Volume is not delivered by every market and sectors are labels.
    return bars[[name for name in (*OHLC, ADJ_CLOSE, VOLUME, *BID, *ASK) if name in mapped.frame]].isna()


def _first_missing(bars: pd.DataFrame, missing: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """The first rows that miss a value, by column that has such rows."""
    rows = {name: np.flatnonzero(column.to_numpy())[:3] for name, column in missing.items() if column.any()}
    return {str(name): tuple(_names(bars, positions)) for name, positions in rows.items()}


def _names(bars: pd.DataFrame, rows: np.ndarray) -> list[str]:
    part = bars.iloc[rows]
    return [f"row {row} ({name} {start})" for row, name, start in zip(rows, part[INSTRUMENT], part[START], strict=True)]


def _notes(mapped: Mapped, silver: pd.DataFrame, table: str, rules: Rules) -> list[str]:
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


def _out_of_order(kept: pd.DataFrame) -> int:
    """Rows that came after a later bar of the same instrument."""
    newest = kept[TS].astype("int64").groupby(kept[INSTRUMENT]).cummax()
    return int((kept[TS].astype("int64") < newest).sum())
