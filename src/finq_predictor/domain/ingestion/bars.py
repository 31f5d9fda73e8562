"""From bars as delivered to bars that can be computed with; what cannot be used is set aside with its reason.

Rows that are merely out of order are sorted. Zero volume is a fact, not an error. A wrong value is rejected, and the
bar is missing, unless repairs are asked for and one was known by the decision of the bar. A row is judged by itself and
by what was known before it: whatever is delivered later, an earlier row stays as it was.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
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
    SPLIT_ADJUSTED,
    TS,
    UTC_MICROSECONDS,
    VOLUME,
)
from finq_predictor.domain.ingestion.bar_notes import first_missing, missing_in, notes_on_bars, out_of_order, row_names
from finq_predictor.domain.ingestion.bar_repairs import Beside, repair_in_time
from finq_predictor.domain.ingestion.column_mapping import Mapped, map_columns
from finq_predictor.domain.ingestion.corporate_actions import ACTION, DIVIDEND, SPLIT
from finq_predictor.domain.ingestion.misread_times import find_misread
from finq_predictor.domain.ingestion.parsing import COMPLETE, START, TICKER, typed_bars
from finq_predictor.domain.ingestion.price_outliers import suspected_reuses, unconfirmed_jumps, wild_wicks
from finq_predictor.domain.ingestion.quarantine import HARMLESS, Cleaned, Ledger
from finq_predictor.domain.ingestion.revision_rate import find_rewrites
from finq_predictor.domain.ingestion.revisions import known_times, settle_versions
from finq_predictor.domain.ingestion.rules import Rules
from finq_predictor.domain.ingestion.tally import Tally
from finq_predictor.domain.ingestion.ticker_names import settled_tickers
from finq_predictor.domain.ingestion.total_return import actions_of_bars, as_traded, total_return
from finq_predictor.domain.ingestion.two_providers import (
    Compared,
    compare,
    disbelieved,
    has_two_providers,
    nothing_compared,
    opinions_in,
    said_by,
)
from finq_predictor.domain.tables import SILVER_ACTIONS, SILVER_BENCHMARK, SILVER_REPAIRS

# Fewer rows say nothing about an instrument as a whole.
_FEWEST_ROWS_TO_JUDGE = 50


@dataclass(frozen=True)
class CleanedBars:
    """A delivery of bars, divided, and what is made of it.

    Attributes:
        bars: Silver bars and what was set aside.
        actions: The splits and dividends that stand beside them; none where the source delivers none.
        repairs: ``SILVER_REPAIRS``; empty where nothing is looked for.
        compared: Where providers differ that delivered the same bars.
        repair_notes: What is to be said of the repairs, one sentence each.
    """

    bars: Cleaned
    actions: Cleaned
    repairs: pd.DataFrame
    compared: Compared
    repair_notes: tuple[str, ...] = ()


def clean_bars(raw: pd.DataFrame, rules: Rules) -> Cleaned:
    """Divide delivered bars into silver and quarantine.

    Args:
        raw: Bars as delivered, with lineage columns.
        rules: How to read and judge them.

    Returns:
        Silver: ``ts`` (UTC close), ``instrument``, prices, ``volume``, ``known_at``, in a market with quotes bid and
        ask (NaN where not delivered), sorted by ``ts, instrument``, one row per key. Every delivered row is either in
        silver or in quarantine, but for those that were asked for only to compare others with them.

    Raises:
        MappingError: If the columns are not recognised.
        ConfigurationError: If calendar or time zone do not exist.
    """
    return clean_bars_and_actions(raw, rules).bars


def clean_bars_and_actions(raw: pd.DataFrame, rules: Rules) -> CleanedBars:
    """Divide delivered bars, and the splits and dividends beside them, as :func:`clean_bars`; each row is read once.

    Rows of a provider that was only asked for its opinion are compared with the others, and are no delivery.
    """
    opinions = opinions_in(raw)
    return _clean(raw[~opinions] if opinions.any() else raw, "bars", rules, raw[opinions])


def clean_benchmark(raw: pd.DataFrame, rules: Rules) -> Cleaned:
    """Divide the delivered benchmark; as `clean_bars`, but silver is ``ts, close, known_at``, close adjusted."""
    return _clean(raw, "benchmark", rules).bars


def _clean(raw: pd.DataFrame, table: str, rules: Rules, opinions: pd.DataFrame | None = None) -> CleanedBars:
    mapped = _mapped(raw, table, rules)
    ledger = Ledger(len(raw))
    bars, actions = typed_bars(mapped, rules), _no_actions(raw)
    notes: tuple[str, ...] = ()
    found = None
    traded = table == "bars" and rules.reading.prices == SPLIT_ADJUSTED
    if table == "bars" and rules.market.has_actions:
        actions = actions_of_bars(mapped, bars, raw, rules)
    if traded:
        bars = as_traded(bars, raw, actions.silver, rules)
        bars = bars.assign(**{ADJ_CLOSE: bars["close"]})
    compared = nothing_compared() if opinions is None else _compared(bars, raw, opinions, actions.silver, rules)
    _judge_times(bars, ledger, rules)
    _judge_completeness(bars, ledger)
    keyed = bars[TS].notna().to_numpy() & bars[INSTRUMENT].notna().to_numpy()
    bars = known_times(bars, raw, keyed & ~ledger.broke("incomplete"))
    if rules.cleaning.repair and table == "bars":
        settled, there = _settled_before_judging(bars, raw, ledger, keyed, rules)
        found = repair_in_time(settled, there, Beside(mapped, raw, actions.silver), rules)
        bars = bars.assign(**{name: found.bars[name] for name in (*OHLC, VOLUME, KNOWN_AT)})
        bars = bars.assign(**{ADJ_CLOSE: bars["close"]})
    _judge_prices(bars, ledger, rules)
    _judge_moment(bars, raw, ledger, rules)
    _judge_tickers(bars, raw, ledger, keyed)
    rewrites = find_rewrites(bars, raw, ledger.alive & keyed, rules)
    bars = settle_versions(bars, ledger, keyed, rules)
    _judge_delay(bars, ledger, rules)
    _judge_providers(bars, ledger, compared)
    if traded:
        bars, notes = _adjusted(bars, ledger, actions.silver if found is None else found.actions, rules)
    _judge_prints(bars, ledger, rules)
    if table == "bars":
        _judge_instruments(bars, ledger, rules)
    kept = bars[ledger.alive]
    if table == "benchmark":
        kept = kept.assign(close=kept[ADJ_CLOSE])
    silver = kept.sort_values([TS, INSTRUMENT], kind="stable", ignore_index=True)
    missing = missing_in(bars, mapped)
    misread = find_misread(bars, rules)
    tally = replace(
        ledger.tally(lambda rows: row_names(bars, rows)),
        null_shares={name: float(share) for name, share in missing.mean().items()},
        null_rows=first_missing(bars, missing),
        columns=mapped.columns,
        notes=(
            *mapped.notes,
            *(notes if traded else notes_on_bars(mapped, silver, table, rules)),
            *compared.notes,
            *(one.sentence for one in misread),
        ),
        out_of_order=out_of_order(kept),
        agreement=compared.agreement,
        rewrites=rewrites,
        misread={one.sentence: one.weeks for one in misread},
        misread_fit=min((one.fit for one in misread), default=1.0),
    )
    declared = SILVER_BENCHMARK if table == "benchmark" else rules.market.bars_table
    cleaned = Cleaned(declared.typed(silver), ledger.quarantine(raw), tally)
    if found is None:
        return CleanedBars(cleaned, actions, SILVER_REPAIRS.empty().assign(in_time=pd.Series(dtype="bool")), compared)
    return CleanedBars(cleaned, actions, found.repairs, compared, found.notes)


def _mapped(raw: pd.DataFrame, table: str, rules: Rules) -> Mapped:
    names, kind = rules.reading, rules.market.instruments
    return map_columns(raw, table, names.columns.get(table), instrument=names.instrument, named_in=kind.named_in)


def _compared(
    bars: pd.DataFrame, raw: pd.DataFrame, opinions: pd.DataFrame, actions: pd.DataFrame, rules: Rules
) -> Compared:
    """What several providers say of the same bars, in the shares of their date by the splits the first knows of."""
    if not len(opinions) and not has_two_providers(raw):
        return nothing_compared()
    said = [said_by(bars, raw)]
    if len(opinions):
        told = typed_bars(_mapped(opinions, "bars", rules), rules)
        if rules.reading.prices == SPLIT_ADJUSTED:
            told = as_traded(told, opinions, actions, rules)
        said.append(said_by(told, opinions))
    return compare(pd.concat(said, ignore_index=True), rules)


def _no_actions(raw: pd.DataFrame) -> Cleaned:
    return Cleaned(SILVER_ACTIONS.empty(), Ledger(0).quarantine(raw.iloc[:0]), Tally(rows=0, kept=0))


def _settled_before_judging(
    bars: pd.DataFrame, raw: pd.DataFrame, ledger: Ledger, keyed: np.ndarray, rules: Rules
) -> tuple[pd.DataFrame, np.ndarray]:
    """The rows that would count if no price were wrong, with the times from which they were known.

    A repair needs one row for each bar, and a price that makes a bar impossible may be what is repaired.
    """
    trial = ledger.copy()
    trial.reject(~(bars["close"].to_numpy() > 0), "price_not_positive", "")
    _judge_moment(bars, raw, trial, rules)
    settled = settle_versions(bars, trial, keyed, rules)
    _judge_delay(settled, trial, rules)
    return settled, trial.alive


def _adjusted(
    bars: pd.DataFrame, ledger: Ledger, actions: pd.DataFrame, rules: Rules
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Bars with an adjusted close of our own, and what there is to say of it."""
    found = total_return(bars, actions, rules, ledger.alive)
    kinds = actions.drop_duplicates(ACTION)["kind"].value_counts()
    said = f"adjusted closes are computed of {kinds.get(SPLIT, 0)} splits and {kinds.get(DIVIDEND, 0)} dividends"
    return bars.assign(**{ADJ_CLOSE: bars["close"] * found.factor}), (said, *found.notes)


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


