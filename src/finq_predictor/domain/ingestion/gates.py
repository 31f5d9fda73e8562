"""The gates of a delivery: whether a run may go on with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import INSTRUMENT, SINCE, TS, UNTIL
from finq_predictor.domain.errors import GateError
from finq_predictor.domain.ingestion.quarantine import HARMLESS
from finq_predictor.domain.ingestion.rules import GateLimits
from finq_predictor.domain.ingestion.tally import Delivery
from finq_predictor.domain.ingestion.times import as_moment
from finq_predictor.domain.market.calendars import Calendar

_SHOWN = 5
# An hour at either end of a week of currencies is one time in sixty.
_ODD_WEEK_ENDS = 0.98


class Severity(StrEnum):
    """What a gate does that is closed."""

    STOP = "stop"
    WARN = "warn"
    NOTE = "note"


@dataclass(frozen=True)
class Check:
    """The answer of one gate.

    Attributes:
        frame: Table, and column where the gate is about one.
        rule: Short name of the gate.
        passed: Whether what was found is allowed.
        value: What was found.
        limit: What is allowed.
        rows: What was found where: rows, dates or names, at most a few.
        advice: What to do when it has not passed.
        severity: What becomes of the run when it has not passed.
    """

    frame: str
    rule: str
    passed: bool
    value: int | float
    limit: int | float
    rows: tuple[str, ...] = ()
    advice: str = ""
    severity: Severity = Severity.STOP

    @property
    def stops(self) -> bool:
        """Whether the run must not go on."""
        return not self.passed and self.severity is Severity.STOP

    @property
    def sentence(self) -> str:
        """Frame, rule, what was found and where, and what to do."""
        rows = f" Rows: {'; '.join(self.rows)}." if self.rows else ""
        found = f"{self.frame}, rule {self.rule}: found {self.value:g}, allowed {self.limit:g}."
        return f"{found}{rows} {self.advice}".rstrip()


@dataclass(frozen=True)
class IngestionChecks:
    """The answers of all gates of one market.

    Attributes:
        market: Name of the market.
        checks: One answer per gate.
        quarantine: Rows set aside by rule, by table.
        notes: What was decided about a delivery as a whole, by table that has such notes.
        rows: Rows delivered, by table.
    """

    market: str
    checks: tuple[Check, ...]
    quarantine: Mapping[str, Mapping[str, int]]
    notes: Mapping[str, tuple[str, ...]]
    rows: Mapping[str, int] = field(default_factory=dict)

    @property
    def warnings(self) -> tuple[Check, ...]:
        """What is not as it should be, and did not stop the run."""
        return tuple(check for check in self.checks if not (check.passed or check.stops))


def judge(checks: Sequence[Check]) -> tuple[Check, ...]:
    """Let a run go on, or stop it with everything that is wrong at once.

    Returns:
        All checks.

    Raises:
        GateError: If any gate is closed that does more than warn; names frame, rule, rows and what to do.
    """
    failed = [check for check in checks if check.stops]
    if failed:
        lines = [check.sentence for check in failed]
        raise GateError(
            f"{len(failed)} quality gate(s) stopped the run; silver is what it was before.\n  - " + "\n  - ".join(lines)
        )
    return tuple(checks)


def check_instruments(bars: pd.DataFrame, limits: GateLimits) -> Check:
    """Enough instruments to compare (R21)."""
    names = sorted(bars[INSTRUMENT].unique())
    return Check(
        "bars",
        "min_instruments",
        len(names) >= limits.min_instruments,
        len(names),
        limits.min_instruments,
        tuple(names[:_SHOWN]),
        "Deliver more instruments, see quarantine for rejected ones, or lower `gates.min_instruments`.",
    )


def check_nulls(delivery: Delivery, limits: GateLimits) -> list[Check]:
    """Not too many missing values in any column of a delivery."""
    return [
        Check(
            f"{delivery.table}.{column}",
            "max_null_share",
            share < limits.max_null_share or share == 0,
            share,
            limits.max_null_share,
            delivery.tally.null_rows.get(column, ()),
            "Deliver the column's values, or map another column to it.",
        )
        for column, share in delivery.tally.null_shares.items()
        # A source may have no volume or only mids; then the features that need more are not selected.
        if not (column == "volume" and share == 1)
    ]


def check_quarantine(delivery: Delivery, limits: GateLimits) -> Check:
    """Not too many rows in quarantine; rows that only repeat others do not count."""
    tally = delivery.tally
    bad = {rule: count for rule, count in tally.rules.items() if rule not in HARMLESS}
    share = sum(bad.values()) / max(tally.rows, 1)
    examples = [text for rule in sorted(bad, key=lambda name: -bad[name]) for text in tally.examples[rule][:2]]
    return Check(
        delivery.table,
        "max_quarantine_share",
        share <= limits.max_quarantine_share,
        share,
        limits.max_quarantine_share,
        tuple(examples[:_SHOWN]),
        f"Rejected by rule: {bad}. Read the quarantine table, correct the source or the rule's parameter.",
    )


def check_providers(delivery: Delivery, limits: GateLimits) -> list[Check]:
    """Providers of the same bars agree; no check where only one delivered."""
    agreement = delivery.tally.agreement
    if not agreement.compared:
        return []
    share = agreement.differing / agreement.compared
    return [
        Check(
            delivery.table,
            "max_provider_difference_share",
            share <= limits.max_provider_difference_share,
            share,
            limits.max_provider_difference_share,
            agreement.examples,
            "One of the providers is wrong about prices, unit or currency. Read provider_differences, find out which, "
            "and leave that one out.",
        )
    ]


def check_revisions(delivery: Delivery, limits: GateLimits) -> Check:
    """No delivery has changed much of the bars that were held, unless a person has looked."""
    accepted = as_moment(limits.revisions_accepted, "revisions_accepted")
    open_ones = [
        each
        for each in delivery.tally.rewrites
        if accepted is None or (each.received is not None and each.received > accepted)
    ]
    worst = max(open_ones, key=lambda each: each.share, default=None)
    share = worst.share if worst else 0.0
    return Check(
        delivery.table,
        "max_revised_share",
        share <= limits.max_revised_share,
        share,
        limits.max_revised_share,
        (f"received {worst.received}", *worst.examples) if worst else (),
        "Compare the old and the new prices in bronze. Are the new ones right, begin a data root of your own, in which "
        "history stands on them; is the change of no consequence, set `gates.revisions_accepted` to a time after it.",
    )


def check_times(delivery: Delivery, limits: GateLimits) -> Check:
    """Times are those of the market: a bar that is hours late or early is not what was known when it counts.

    Where nearly all times fit as they were read, only the ends of the week are odd: another broker may have such a
    week. Then it only warns.
    """
    misread = delivery.tally.misread
    weeks = max(misread.values(), default=0)
    return Check(
        delivery.table,
        "max_misread_weeks",
        weeks <= limits.max_misread_weeks,
        weeks,
        limits.max_misread_weeks,
        tuple(misread)[:_SHOWN],
        "Say in which zone the times are, or deliver them right; where the market really had other hours, raise "
        "`gates.max_misread_weeks`.",
        Severity.WARN if delivery.tally.misread_fit >= _ODD_WEEK_ENDS else Severity.STOP,
    )


def check_not_empty(delivery: Delivery) -> Check:
    """A needed table has rows left."""
    return Check(
        delivery.table,
        "not_empty",
        delivery.tally.kept > 0,
        delivery.tally.kept,
        1,
        (),
        "Every row was rejected; read its quarantine table.",
    )


def check_one_origin(deliveries: Sequence[Delivery]) -> Check:
    """Invented and real tables are never mixed."""
    kinds = {delivery.table: delivery.kind for delivery in deliveries if delivery.source}
    found = sorted(set(kinds.values()))
    return Check(
        ", ".join(kinds),
        "one_origin",
        len(found) <= 1,
        len(found),
        1,
        tuple(f"{table} is {kind}" for table, kind in kinds.items()) if len(found) > 1 else (),
        "Take all tables of a market from the same kind of source; see the catalog's source entries.",
    )


def check_benchmark_age(
    bars: pd.DataFrame, benchmark: pd.DataFrame, calendar: Calendar, as_of: pd.Timestamp | None, limits: GateLimits
) -> Check:
    """The benchmark reaches up to the last closed session before ``as_of``, but for a few (R21: two).

    Args:
        bars: Silver bars.
        benchmark: Silver benchmark.
        calendar: Calendar of both.
        as_of: Time of the run; None takes the last bar.
        limits: Where the gate closes.
    """
    now = as_of if as_of is not None else bars[TS].max()
    last = benchmark[TS].max()
    # A calendar that nobody needs is not built.
    closes = calendar.expected(bars[TS], last, now) if now > last else bars[TS].iloc[:0]
    missing = closes[(closes > last) & (closes <= now)]
    return Check(
        "benchmark",
        "max_benchmark_age",
        len(missing) <= limits.max_benchmark_age,
        len(missing),
        limits.max_benchmark_age,
        (f"last benchmark {last}", f"as of {now}", *_dates(missing)),
        "Deliver a newer benchmark.",
    )


def check_benchmark_gaps(
    bars: pd.DataFrame, benchmark: pd.DataFrame, calendar: Calendar, limits: GateLimits, *, daily: bool = True
) -> Check:
    """No long hole in the benchmark between the first bar and the benchmark's end.

    Args:
        bars: Silver bars.
        benchmark: Silver benchmark.
        calendar: Calendar of both.
        limits: Where the gate closes; what lacks at the end is judged by age.
        daily: Whether a bar is a session. Bars that are shorter need not end when their session does, so that the
            benchmark is expected wherever a bar is.
    """
    first, last = bars[TS].min(), min(bars[TS].max(), benchmark[TS].max())
    closes = calendar.expected(bars[TS], first, last) if daily else pd.Series(bars[TS].sort_values().unique())
    closes = closes[(closes >= first) & (closes <= last)]
    missing = ~closes.isin(benchmark[TS]).to_numpy()
    run = _longest_run(missing)
    return Check(
        "benchmark",
        "max_benchmark_gap",
        run <= limits.max_benchmark_gap,
        run,
        limits.max_benchmark_gap,
        tuple(_dates(closes[missing])),
        "Deliver the missing sessions of the benchmark.",
    )


def check_members(bars: pd.DataFrame, membership: pd.DataFrame, limits: GateLimits) -> Check:
    """Enough instruments with bars were ever in the index: names that are spelled otherwise are nobody's."""
    members = sorted(set(bars[INSTRUMENT]) & set(membership[INSTRUMENT]))
    strangers = sorted(set(bars[INSTRUMENT]) - set(members))
    return Check(
        "membership",
        "min_instruments",
        len(members) >= limits.min_instruments,
        len(members),
        limits.min_instruments,
        (*(f"{name} has bars only" for name in strangers[:_SHOWN]),),
        "Deliver the membership of the index that the bars are of, in their spelling of names.",
    )


