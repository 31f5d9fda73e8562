"""Repairs of bars as far as they were known in time: what came too late is listed and changes no bar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Positions, Vector
from finq_predictor.domain.columns import ADJ_CLOSE, INSTRUMENT, KNOWN_AT, OHLC, REASON, RECEIVED_AT, TS, VOLUME
from finq_predictor.domain.ingestion.adjustment import local_dates
from finq_predictor.domain.ingestion.column_mapping import Mapped
from finq_predictor.domain.ingestion.corporate_actions import ACTION, DIVIDEND, SPLIT
from finq_predictor.domain.ingestion.delivered_history import DIVIDEND_COLUMN
from finq_predictor.domain.ingestion.parsing import as_numbers
from finq_predictor.domain.ingestion.price_repair import apply, find_repairs, repaired_dividends
from finq_predictor.domain.ingestion.rules import Rules
from finq_predictor.domain.ingestion.total_return import total_return
from finq_predictor.domain.tables import SILVER_ACTIONS, SILVER_REPAIRS

# Bars after its date that are seen when a dividend is judged; a split is judged on its own bar at the earliest.
_SEEN = {DIVIDEND: 2, SPLIT: 0}
_ON_ITS_DATE = {DIVIDEND: 0, SPLIT: 0}
# A dividend of more than this part of the price, of which the price shows less than a quarter, is held back.
_HIGH_YIELD, _SHOWN_PART = 0.10, 0.25
_SHOWN = 3


@dataclass(frozen=True)
class Beside:
    """What stands beside bars.

    Attributes:
        mapped: The delivery under our names.
        raw: The same rows with lineage columns.
        actions: ``SILVER_ACTIONS`` of the delivery, every version.
    """

    mapped: Mapped
    raw: pd.DataFrame
    actions: pd.DataFrame


@dataclass(frozen=True)
class Repaired:
    """Bars and actions as they were known.

    Attributes:
        bars: The bars, with what was known by the decision of each of them put right.
        actions: ``SILVER_ACTIONS`` with repaired dividends as further versions.
        repairs: ``SILVER_REPAIRS``, all of them.
        notes: How many there are, one sentence each.
    """

    bars: pd.DataFrame
    actions: pd.DataFrame
    repairs: pd.DataFrame
    notes: tuple[str, ...]


def repair_in_time(bars: pd.DataFrame, rows: np.ndarray, beside: Beside, rules: Rules) -> Repaired:
    """Look for faults in bars, and put right what was known to be wrong by the decision of each bar.

    Faults are looked for in prices that are comparable over splits forward from the first bar, which nothing later
    changes. Steps of the provider's adjusted close count between bars of one delivery only: it changes backwards with
    every dividend, so that between two deliveries it says nothing.

    Args:
        bars: Bars in the shares of their date with ``known_at``, a row for each delivered one.
        rows: (n,) booleans, the one row of each bar that counts.
        beside: What stands beside them.
        rules: How they are read.

    Returns:
        The bars in their order. ``known_at`` of a repaired bar is not before its repair.
    """
    part = bars[rows].sort_values([INSTRUMENT, TS], kind="stable")
    told = _as_told(beside.actions, part, _SEEN, rules)
    share = total_return(part, told[told["kind"] == SPLIT], rules).factor
    wealth = total_return(part, told, rules).factor / share
    provider = _provider_adjusted(beside.mapped).loc[part.index]
    scaled = {name: part[name] * share for name in OHLC}
    scaled[ADJ_CLOSE] = scaled["close"] * _chained(part, beside, provider, wealth)
    forward = part.assign(**scaled, **{VOLUME: part[VOLUME] / share}).reset_index(drop=True)
    found = find_repairs(forward, told.assign(value=_forward(told, part, share, rules)), zone=rules.sessions.zone)
    held, meanwhile = _held_back(beside.actions, told, forward, share, rules)
    found = pd.concat([found, held]).sort_values([KNOWN_AT, INSTRUMENT, TS, "column"], kind="stable", ignore_index=True)
    in_time = found[KNOWN_AT] <= found[TS] + rules.market.decision_delay
    timely = found[in_time & found["repaired"].notna()]
    better = _put_right(bars, part, forward, share, timely)
    dividends = repaired_dividends(told, found, zone=rules.sessions.zone)
    actions = pd.concat([beside.actions, meanwhile, dividends], ignore_index=True)
    listed = _listed(found.assign(in_time=in_time), part, share, provider)
    return Repaired(better, actions, listed, _notes(listed))


def _as_told(actions: pd.DataFrame, part: pd.DataFrame, seen: Mapping[str, int], rules: Rules) -> pd.DataFrame:
    """One version of each action: the last one told when ``seen`` bars after its date are, else the first one later."""
    several = actions.duplicated(ACTION, keep=False)
    if not several.any():
        return actions
    dates = local_dates(part[TS], rules.sessions.zone).to_numpy()
    places = part.groupby(INSTRUMENT, sort=False).indices
    known = part[KNOWN_AT].dt.tz_localize(None).to_numpy()
    chosen = []
    for (name, ex_date, kind), own in actions[several].sort_values(KNOWN_AT, kind="stable").groupby(ACTION):
        place = places.get(name, np.array([], dtype=np.intp))
        bar = int(np.searchsorted(dates[place], ex_date.to_datetime64())) + seen[kind]
        versions = own
        if bar < len(place):
            before = own[own[KNOWN_AT].dt.tz_localize(None).to_numpy() <= known[place[bar]]]
            versions = before if len(before) else own.iloc[:1]
        chosen.append(versions.index[-1])
    return actions[~several | actions.index.isin(chosen)]


def _provider_adjusted(mapped: Mapped) -> pd.Series:
    """The adjusted close as the provider delivered it; NaN where it did not."""
    name = next((name for name in ("provider_adj_close", ADJ_CLOSE) if name in mapped.frame), None)
    if name is None:
        return pd.Series(np.nan, index=mapped.frame.index)
    return as_numbers(mapped.frame[name])


def _chained(part: pd.DataFrame, beside: Beside, provider: pd.Series, wealth: Vector) -> Vector:
    """What dividends multiply closes by, forward: by the provider within a delivery, by what was paid between two."""
    # Both as delivered, so that splits are in neither.
    close = as_numbers(beside.mapped.frame["close"]).loc[part.index]
    factor = (provider.where(provider > 0) / close.where(close > 0)).to_numpy()
    receipt = beside.raw[RECEIVED_AT].to_numpy()[part.index] if RECEIVED_AT in beside.raw else np.zeros(len(part))
    names = part[INSTRUMENT].to_numpy()
    theirs = factor[1:] / factor[:-1]
    steps = np.where((receipt[1:] == receipt[:-1]) & np.isfinite(theirs), theirs, wealth[1:] / wealth[:-1])
    growth = np.cumsum(np.log(np.where(names[1:] == names[:-1], steps, 1.0)))
    # Each history begins at 1, so that no instrument depends on the ones before it.
    level = pd.Series(np.concatenate([[0.0], growth])[: len(part)])
    chained: Vector = np.exp((level - level.groupby(names).transform("first")).to_numpy())
    return chained


def _places(actions: pd.DataFrame, part: pd.DataFrame, rules: Rules) -> Positions:
    """Position of the first bar on or after each ex-date (n), which has a bar before it; -1 where there is none."""
    dates = local_dates(part[TS], rules.sessions.zone).to_numpy()
    groups = part.reset_index(drop=True).groupby(INSTRUMENT, sort=False).indices
    found = np.full(len(actions), -1)
    for row, (name, ex_date) in enumerate(zip(actions[INSTRUMENT], actions["ex_date"], strict=True)):
        place = groups.get(name, np.array([], dtype=np.intp))
        bar = int(np.searchsorted(dates[place], ex_date.to_datetime64()))
        if 0 < bar < len(place):
            found[row] = place[bar]
    return found


def _forward(actions: pd.DataFrame, part: pd.DataFrame, share: Vector, rules: Rules) -> pd.Series:
    """Values of actions, of dividends in the shares in which prices are compared."""
    bars = _places(actions, part, rules)
    scale = np.where((actions["kind"] == DIVIDEND) & (bars >= 0), share[bars] if len(share) else 1.0, 1.0)
    return actions["value"] * scale


def _held_back(
    actions: pd.DataFrame, told: pd.DataFrame, forward: pd.DataFrame, share: Vector, rules: Rules
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """High dividends that the price of their date does not show: they do not count before they can be judged.

    Returns:
        The doubts, as ``SILVER_REPAIRS``; and the actions meanwhile, that nothing is paid and then what was told.
    """
    first = _as_told(actions, forward, _ON_ITS_DATE, rules)
    first = first[first["kind"] == DIVIDEND]
    bars, cash = _places(first, forward, rules), _forward(first, forward, share, rules).to_numpy()
    before, low = forward["close"].to_numpy()[bars - 1], np.fmin(forward["low"], forward["close"]).to_numpy()[bars]
    high = (cash > _HIGH_YIELD * before) & (before - low < _SHOWN_PART * cash) & (bars >= 0)
    known = forward[KNOWN_AT].iloc[bars].set_axis(first.index)
    held = first[high & (first[KNOWN_AT] <= known).to_numpy()]
    places = bars[first.index.get_indexer(held.index)]
    doubts = forward.iloc[places][[INSTRUMENT, TS, KNOWN_AT]].reset_index(drop=True)
    doubts = doubts.assign(kind=DIVIDEND, column=DIVIDEND_COLUMN, delivered=cash[first.index.get_indexer(held.index)])
    reason = "more than a tenth of the price, which did not fall: it does not count before it is judged"
    nothing = held.assign(**{"value": 0.0, KNOWN_AT: doubts[KNOWN_AT].to_numpy()})
    judged = np.minimum(places + _SEEN[DIVIDEND], len(forward) - 1)
    names = forward[INSTRUMENT].to_numpy()
    there = (names[judged] == names[places]) & (judged == places + _SEEN[DIVIDEND])
    again = held[ACTION].assign(**{KNOWN_AT: forward[KNOWN_AT].iloc[judged].to_numpy()})[there]
    again = again.merge(told[[*ACTION, "value"]], on=ACTION)
    meanwhile = pd.concat([SILVER_ACTIONS.typed(nothing), SILVER_ACTIONS.typed(again)], ignore_index=True)
    return doubts.assign(repaired=np.nan, **{REASON: reason}), meanwhile


def _put_right(
    bars: pd.DataFrame, part: pd.DataFrame, forward: pd.DataFrame, share: Vector, timely: pd.DataFrame
) -> pd.DataFrame:
    """The bars with what was repaired by their decision; without repairs the same values, bit for bit."""
    if timely.empty:
        return bars
    applied = apply(forward, timely, timely[KNOWN_AT].max())
    changed = {}
    for name in (*OHLC, VOLUME):
        now, before = applied[name].to_numpy(), forward[name].to_numpy()
        rows = np.flatnonzero(~((now == before) | (np.isnan(now) & np.isnan(before))))
        column = bars[name].copy()
        column.loc[part.index[rows]] = now[rows] * share[rows] if name == VOLUME else now[rows] / share[rows]
        changed[name] = column
    places = pd.MultiIndex.from_frame(part[[INSTRUMENT, TS]])
    decided = timely.groupby([INSTRUMENT, TS])[KNOWN_AT].max().reindex(places).set_axis(part.index)
    known = bars[KNOWN_AT].copy()
    known.loc[part.index] = part[KNOWN_AT].mask(decided > part[KNOWN_AT], decided)
    return bars.assign(**changed, **{KNOWN_AT: known})


def _listed(found: pd.DataFrame, part: pd.DataFrame, share: Vector, provider: pd.Series) -> pd.DataFrame:
    """All repairs in the shares in which silver has the bars; of adjusted closes as delivered one row per fault."""
    bars, wrong = (pd.MultiIndex.from_frame(frame[[INSTRUMENT, TS]]) for frame in (part, found))
    place = bars.get_indexer(wrong)
    factor = (found["repaired"] / found["delivered"]).to_numpy()
    column, scale = found["column"].to_numpy(), share[place]
    scale = np.where(column == VOLUME, 1.0 / scale, scale)
    adjusted = column == ADJ_CLOSE
    theirs = provider.to_numpy()[place]
    listed = found.assign(
        delivered=np.where(adjusted, theirs, found["delivered"] / scale),
        repaired=np.where(adjusted, theirs * factor, found["repaired"] / scale),
    )
    fault = [INSTRUMENT, KNOWN_AT, REASON]
    newest = listed[TS] == listed.groupby(fault)[TS].transform("max")
    # Silver's adjusted close is computed of closes and dividends, and a wrong close is listed as such.
    kept = ~adjusted | ((found["kind"] == "adjustment").to_numpy() & newest.to_numpy() & np.isfinite(theirs))
    return SILVER_REPAIRS.typed(listed[kept].reset_index(drop=True))


def _notes(listed: pd.DataFrame) -> tuple[str, ...]:
    doubted = listed["repaired"].isna()
    timely = ~doubted & listed["in_time"] & (listed["column"] != DIVIDEND_COLUMN)
    paid = ~doubted & (listed["column"] == DIVIDEND_COLUMN)
    late = ~doubted & ~timely & ~paid
    counts = [
        (timely, "prices or volumes were repaired by the decision of their bar"),
        (paid, "dividends were repaired; each counts in adjusted closes from when that was known"),
        (late, "faults were known too late for their bar, which stays what one had"),
        (doubted, "values are doubted, and nobody can tell the right ones"),
    ]
    return tuple(f"{int(rows.sum())} {what}: {_examples(listed[rows])}" for rows, what in counts if rows.any())


def _examples(rows: pd.DataFrame) -> str:
    bars = rows.drop_duplicates([INSTRUMENT, TS])
    shown = [f"{name} {ts:%Y-%m-%d}" for name, ts in zip(bars[INSTRUMENT][:_SHOWN], bars[TS][:_SHOWN], strict=True)]
    return ", ".join([*shown, "..."] if len(bars) > _SHOWN else shown)
