"""From memberships as delivered to silver; what cannot be used is set aside with its reason."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import INSTRUMENT, KNOWN_AT, RECEIVED_AT, SINCE, UNTIL, UTC_MICROSECONDS
from finq_predictor.domain.errors import MappingError
from finq_predictor.domain.ingestion.column_mapping import Mapped, map_columns
from finq_predictor.domain.ingestion.parsing import as_names
from finq_predictor.domain.ingestion.quarantine import Cleaned, Ledger
from finq_predictor.domain.ingestion.revisions import revised_times
from finq_predictor.domain.ingestion.rules import Rules
from finq_predictor.domain.ingestion.stays import stays_of_snapshots
from finq_predictor.domain.ingestion.tally import Tally
from finq_predictor.domain.ingestion.times import parse_times
from finq_predictor.domain.tables import SILVER_MEMBERSHIP

MEMBERS, DATE = "members", "date"
_SEPARATORS = (r"[,;|]", r"\s+")
_AROUND = "[](){}'\" "
# A year from 2100 on is how databases write that there is no end.
_ENDLESS = r"^\s*(?:2[1-9]|[3-9]\d)\d\d|[./-](?:2[1-9]|[3-9]\d)\d\d\s*$"
# The entries of a delivery: their row in it, its receipt, what is known of the begin alone, and whether that was told.
_ROW, _RECEIVED, _BEGAN, _TOLD = "_row", "_received", "_began", "_told"
_STAY = [INSTRUMENT, SINCE]


def clean_membership(raw: pd.DataFrame, rules: Rules) -> Cleaned:
    """Divide a delivered membership of an index into silver and quarantine.

    Two forms are read. Intervals: a row per stay, with the first day in the index and the first day outside, which is
    empty while the stay lasts. Snapshots: the members at a date, in a row each or in one row that lists them; a
    snapshot holds until the next one.

    What happens at a date is known when that day ends in the zone of the exchange, see
    :meth:`~finq_predictor.domain.ingestion.times.Times.latest`, or when it is said to be (``known_at``), or when it
    was received if that is earlier, as what is announced is. An end that is dated later is so not known before. What
    a later delivery says differently about the same stay or the same snapshot was known when it was received.

    Args:
        raw: Memberships as delivered, with lineage columns; no rows at all where there is no such source.
        rules: How to read them.

    Returns:
        Silver: ``instrument, since, until`` (NaT while the stay lasts)``, known_at``, sorted by ``known_at,
        instrument, since``; a row for each thing that became known about a stay. Counted and set aside are members: a
        row that lists several is several.

    Raises:
        MappingError: If the columns are not recognised.
    """
    if raw.empty:
        tally = Tally(rows=0, kept=0, notes=("nothing was delivered",))
        return Cleaned(SILVER_MEMBERSHIP.empty(), Ledger(0).quarantine(raw), tally)
    mapped = _mapped(raw, rules)
    entries = _entries(mapped, raw, rules)
    ledger = Ledger(len(entries))
    _judge(entries, ledger, rules, SINCE in mapped.frame)
    kept = entries[ledger.alive].reset_index(drop=True)
    versions = _stays(kept) if SINCE in mapped.frame else stays_of_snapshots(_settled_snapshots(kept))
    if rules.as_of is not None:
        versions = versions[versions[KNOWN_AT] <= rules.as_of]
    silver = SILVER_MEMBERSHIP.typed(versions.sort_values([KNOWN_AT, *_STAY], kind="stable", ignore_index=True))
    tally = ledger.tally(lambda rows: [f"row {entries[_ROW][row]} ({entries[INSTRUMENT][row]})" for row in rows])
    tally = replace(
        tally,
        null_shares={name: float(entries[name].isna().mean()) for name in _STAY},
        columns=mapped.columns,
        notes=(*mapped.notes, *_notes(kept, silver, SINCE in mapped.frame)),
        newest=_newest(kept),
    )
    return Cleaned(silver, ledger.quarantine(raw.iloc[entries[_ROW]]), tally)


def known_times_of_membership(raw: pd.DataFrame, rules: Rules) -> tuple[pd.Series, dict[str, pd.Series]]:
    """When each delivered row was known, as :func:`clean_membership` has it, and when the end in it was.

    Returns:
        The former with a fresh index, NaT of rows that cannot be read or say nothing; the latter under the name of its
        column, for ends that were known later than their rows, else NaT.
    """
    mapped = _mapped(raw, rules)
    entries = _entries(mapped, raw, rules)
    ledger = Ledger(len(entries))
    _judge(entries, ledger, rules, SINCE in mapped.frame)
    kept = entries[ledger.alive].reset_index(drop=True)
    if SINCE in mapped.frame:
        kept = kept.assign(**{KNOWN_AT: _revised(kept)})
        split = _says_two_things(kept)
        kept = kept.assign(_row_known=kept[KNOWN_AT].mask(split, kept[_BEGAN]), _end_known=kept[KNOWN_AT].where(split))
    else:
        kept = _settled_snapshots(kept)
        kept = kept.assign(_row_known=kept[KNOWN_AT], _end_known=_unknown(kept.index))
    by_row = kept.groupby(_ROW)[["_row_known", "_end_known"]].min().reindex(range(len(raw))).astype(UTC_MICROSECONDS)
    ends = {mapped.columns[UNTIL]: by_row["_end_known"]} if SINCE in mapped.frame and UNTIL in mapped.frame else {}
    return by_row["_row_known"], ends


def _mapped(raw: pd.DataFrame, rules: Rules) -> Mapped:
    mapped = map_columns(raw, "membership", rules.reading.columns.get("membership"))
    there = set(mapped.frame)
    if not ({INSTRUMENT, SINCE} <= there or (DATE in there and {INSTRUMENT, MEMBERS} & there)):
        raise MappingError(
            f"The membership has neither `{INSTRUMENT}` with `{SINCE}` (and `{UNTIL}`), a row for each stay, nor "
            f"`{DATE}` with `{INSTRUMENT}` or `{MEMBERS}`, the members at a date; found columns: "
            f"{', '.join(map(repr, raw.columns))}. Name them under `columns: {{membership: {{{SINCE}: THEIR_NAME}}}}`."
        )
    return mapped


def _entries(mapped: Mapped, raw: pd.DataFrame, rules: Rules) -> pd.DataFrame:
    """A row per member and delivered row: its stay, and when the row and when its begin alone were known."""
    frame, reading = mapped.frame.reset_index(drop=True), rules.reading
    zone, release = reading.timezone or rules.sessions.zone, reading.release_times.get("membership")
    received = _receipts(raw)

    def read(values: pd.Series) -> tuple[pd.Series, pd.Series]:
        times = parse_times(values, zone, day_first=reading.day_first)
        latest = times.latest(release)
        return times.utc, latest.where(~(received < latest), received)

    began, known = read(frame[SINCE if SINCE in frame else DATE])
    rows = pd.DataFrame(
        {SINCE: began, UNTIL: _unknown(frame.index), KNOWN_AT: known, _BEGAN: known, _TOLD: False, "_bad_end": False}
    )
    if SINCE in frame and UNTIL in frame:
        written = frame[UNTIL].astype("str").str.strip()
        given = frame[UNTIL].notna() & (written != "") & ~written.str.contains(_ENDLESS).fillna(False).astype(bool)
        rows[UNTIL], known = read(frame[UNTIL].where(given))
        rows["_bad_end"] = given & rows[UNTIL].isna()
        # The row is known when both are; an end before the begin is judged later.
        rows[KNOWN_AT] = rows[_BEGAN].where(~(known > rows[_BEGAN]), known)
    if KNOWN_AT in frame:
        told = parse_times(frame[KNOWN_AT], zone, day_first=reading.day_first).latest()
        rows[_TOLD] = told.notna()
        rows[KNOWN_AT], rows[_BEGAN] = told.fillna(rows[KNOWN_AT]), told.fillna(rows[_BEGAN])
    rows[_RECEIVED] = received
    names = _names(frame, SINCE not in frame)
    entries = names.join(rows, on=_ROW).reset_index(drop=True)
    return entries.assign(**{INSTRUMENT: as_names(entries[INSTRUMENT], rules.market)})


def _receipts(raw: pd.DataFrame) -> pd.Series:
    if RECEIVED_AT in raw:
        return raw[RECEIVED_AT].reset_index(drop=True).astype(UTC_MICROSECONDS)
    return _unknown(pd.RangeIndex(len(raw)))


def _unknown(index: pd.Index) -> pd.Series:
    return pd.Series(pd.NaT, index=index, dtype=UTC_MICROSECONDS)


def _names(frame: pd.DataFrame, listed: bool) -> pd.DataFrame:
    """Row and name of each member."""
    if INSTRUMENT in frame or not listed:
        return pd.DataFrame({_ROW: frame.index, INSTRUMENT: frame[INSTRUMENT]})
    lists = frame[MEMBERS].map(_parted)
    return pd.DataFrame({_ROW: frame.index, INSTRUMENT: lists}).explode(INSTRUMENT, ignore_index=True)


def _parted(cell: Any) -> list[str]:
    """The names in a cell: a list, or text in which commas, semicolons, bars or blanks part them."""
    if isinstance(cell, list | tuple | set | np.ndarray):
        return [str(name) for name in cell]
    if not isinstance(cell, str):
        return []
    text = pd.Series([cell.strip(_AROUND)])
    by = _SEPARATORS[0] if text.str.contains(_SEPARATORS[0]).iloc[0] else _SEPARATORS[1]
    return [name.strip(_AROUND) for name in text.str.split(by, regex=True).iloc[0] if name.strip(_AROUND)]


def _judge(entries: pd.DataFrame, ledger: Ledger, rules: Rules, intervals: bool) -> None:
    ledger.reject(entries[SINCE].isna().to_numpy(), "bad_time", "the date is missing or cannot be read")
    ledger.reject(entries["_bad_end"].to_numpy(), "bad_time", "the end is there and cannot be read")
    ledger.reject(entries[INSTRUMENT].isna().to_numpy(), "no_instrument", "the name of the instrument is missing")
    ledger.reject(
        (entries[UNTIL] <= entries[SINCE]).to_numpy(),
        "ends_before_it_begins",
        lambda rows: [f"from {entries[SINCE][row]} until {entries[UNTIL][row]}" for row in rows],
    )
    known = entries[_BEGAN]
    late = known > entries[_RECEIVED]
    if rules.as_of is not None:
        late |= known > rules.as_of
    ledger.reject(late.to_numpy(), "future", lambda rows: [f"known {known[row]}, later than now" for row in rows])
    # A member that a later delivery names again belongs to the snapshot of that delivery; rejected rows shadow none.
    same = [*_STAY, UNTIL, KNOWN_AT, *([] if intervals else [_RECEIVED]), "_alive"]
    again = entries.assign(_alive=ledger.alive).duplicated(same, keep="first")
    ledger.reject(again.to_numpy(), "duplicate", "the same was delivered more than once")


def _revised(kept: pd.DataFrame) -> pd.Series:
    """When what each row says was known, where a later delivery says something else about the same stay."""
    receipts = kept[[_RECEIVED]].rename(columns={_RECEIVED: RECEIVED_AT})
    return revised_times(kept, receipts, _STAY, [UNTIL])


def _says_two_things(kept: pd.DataFrame) -> pd.Series:
    """Whether a row told of a begin first and of an end later; one that tells of a stay again takes no end back."""
    first = kept[_RECEIVED] == kept.groupby(_STAY)[_RECEIVED].transform("min")
    said: pd.Series = kept[UNTIL].notna() & ~kept[_TOLD].astype(bool) & (first | kept[_RECEIVED].isna())
    return said


def _stays(kept: pd.DataFrame) -> pd.DataFrame:
    """What became known of each stay, and when: that it began, and where it has an end, that too."""
    whole = kept.assign(**{KNOWN_AT: _revised(kept)})
    ended = whole[_says_two_things(whole)]
    begun = ended.assign(**{KNOWN_AT: ended[_BEGAN], UNTIL: _unknown(ended.index)})
    versions = pd.concat([begun, whole], ignore_index=True)[[*_STAY, UNTIL, KNOWN_AT]]
    versions = versions.sort_values([*_STAY, KNOWN_AT], kind="stable", ignore_index=True)
    versions = versions.drop_duplicates([*_STAY, KNOWN_AT], keep="last", ignore_index=True)
    # Who says again what is known says nothing.
    before = versions.groupby(_STAY)[UNTIL].shift()
    first = ~versions.duplicated(_STAY)
    said = (versions[UNTIL] == before) | (versions[UNTIL].isna() & before.isna())
    return versions[first | ~said]


def _settled_snapshots(kept: pd.DataFrame) -> pd.DataFrame:
    """Rows of snapshots without those that a later delivery only repeats; another list is known from its receipt."""
    # A list is known when all of it is.
    whole = kept.groupby([SINCE, _RECEIVED], dropna=False)[KNOWN_AT].transform("max")
    kept = kept.assign(**{KNOWN_AT: whole})
    told = kept.groupby([SINCE, _RECEIVED], dropna=False, sort=True)[INSTRUMENT].agg(frozenset).reset_index()
    told["_new"] = told[INSTRUMENT] != told.groupby(SINCE)[INSTRUMENT].shift()
    told["_first"] = ~told.duplicated(SINCE)
    rows = kept.merge(told[[SINCE, _RECEIVED, "_new", "_first"]], on=[SINCE, _RECEIVED], how="left")
    rows = rows[rows["_new"]]
    later = ~rows["_first"] & (rows[_RECEIVED] > rows[KNOWN_AT])
    return rows.assign(**{KNOWN_AT: rows[KNOWN_AT].mask(later, rows[_RECEIVED])}).reset_index(drop=True)


def _newest(kept: pd.DataFrame) -> pd.Timestamp | None:
    """The newest time that the entries speak of."""
    times = pd.concat([kept[SINCE], kept[UNTIL]]).dropna()
    return times.max() if len(times) else None


def _notes(kept: pd.DataFrame, silver: pd.DataFrame, intervals: bool) -> list[str]:
    if kept.empty:
        return []
    count, what = (len(kept), "stays") if intervals else (kept[SINCE].nunique(), "snapshots")
    names, span = kept[INSTRUMENT].nunique(), f"{kept[SINCE].min():%Y-%m-%d} to {_newest(kept):%Y-%m-%d}"
    notes = [f"{count} {what} of {names} instruments, {span}"]
    if silver[UNTIL].isna().all():
        notes.append("nobody ever leaves: a list of today's members knows who lasted, also where it says since when")
    return notes
