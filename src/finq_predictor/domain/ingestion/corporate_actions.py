"""From splits and dividends as delivered to silver; what cannot be used is set aside with its reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import INSTRUMENT, KNOWN_AT, RECEIVED_AT, UTC_MICROSECONDS
from finq_predictor.domain.errors import MappingError
from finq_predictor.domain.ingestion.column_mapping import Mapped, map_columns
from finq_predictor.domain.ingestion.parsing import as_names, as_numbers, named_on, session_dates
from finq_predictor.domain.ingestion.quarantine import Cleaned, Ledger
from finq_predictor.domain.ingestion.rules import Rules
from finq_predictor.domain.ingestion.tally import Tally
from finq_predictor.domain.ingestion.times import parse_times
from finq_predictor.domain.market.calendars import FIRST_YEAR, LAST_YEAR
from finq_predictor.domain.tables import SILVER_ACTIONS

SPLIT, DIVIDEND = "split", "dividend"
# What says that nothing happened, and so takes back what was known before.
NEUTRAL = {SPLIT: 1.0, DIVIDEND: 0.0}
ACTION = [INSTRUMENT, "ex_date", "kind"]
_KINDS = {SPLIT: "split|consolidation|^spl$", DIVIDEND: "div|cash|distribution|^cd$|^sc$"}
_RATIO = r"^([\d.]+)\s*(?::|/|-?for-?|\bto\b)\s*([\d.]+)$"
# The entries of a delivery, before they are judged.
_ROW, _RECEIVED, _ANNOUNCED = "_row", "_received", "_announced"


def clean_actions(raw: pd.DataFrame, rules: Rules) -> Cleaned:
    """Divide delivered splits and dividends into silver and quarantine.

    A row names its ``kind`` and ``value``, or has a split, a dividend or both in columns of their own, as exports of
    bars have them; there 0 says that nothing happened. A ratio is written ``4``, ``4:1``, ``4/1`` or ``4-for-1``, new
    shares before old ones.

    An action whose announcement is not delivered was known when it was received, at the latest when trading opened on
    its ex-date: the opening price is without it. What a later delivery says differently is a revision and known from
    its receipt, also that nothing happened; so is an action that an earlier delivery of its instrument reached over and
    did not have.

    Args:
        raw: Actions as delivered, with lineage columns; no rows at all where there is no such source.
        rules: How to read them.

    Returns:
        Silver: ``instrument, ex_date`` (naive date), ``kind, value, known_at`` (UTC), sorted by ``known_at,
        instrument, ex_date, kind``; every version of an action stays. Counted and set aside are actions: a row with a
        split and a dividend is two.

    Raises:
        MappingError: If the columns are not recognised.
    """
    if raw.empty:
        tally = Tally(rows=0, kept=0, notes=("nothing was delivered",))
        return Cleaned(SILVER_ACTIONS.empty(), Ledger(0).quarantine(raw), tally)
    mapped = _mapped(raw, rules)
    entries = _entries(mapped, raw, rules)
    ledger = Ledger(len(entries))
    _judge_values(entries, ledger)
    _settle(entries, ledger)
    _judge_moment(entries, ledger, rules)
    order = [KNOWN_AT, *ACTION]
    silver = SILVER_ACTIONS.typed(entries[ledger.alive].sort_values(order, kind="stable", ignore_index=True))
    tally = ledger.tally(lambda rows: [f"row {entries[_ROW][row]} ({entries[INSTRUMENT][row]})" for row in rows])
    tally = replace(tally, columns=mapped.columns, notes=tuple(mapped.notes))
    return Cleaned(silver, ledger.quarantine(raw.iloc[entries[_ROW]]), tally)


def known_times_of_actions(mapped: Mapped, raw: pd.DataFrame, rules: Rules) -> pd.Series:
    """When each delivered row was known, as :func:`clean_actions` has it; NaT without a date."""
    entries = _entries(mapped, raw, rules)
    ledger = Ledger(len(entries))
    _judge_values(entries, ledger)
    _settle(entries, ledger)
    return entries.groupby(_ROW)[KNOWN_AT].min().reindex(range(len(raw))).astype(UTC_MICROSECONDS)


def _mapped(raw: pd.DataFrame, rules: Rules) -> Mapped:
    reading = rules.reading
    mapped = map_columns(
        raw,
        "actions",
        reading.columns.get("actions"),
        instrument=reading.instrument,
        named_in=rules.market.instruments.named_in,
    )
    named = {"kind", "value"} <= set(mapped.frame) or {SPLIT, DIVIDEND} & set(mapped.frame)
    if not named:
        raise MappingError(
            f"The actions have no `kind` with a `value`, no `{SPLIT}` and no `{DIVIDEND}`; found columns: "
            f"{', '.join(map(repr, raw.columns))}. Name them under `columns: {{actions: {{{DIVIDEND}: THEIR_NAME}}}}`."
        )
    return mapped


def _entries(mapped: Mapped, raw: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """One row per action: its row of the delivery, instrument, date, kind, value and when it was known."""
    frame, reading = mapped.frame.reset_index(drop=True), rules.reading
    times = parse_times(frame["ex_date"], reading.zone, day_first=reading.day_first)
    plausible = times.utc.dt.year.between(FIRST_YEAR, LAST_YEAR)
    dates = session_dates(times.utc.where(plausible), times.wall.where(plausible), rules.sessions.zone)
    names = named_on(as_names(frame[INSTRUMENT], rules.market), times, rules)
    shared = pd.DataFrame({INSTRUMENT: names, "ex_date": dates})
    shared[_RECEIVED] = _receipts(raw)
    shared[_ANNOUNCED] = pd.Series(pd.NaT, index=frame.index, dtype=UTC_MICROSECONDS)
    if KNOWN_AT in frame:
        shared[_ANNOUNCED] = parse_times(frame[KNOWN_AT], reading.zone, day_first=reading.day_first).latest()
    opens = rules.sessions.opens_from(dates) if dates.notna().any() else shared[_ANNOUNCED]
    sooner = opens.where(~(shared[_RECEIVED] < opens), shared[_RECEIVED])
    shared[KNOWN_AT] = shared[_ANNOUNCED].fillna(sooner).astype(UTC_MICROSECONDS)
    values = _kinds_and_values(frame)
    values = _without_nothing(values.join(shared, on=_ROW), len(frame))
    return values.drop(columns=list(shared)).join(shared, on=_ROW).reset_index(drop=True)


def _receipts(raw: pd.DataFrame) -> pd.Series:
    """When each row was received; one moment for all where nothing is known of it."""
    if RECEIVED_AT in raw:
        return raw[RECEIVED_AT].reset_index(drop=True).astype(UTC_MICROSECONDS)
    return pd.Series(pd.NaT, index=range(len(raw)), dtype=UTC_MICROSECONDS)


def _kinds_and_values(frame: pd.DataFrame) -> pd.DataFrame:
    """Row, kind and value of what is said about splits and dividends, that nothing happened included."""
    if "kind" in frame:
        words = frame["kind"].astype("str").str.strip().str.lower()
        kind = pd.Series(np.nan, index=frame.index, dtype="str")
        for name, pattern in _KINDS.items():
            kind = kind.mask(words.str.contains(pattern, na=False), name)
        amounts = next(frame[name] for name in ("value", DIVIDEND, SPLIT) if name in frame)
        ratios = frame["value"] if "value" in frame else frame.get(SPLIT, amounts)
        value = as_numbers(amounts).where(kind != SPLIT, as_ratios(ratios))
        return pd.DataFrame({_ROW: frame.index, "kind": kind, "value": value, "_named": True})
    parts = []
    for name, read in ((SPLIT, as_ratios), (DIVIDEND, as_numbers)):
        if name in frame:
            value = read(frame[name])
            # What is written and cannot be read is judged; a cell that is empty says that nothing happened.
            empty = frame[name].isna() | (frame[name].astype("str").str.strip() == "")
            value = value.mask(empty | (value == 0), NEUTRAL[name])
            parts.append(pd.DataFrame({_ROW: frame.index, "kind": name, "value": value, "_named": False}))
    return pd.concat(parts, ignore_index=True)


def _without_nothing(entries: pd.DataFrame, rows: int) -> pd.DataFrame:
    """Leave out that nothing happened, where nobody ever said that something did; one entry of each row stays."""
    nothing = ~entries["_named"] & (entries["value"] == entries["kind"].map(NEUTRAL))
    said = pd.MultiIndex.from_frame(entries.loc[~nothing, ACTION])
    denied = pd.MultiIndex.from_frame(entries[ACTION]).isin(said)
    kept = entries[~nothing | denied]
    silent = pd.DataFrame({_ROW: sorted(set(range(rows)) - set(kept[_ROW])), "kind": None, "value": np.nan})
    return pd.concat([kept, silent.astype({"kind": "str"})], ignore_index=True).sort_values(_ROW, kind="stable")


def as_ratios(values: pd.Series) -> pd.Series:
    """New shares per old one, from numbers or texts such as ``4:1``, ``4/1`` and ``4-for-1``; NaN if unreadable."""
    parts = values.astype("str").str.strip().str.lower().str.extract(_RATIO)
    new, old = (pd.to_numeric(parts[column], errors="coerce") for column in parts)
    ratios = (new / old).where(np.isfinite(new / old))
    return as_numbers(values).where(ratios.isna(), ratios)


def _judge_values(entries: pd.DataFrame, ledger: Ledger) -> None:
    silent = ~entries["_named"].eq(True) & entries["kind"].isna()
    ledger.reject(silent.to_numpy(), "no_action", "neither a split nor a dividend")
    ledger.reject(entries[INSTRUMENT].isna().to_numpy(), "no_instrument", "the name of the instrument is missing")
    untimed = entries[["ex_date", KNOWN_AT]].isna().any(axis=1).to_numpy()
    ledger.reject(untimed, "bad_time", "the ex-date is missing or cannot be read")
    ledger.reject(entries["kind"].isna().to_numpy(), "bad_kind", "it is called neither a split nor a dividend")
    ledger.reject(entries["value"].isna().to_numpy(), "missing_value", "the value is not a number or a ratio")
    value, split = entries["value"], entries["kind"] == SPLIT
    low = ((value < 0) | (split & (value == 0))).to_numpy()
    ledger.reject(low, "value_not_positive", lambda rows: [f"the value is {value[row]:g}" for row in rows])
    group = [*ACTION, _RECEIVED, KNOWN_AT]
    versions = entries[ledger.alive].groupby(group, dropna=False)["value"].transform("nunique")
    torn = versions.reindex(entries.index, fill_value=1).gt(1).to_numpy()
    ledger.reject(
        torn, "conflict", "one delivery has several values for one day; if they are paid side by side, deliver the sum"
    )


def _settle(entries: pd.DataFrame, ledger: Ledger) -> None:
    """Tell versions from repetitions, and set from when each version counts."""
    alive = entries[ledger.alive].sort_values([*ACTION, _RECEIVED, KNOWN_AT], kind="stable")
    before = alive.groupby(ACTION)[["value", _RECEIVED]].shift()
    first, same = before["value"].isna(), before["value"] == alive["value"]
    revised = (~first & ~same & (before[_RECEIVED] < alive[_RECEIVED])) | (first & _missed(alive))
    later = revised & (alive[_RECEIVED] > alive[KNOWN_AT])
    entries.loc[alive.index, KNOWN_AT] = alive[KNOWN_AT].mask(later, alive[_RECEIVED])
    again = same.reindex(entries.index, fill_value=False).to_numpy()
    ledger.reject(again, "duplicate", "the same action was delivered more than once")
    # Nobody had said anything: such a version would come into being only when a later delivery says something.
    silent = first & (alive["value"] == alive["kind"].map(NEUTRAL))
    ledger.reject(
        silent.reindex(entries.index, fill_value=False).to_numpy(), "no_action", "neither a split nor a dividend"
    )


def _missed(alive: pd.DataFrame) -> pd.Series:
    """Actions that an earlier delivery of the instrument, which reached over their date, did not have."""
    reach = alive.groupby([INSTRUMENT, _RECEIVED])["ex_date"].min().reset_index()
    by_name = reach.groupby(INSTRUMENT)
    reach["_since"] = by_name["ex_date"].cummin().groupby(reach[INSTRUMENT]).shift()
    reach["_last"] = by_name[_RECEIVED].shift()
    found = alive[[INSTRUMENT, _RECEIVED]].merge(reach, how="left", on=[INSTRUMENT, _RECEIVED]).set_index(alive.index)
    return (found["_since"] <= alive["ex_date"]) & (found["_last"] >= alive[KNOWN_AT])


def _judge_moment(entries: pd.DataFrame, ledger: Ledger, rules: Rules) -> None:
    known, received = entries[KNOWN_AT], entries[_RECEIVED]
    ledger.reject(
        (entries[_ANNOUNCED] > received).to_numpy(),
        "future",
        lambda rows: [f"announced {known[row]}, received {received[row]}" for row in rows],
    )
    if rules.as_of is not None:
        later = (known > rules.as_of).to_numpy()
        ledger.reject(later, "future", lambda rows: [f"known {known[row]}, after {rules.as_of}" for row in rows])
