"""Prices adjusted for splits and dividends as a provider would have delivered them at a time."""

from __future__ import annotations

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Positions, Vector
from finq_predictor.domain.columns import ADJ_CLOSE, INSTRUMENT, KNOWN_AT, OHLC, TS, VOLUME, WALL_MICROSECONDS
from finq_predictor.domain.errors import DataError
from finq_predictor.domain.ingestion.corporate_actions import ACTION, DIVIDEND, NEUTRAL, SPLIT

_NEAR = pd.Timedelta(days=4)


def adjust(bars: pd.DataFrame, actions: pd.DataFrame, as_of: pd.Timestamp, *, zone: str = "UTC") -> pd.DataFrame:
    """Adjust prices as traded by the actions that were known and had taken effect at a time.

    A split of ``s`` new shares per old one divides prices before its ex-date by ``s`` and multiplies their volume. A
    dividend ``D`` multiplies ``adj_close`` before its ex-date by ``1 - D / C``, where ``C`` is the last price traded
    before that date, in shares of that date (CRSP, Data Description Guide, "Distributions").

    The factor of an action comes from the bars around its date only. So the ratio of two adjusted closes is the same
    at every ``as_of`` at which the actions between them are known: what comes later multiplies both by one constant.

    Args:
        bars: Bars with prices and volume as traded; any order.
        actions: ``SILVER_ACTIONS``; of several versions the last one known counts.
        as_of: Time (UTC) at which one looks; bars known later are left out.
        zone: Time zone in which the exchange dates its sessions. Without one a bar belongs to the UTC date of its
            close, which is the date of the session wherever an exchange opens and closes on one UTC date.

    Returns:
        The bars in their order with a fresh index; ``open, high, low, close`` adjusted for splits, ``volume``
        accordingly, ``adj_close`` for both. A missing price stays NaN; it is passed over for ``C``.

    Raises:
        DataError: If a dividend is not below the price before it.
    """
    known = bars[bars[KNOWN_AT] <= as_of].reset_index(drop=True)
    facts = in_force(actions, as_of, zone=zone)
    split, dividend = _factors(known, facts, zone)
    scaled = {name: known[name] * split for name in OHLC}
    columns = {**scaled, ADJ_CLOSE: known["close"] * split * dividend, VOLUME: known[VOLUME] / split}
    return known.assign(**columns)


def in_force(actions: pd.DataFrame, as_of: pd.Timestamp | None = None, *, zone: str = "UTC") -> pd.DataFrame:
    """The actions that had taken effect at a time, each as it was known then.

    Args:
        actions: ``SILVER_ACTIONS``.
        as_of: Time (UTC) at which one looks; None takes the last version of all.
        zone: Time zone in which ex-dates begin.

    Returns:
        One row per instrument, date and kind, sorted by ``instrument, ex_date, kind``; what was taken back is left out.
    """
    begun = actions
    if as_of is not None:
        starts = actions["ex_date"].dt.tz_localize(zone, ambiguous="NaT", nonexistent="shift_forward")
        begun = actions[(actions[KNOWN_AT] <= as_of) & ~(starts > as_of)]
    last = begun.sort_values(KNOWN_AT, kind="stable").drop_duplicates(ACTION, keep="last")
    real = last["value"] != last["kind"].map(NEUTRAL)
    return last[real].sort_values(ACTION, ignore_index=True)


def raw_from_split_adjusted(
    bars: pd.DataFrame, actions: pd.DataFrame, as_of: pd.Timestamp | None = None, *, zone: str = "UTC"
) -> pd.DataFrame:
    """Undo the adjustment for splits, as in deliveries of Yahoo, whose prices know of splits and not of dividends.

    Args:
        bars: Bars whose ``open, high, low, close`` and ``volume`` are adjusted for all splits up to their delivery.
        actions: ``SILVER_ACTIONS``; a split that is not among them stays in the prices, as a constant before it.
        as_of: Time (UTC) of the delivery; None takes all splits.
        zone: As in :func:`adjust`.

    Returns:
        The bars with prices and volume as traded; ``adj_close`` as delivered. Inverse of the split part of
        :func:`adjust`.
    """
    facts = in_force(actions, as_of, zone=zone)
    split, _ = _factors(bars, facts[facts["kind"] == SPLIT], zone)
    return bars.assign(**{name: bars[name] / split for name in OHLC}, **{VOLUME: bars[VOLUME] * split})


def raw_dividends(actions: pd.DataFrame) -> pd.DataFrame:
    """Dividends in terms of the prices of their date, where they are delivered adjusted for splits, as Yahoo does.

    Args:
        actions: ``SILVER_ACTIONS`` whose dividends are divided by every split after their ex-date.

    Returns:
        The same rows; dividends multiplied by the last known version of every later split of their instrument.
    """
    facts = in_force(actions)
    splits = facts[facts["kind"] == SPLIT]
    later = [
        splits.loc[(splits[INSTRUMENT] == name) & (splits["ex_date"] > date), "value"].prod()
        for name, date in zip(actions[INSTRUMENT], actions["ex_date"], strict=True)
    ]
    value = actions["value"]
    return actions.assign(value=value.mask(actions["kind"] == DIVIDEND, value * np.array(later, dtype="float64")))