def check_leavers(membership: pd.DataFrame, limits: GateLimits) -> Check:
    """No list of members that was cut off: then nearly everybody would have left at once."""
    newest = membership.drop_duplicates([INSTRUMENT, SINCE], keep="last")
    newest = newest[newest[UNTIL].isna() | (newest[UNTIL] > newest[SINCE])]
    left = newest.groupby(UNTIL).size()
    times = left.index
    begun = np.searchsorted(np.sort(newest[SINCE].to_numpy()), times.to_numpy(), side="left")
    ended = np.searchsorted(np.sort(newest[UNTIL].dropna().to_numpy()), times.to_numpy(), side="left")
    shares = left.to_numpy() / np.maximum(begun - ended, 1)
    worst = int(np.argmax(shares)) if len(shares) else 0
    share = float(shares[worst]) if len(shares) else 0.0
    return Check(
        "membership",
        "max_leaving_share",
        share <= limits.max_leaving_share,
        share,
        limits.max_leaving_share,
        (f"{int(left.iloc[worst])} leave at {times[worst]:%Y-%m-%d}",) if len(shares) else (),
        "Look whether the list of that date is whole, or raise `gates.max_leaving_share`.",
    )


def _longest_run(flags: np.ndarray) -> int:
    """Length of the longest run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    return int((edges[1::2] - edges[::2]).max(initial=0))


def _dates(times: pd.Series) -> list[str]:
    shown = [f"{time:%Y-%m-%d}" for time in times[:_SHOWN]]
    return [*shown, f"and {len(times) - _SHOWN} more"] if len(times) > _SHOWN else shown
