"""Adjusted closes that nothing later changes, from deliveries whose prices know of the splits up to their receipt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Vector
from finq_predictor.domain.columns import (
    AS_TRADED,
    INSTRUMENT,
    KNOWN_AT,
    OHLC,
    PRICES,
    RECEIVED_AT,
    SPLIT_ADJUSTED,
    TS,
    UTC_MICROSECONDS,
    VOLUME,
)
from finq_predictor.domain.ingestion.adjustment import local_dates
from finq_predictor.domain.ingestion.column_mapping import Mapped
from finq_predictor.domain.ingestion.corporate_actions import DIVIDEND, NEUTRAL, SPLIT, as_ratios, clean_actions
from finq_predictor.domain.ingestion.parsing import START, as_numbers
from finq_predictor.domain.ingestion.quarantine import Cleaned
from finq_predictor.domain.ingestion.rules import Rules


@dataclass(frozen=True)
class TotalReturn:
    """What adjusted closes are made of.

    Attributes:
        factor: What each close as traded is multiplied by (n).
        notes: What could not be used, one sentence each.
    """

    factor: Vector
    notes: tuple[str, ...]


def actions_of_bars(mapped: Mapped, bars: pd.DataFrame, raw: pd.DataFrame, rules: Rules) -> Cleaned:
    """The splits and dividends that stand beside the bars of a delivery, in the shares of the bars' prices.

    Args:
        mapped: The delivery under our names; without columns of splits and dividends there are no actions.
        bars: The same rows, typed.
        raw: The same rows as delivered, with lineage columns.
        rules: How they are read. Prices that are adjusted stay as they came, and so do their dividends.

    Returns:
        As :func:`~finq_predictor.domain.ingestion.corporate_actions.clean_actions`; only rows of days on which
        anything was ever said to have happened are looked at.
    """
    frame = mapped.frame
    said = {name: _read(frame[name], name) for name in (SPLIT, DIVIDEND) if name in frame}
    happened = np.zeros(len(frame), dtype=bool)
    for name in said:
        happened |= _is_something(frame[name], said[name], name)
    if not happened.any():
        return clean_actions(raw.iloc[:0], rules)
    days = pd.MultiIndex.from_frame(frame.loc[happened, [INSTRUMENT, "time"]])
    near = np.flatnonzero(frame["time"].isin(frame.loc[happened, "time"]))
    rows = near[pd.MultiIndex.from_frame(frame.iloc[near][[INSTRUMENT, "time"]]).isin(days)]
    plain = frame.iloc[rows][[INSTRUMENT, "time", *said]].rename(columns={"time": "ex_date"}).reset_index(drop=True)
    part = raw.iloc[rows].reset_index(drop=True)
    lineage = part[[name for name in part if str(name).startswith("_")]]
    if DIVIDEND in said and rules.reading.prices == SPLIT_ADJUSTED:
        splits = clean_actions(plain.drop(columns=DIVIDEND).assign(split=plain.get(SPLIT, 0.0)).join(lineage), rules)
        typed = bars.iloc[rows].reset_index(drop=True)
        dates = local_dates(typed[TS].fillna(typed[START]), rules.sessions.zone)
        shares = _split_since(typed[INSTRUMENT], dates, _receipts(part), splits.silver, rules)
        cash = pd.Series(said[DIVIDEND].to_numpy()[rows] * shares, index=plain.index)
        # What is written and cannot be read stays as it is, to be judged.
        plain[DIVIDEND] = cash.astype(object).where(cash.notna(), plain[DIVIDEND].astype(object))
    return clean_actions(plain.join(lineage), rules)


def _read(values: pd.Series, kind: str) -> pd.Series:
    written = kind == SPLIT and not pd.api.types.is_numeric_dtype(values)
    return as_ratios(values) if written else as_numbers(values)


def _is_something(delivered: pd.Series, value: pd.Series, kind: str) -> np.ndarray:
    """Rows that say that something happened, or say something that cannot be read."""
    something = (value.notna() & (value != 0) & (value != NEUTRAL[kind])).to_numpy()
    if not pd.api.types.is_numeric_dtype(delivered):
        something |= (value.isna() & delivered.notna() & (delivered.astype("str").str.strip() != "")).to_numpy()
    return np.asarray(something)


def as_traded(bars: pd.DataFrame, raw: pd.DataFrame, actions: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """Undo the splits that a provider had divided prices by when it delivered them; rows may say that it had not.

    Args:
        bars: Bars with ``instrument, ts``, prices and volume, in the order of ``raw``.
        raw: The same rows as delivered, with the time of receipt; without it every split counts.
        actions: ``SILVER_ACTIONS``.
        rules: How they are read.

    Returns:
        The bars in the shares of their date.
    """
    dates = local_dates(bars[TS], rules.sessions.zone)
    shares = _split_since(bars[INSTRUMENT], dates, _receipts(raw), actions, rules)
    prices = {name: bars[name] * shares for name in OHLC if name in bars}
    return bars.assign(**prices, **{VOLUME: bars[VOLUME] / shares})


def total_return(
    bars: pd.DataFrame, actions: pd.DataFrame, rules: Rules, rows: np.ndarray | None = None
) -> TotalReturn:
    """What makes closes as traded comparable over splits and dividends, forward from the first bar.

    A split of ``s`` new shares per old one multiplies every close from its ex-date on by ``s``; a dividend ``D`` by
    ``1 / (1 - D / C)``, where ``C`` is the last close before it, in shares of its date (CRSP, Data Description Guide,
    "Distributions"). Ratios are those of the usual adjustment backwards. But that one changes all of history with every
    action, and this one changes nothing before it. What became known only after its ex-date counts from the first bar
    that closed after that.

    Args:
        bars: Bars with ``instrument, ts`` (NaT is passed over) and ``close`` as traded; any order, keys may repeat.
        actions: ``SILVER_ACTIONS``, every version.
        rules: How they are read; the zone of the exchange tells its dates.
        rows: (n,) booleans, which bars there are; None is all. Others have no say and the factor 1.

    Returns:
        Factors (n), and a note of each dividend that is not below the price before it.
    """
    factor, notes = np.ones(len(bars)), []
    dates = local_dates(bars[TS], rules.sessions.zone).to_numpy()
    times, closes = bars[TS].dt.tz_localize(None).to_numpy(), bars["close"].to_numpy()
    affected = bars[INSTRUMENT].isin(set(actions[INSTRUMENT])).to_numpy() & bars[TS].notna().to_numpy()
    there = np.flatnonzero(affected if rows is None else affected & rows)
    order = there[np.argsort(times[there], kind="stable")]
    for name, own in pd.Series(order).groupby(bars[INSTRUMENT].to_numpy()[order]):
        place = own.to_numpy()
        steps = np.ones(len(place) + 1)
        theirs = actions[actions[INSTRUMENT] == name].sort_values(KNOWN_AT, kind="stable")
        splits = theirs[theirs["kind"] == SPLIT]
        told: dict[tuple[str, pd.Timestamp], float] = {}
        for action in theirs.itertuples(index=False):
            now = _growth(action, dates[place], closes[place], splits)
            if now is None:
                notes.append(
                    f"the dividend {action.value:g} of {name} on {action.ex_date:%Y-%m-%d} is not below the price "
                    "before it and was left out"
                )
                continue
            before = told.get((action.kind, action.ex_date), 1.0)
            told[action.kind, action.ex_date] = now
            begins = np.searchsorted(dates[place], action.ex_date.to_datetime64())
            heard = np.searchsorted(times[place], action.known_at.tz_localize(None).to_datetime64())
            steps[max(begins, heard)] *= now / before
        factor[place] = np.cumprod(steps[:-1])
    return TotalReturn(factor, tuple(notes))


def _growth(action: Any, dates: np.ndarray, closes: Vector, splits: pd.DataFrame) -> float | None:
    """What one share held over the ex-date became, in shares at the price after it; None where that cannot be."""
    kind, value, ex_date = action.kind, action.value, action.ex_date
    if value == NEUTRAL[kind]:
        return 1.0
    if kind == SPLIT:
        return float(value)
    before = np.flatnonzero(np.isfinite(closes[: np.searchsorted(dates, ex_date.to_datetime64())]))
    if not len(before):
        return 1.0
    last = before[-1]
    between = (splits["ex_date"] > pd.Timestamp(dates[last])) & (splits["ex_date"] <= ex_date)
    # As they were known with the dividend: a split that is corrected later does not change what it was worth then.
    known = splits[between & (splits[KNOWN_AT] <= action.known_at)].drop_duplicates("ex_date", keep="last")
    price = closes[last] / known["value"].prod()
    return float(1.0 / (1.0 - value / price)) if value < price else None


def _split_since(
    names: pd.Series, dates: pd.Series, received: pd.Series, actions: pd.DataFrame, rules: Rules
) -> Vector:
    """New shares per share of each row's date, by the splits between that date and the receipt of the row.

    A split counts in rows that were received when it was known, by its value then: what is told later changes no row
    that was there before.
    """
    shares = np.ones(len(names))
    splits = actions[actions["kind"] == SPLIT].sort_values(KNOWN_AT, kind="stable")
    groups = names.reset_index(drop=True).groupby(names.to_numpy()).indices
    for (name, ex_date), own in splits.groupby([INSTRUMENT, "ex_date"], sort=False):
        place = groups.get(name, np.array([], dtype=np.intp))
        begins = ex_date.tz_localize(rules.sessions.zone, ambiguous=False, nonexistent="shift_forward")
        then, heard, before = (dates.iloc[place] < ex_date).to_numpy(), received.iloc[place], 1.0
        for known, ratio in zip(own[KNOWN_AT], own["value"], strict=True):
            after = (heard.isna() | (heard >= max(begins, known))).to_numpy()
            shares[place[then & after]] *= ratio / before
            before = ratio
    return shares


def _receipts(raw: pd.DataFrame) -> pd.Series:
    """Up to when each row knows of splits: its receipt, or no time at all where it says that it knows of none."""
    received = pd.Series(pd.NaT, index=range(len(raw)), dtype=UTC_MICROSECONDS)
    if RECEIVED_AT in raw:
        received = raw[RECEIVED_AT].reset_index(drop=True).astype(UTC_MICROSECONDS)
    if PRICES in raw:
        received = received.mask((raw[PRICES] == AS_TRADED).to_numpy(), pd.Timestamp(0, tz="UTC").as_unit("us"))
    return received