def compare_adjusted(
    ours: pd.DataFrame, theirs: pd.DataFrame, tolerance: float, actions: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Where two adjustments of the same bars give other one-bar returns.

    Args:
        ours: Bars with ``instrument, ts, adj_close``.
        theirs: The same from a provider; bars that only one side has are passed over.
        tolerance: Largest difference of two returns that is none, as a fraction.
        actions: ``SILVER_ACTIONS`` in which to look for what is behind a difference.

    Returns:
        ``instrument, ts, return_ours, return_theirs, difference`` (ours less theirs) and ``action``, the action within
        four days as text, empty where there is none; sorted by ``instrument, ts``. Missing returns do not differ.
    """
    names = [INSTRUMENT, TS, ADJ_CLOSE]
    both = ours[names].merge(theirs[names], on=[INSTRUMENT, TS], suffixes=("_ours", "_theirs"))
    both = both.sort_values([INSTRUMENT, TS], ignore_index=True)
    grouped = both.groupby(INSTRUMENT)
    for side in ("ours", "theirs"):
        both[f"return_{side}"] = grouped[f"{ADJ_CLOSE}_{side}"].pct_change(fill_method=None)
    both["difference"] = both["return_ours"] - both["return_theirs"]
    found = both[both["difference"].abs() > tolerance].reset_index(drop=True)
    found["action"] = ""
    if actions is not None:
        facts = in_force(actions)
        found["action"] = [_nearest(facts, name, ts) for name, ts in zip(found[INSTRUMENT], found[TS], strict=True)]
    return found[[INSTRUMENT, TS, "return_ours", "return_theirs", "difference", "action"]]


def _nearest(facts: pd.DataFrame, name: str, ts: pd.Timestamp) -> str:
    own = facts[facts[INSTRUMENT] == name]
    distance = (own["ex_date"] - ts.tz_localize(None).normalize()).abs()
    if not len(own) or distance.min() > _NEAR:
        return ""
    row = own.loc[distance.idxmin()]
    return f"{row['kind']} {row['value']:g} on {row['ex_date']:%Y-%m-%d}"


def local_dates(ts: pd.Series, zone: str) -> pd.Series:
    """The date of each close on the clock of the exchange, ``datetime64[us]`` midnights without zone."""
    return ts.dt.tz_convert(zone).dt.tz_localize(None).dt.normalize().astype(WALL_MICROSECONDS)


def _factors(bars: pd.DataFrame, facts: pd.DataFrame, zone: str) -> tuple[Vector, Vector]:
    """What each price is multiplied by for splits and for dividends, (n,) each."""
    split, dividend = np.ones(len(bars)), np.ones(len(bars))
    dates, closes = local_dates(bars[TS], zone).to_numpy(), bars["close"].to_numpy()
    order = bars[TS].reset_index(drop=True).sort_values(kind="stable").index
    rows_of = bars[INSTRUMENT].reset_index(drop=True).loc[order].groupby(bars[INSTRUMENT].to_numpy()[order]).groups
    for name, own in facts.groupby(INSTRUMENT, sort=False):
        if name in rows_of:
            rows = rows_of[name].to_numpy()
            split[rows], dividend[rows] = _factors_of_one(str(name), dates[rows], closes[rows], own)
    return split, dividend


def _factors_of_one(name: str, dates: np.ndarray, closes: Vector, own: pd.DataFrame) -> tuple[Vector, Vector]:
    """The factors of one instrument; bars ascending."""
    splits, dividends = own[own["kind"] == SPLIT], own[own["kind"] == DIVIDEND]
    at = np.searchsorted(dates, splits["ex_date"].to_numpy())
    split = _backwards(at, 1.0 / splits["value"].to_numpy(), len(dates))
    seen = np.flatnonzero(np.isfinite(closes))
    places, steps = [], []
    for ex_date, cash in zip(dividends["ex_date"], dividends["value"], strict=True):
        before = seen[: np.searchsorted(dates[seen], ex_date.to_datetime64())]
        if not len(before):
            continue
        between = (splits["ex_date"] > dates[before[-1]]) & (splits["ex_date"] <= ex_date)
        price = closes[before[-1]] / splits.loc[between, "value"].prod()
        if not cash < price:
            raise DataError(
                f"The dividend {cash:g} of {name} on {ex_date:%Y-%m-%d} is not below the last price before it, "
                f"{price:g}; expected cash per share in the currency and the shares of that date. Correct or remove it."
            )
        places.append(int(np.searchsorted(dates, ex_date.to_datetime64())))
        steps.append(1.0 - cash / price)
    return split, _backwards(np.array(places, dtype=np.intp), np.array(steps), len(dates))


def _backwards(at: Positions, steps: Vector, rows: int) -> Vector:
    """For each of n rows the product of the steps that lie at later positions, (n,)."""
    placed = np.ones(rows + 1)
    np.multiply.at(placed, at, steps)
    return np.asarray(np.cumprod(placed[::-1])[::-1][1:])