def _judge_providers(bars: pd.DataFrame, ledger: Ledger, compared: Compared) -> None:
    """Of two prices that contradict each other nobody knows which one is right: neither is used."""
    told = disbelieved(bars, compared.differences)
    broken = np.zeros(len(bars), dtype=bool)
    broken[list(told)] = True
    ledger.reject(broken, "provider_disagreement", lambda rows: [told[row] for row in rows])


def _judge_tickers(bars: pd.DataFrame, raw: pd.DataFrame, ledger: Ledger, keyed: np.ndarray) -> None:
    """One delivery that has an instrument under two tickers at one time contradicts what names say."""
    if TICKER not in bars:
        return
    one = bars[[INSTRUMENT, TS, TICKER]].assign(_received=raw[RECEIVED_AT].to_numpy() if RECEIVED_AT in raw else 0)
    one = one[ledger.alive & keyed]
    several = one.groupby([INSTRUMENT, TS, "_received"], sort=False)[TICKER].transform("nunique") > 1
    instruments, tickers = bars[INSTRUMENT], bars[TICKER]
    ledger.reject(
        several.reindex(bars.index, fill_value=False).to_numpy(),
        "two_tickers",
        lambda rows: [
            f"delivered as {tickers[row]} and under another ticker too, both for {instruments[row]} on one session; "
            "correct reading.names"
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
    numbers = _numbers(bars[TS], rules)
    ledger.reject(
        unconfirmed_jumps(bars, ledger.alive, limits.max_jump, numbers),
        "unconfirmed_jump",
        lambda rows: [
            f"close {bars['close'][row]:g} is more than {limits.max_jump:g} times off the last price, and no bar had "
            "confirmed it when it came"
            for row in rows
        ],
    )
    if rules.market.reuses_names:
        _judge_reuse(bars, ledger, numbers, rules)


def _judge_reuse(bars: pd.DataFrame, ledger: Ledger, numbers: np.ndarray, rules: Rules) -> None:
    """What comes back after its end at another price altogether may be another company of the same name."""
    told = settled_tickers(rules.reading.names, rules.market.instruments.spell)
    asked = ledger.alive & ~bars[INSTRUMENT].isin(told).to_numpy()
    joins = suspected_reuses(bars, asked, rules.cleaning.max_jump, numbers, rules.market.ended_after)
    suspect = np.zeros(len(bars), dtype=bool)
    suspect[list(joins)] = True
    ledger.reject(suspect, "suspected_reuse", lambda rows: [_reuse(bars, *joins[row]) for row in rows.tolist()])


def _reuse(bars: pd.DataFrame, last: int, first: int) -> str:
    name, gone, back = bars[INSTRUMENT][last], bars[TS][last], bars[TS][first]
    return (
        f"{name} has no price from {gone:%Y-%m-%d} to {back:%Y-%m-%d} and comes back at {bars['close'][first]:g} after "
        f"{bars['close'][last]:g}: perhaps another company took up its name. Say in reading.names what {name} was "
        f"until {gone:%Y-%m-%d} and since {back:%Y-%m-%d}"
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
    instruments = bars[INSTRUMENT]
    codes = pd.factorize(instruments)[0]
    rejected = ~ledger.alive & ~harmless
    # Only where a row was rejected there is a share to compute.
    suspects = np.bincount(codes[rejected & (codes >= 0)], minlength=codes.max(initial=-1) + 1) > 0
    counted = ~harmless & (codes >= 0) & bars[START].notna().to_numpy()
    rows = np.flatnonzero(counted & suspects[codes]) if suspects.any() else np.array([], dtype=np.intp)
    rows = rows[np.lexsort((bars[START].astype("int64").to_numpy()[rows], codes[rows]))]
    bad = pd.Series(~ledger.alive[rows]).groupby(codes[rows], sort=False)
    share = np.full(len(bars), np.nan)
    share[rows] = np.where(bad.cumcount() + 1 >= _FEWEST_ROWS_TO_JUDGE, bad.cumsum() / (bad.cumcount() + 1), np.nan)
    ledger.reject(
        share > rules.cleaning.max_bad_share,
        "unreliable_instrument",
        lambda rows: [f"{share[row]:.0%} of the rows of {instruments[row]} up to here are unusable" for row in rows],
    )
