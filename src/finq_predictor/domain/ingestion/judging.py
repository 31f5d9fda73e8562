"""Every gate of an ingestion by its rule: a run asks them all, and a test sees each of them fail."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from finq_predictor.domain.columns import TS
from finq_predictor.domain.ingestion import calendar_gates, gates
from finq_predictor.domain.ingestion.calendar_gates import Attendance
from finq_predictor.domain.ingestion.gates import Check
from finq_predictor.domain.ingestion.rules import GateLimits, Rules
from finq_predictor.domain.ingestion.tally import Delivery
from finq_predictor.domain.registry import Registry


@dataclass(frozen=True)
class Case:
    """What the gates look at.

    Attributes:
        bars: Cleaned bars.
        benchmark: Cleaned benchmark; None where the market has none, or none was given.
        deliveries: What was delivered, by table; bars are among them.
        rules: How it was read and cleaned.
        limits: Where the gates close.
        membership: Cleaned membership of the index; None where the market has none.
        clock: What time it is (UTC); None where nobody asks.
    """

    bars: pd.DataFrame
    benchmark: pd.DataFrame | None
    deliveries: Mapping[str, Delivery]
    rules: Rules
    limits: GateLimits
    membership: pd.DataFrame | None = None
    clock: pd.Timestamp | None = None

    @property
    def now(self) -> pd.Timestamp:
        """Moment of the run; the last bar where none is given."""
        return self.bars[TS].max() if self.rules.as_of is None else self.rules.as_of

    @cached_property
    def attendance(self) -> Attendance:
        """Which bars are there; at least one must be."""
        return Attendance.of(self.bars, self.rules)

    @property
    def measurable(self) -> pd.DataFrame | None:
        """The benchmark, where both it and the bars have rows."""
        return self.benchmark if self.benchmark is not None and len(self.benchmark) and len(self.bars) else None


Gate = Callable[[Case], Iterable[Check]]
GATES: Registry[Gate] = Registry("quality gate")
"""The gates by rule, in the order in which they are reported. One answers for as many frames as it looks at."""


def ask_every_gate(case: Case) -> list[Check]:
    """The answers of all gates."""
    return [check for gate in GATES.values() for check in gate(case)]


@GATES.register("max_null_share")
def _nulls(case: Case) -> Iterable[Check]:
    return [check for delivery in case.deliveries.values() for check in gates.check_nulls(delivery, case.limits)]


@GATES.register("max_quarantine_share")
def _quarantine(case: Case) -> Iterable[Check]:
    return [gates.check_quarantine(delivery, case.limits) for delivery in case.deliveries.values()]


@GATES.register("max_revised_share")
def _revisions(case: Case) -> Iterable[Check]:
    needed = [case.deliveries[table] for table in case.rules.market.required_tables if table in case.deliveries]
    return [gates.check_revisions(delivery, case.limits) for delivery in needed]


@GATES.register("max_provider_difference_share")
def _providers(case: Case) -> Iterable[Check]:
    return gates.check_providers(case.deliveries["bars"], case.limits)


@GATES.register("max_misread_weeks")
def _times(case: Case) -> Iterable[Check]:
    tables = [table for table in ("bars", "benchmark") if table in case.deliveries]
    return [gates.check_times(case.deliveries[table], case.limits) for table in tables]


@GATES.register("one_origin")
def _origin(case: Case) -> Iterable[Check]:
    return [gates.check_one_origin(tuple(case.deliveries.values()))]


@GATES.register("not_empty")
def _not_empty(case: Case) -> Iterable[Check]:
    needed = [table for table in case.rules.market.required_tables if table in case.deliveries]
    return [gates.check_not_empty(case.deliveries[table]) for table in needed]


@GATES.register("min_instruments")
def _instruments(case: Case) -> Iterable[Check]:
    members = case.membership if case.membership is not None and len(case.membership) else None
    compared = [] if members is None else [gates.check_members(case.bars, members, case.limits)]
    return [gates.check_instruments(case.bars, case.limits), *compared]


@GATES.register("max_leaving_share")
def _leavers(case: Case) -> Iterable[Check]:
    if case.membership is None or case.membership.empty:
        return []
    return [gates.check_leavers(case.membership, case.limits)]


@GATES.register("max_bars_age")
def _age(case: Case) -> Iterable[Check]:
    return [calendar_gates.check_bars_age(case.bars, case.rules, case.limits)] if len(case.bars) else []


@GATES.register("max_clock_age")
def _clock(case: Case) -> Iterable[Check]:
    limit = case.limits.max_clock_age
    if limit is None or case.clock is None or not len(case.bars):
        return []
    return [calendar_gates.check_clock_age(case.bars, case.rules, limit, case.clock)]


@GATES.register("max_stale_share")
def _stale(case: Case) -> Iterable[Check]:
    return [calendar_gates.check_stale_share(case.attendance, case.rules, case.limits)] if len(case.bars) else []


@GATES.register("min_bar_share")
def _attendance(case: Case) -> Iterable[Check]:
    return [calendar_gates.check_bar_share(case.attendance, case.limits)] if len(case.bars) else []


@GATES.register("max_article_days")
def _articles(case: Case) -> Iterable[Check]:
    return _quiet(case, "articles", "max_article_days", case.limits.max_article_days)


@GATES.register("max_macro_days")
def _macro(case: Case) -> Iterable[Check]:
    return _quiet(case, "macro", "max_macro_days", case.limits.max_macro_days)


@GATES.register("max_benchmark_age")
def _benchmark_age(case: Case) -> Iterable[Check]:
    if (benchmark := case.measurable) is None:
        return []
    rules = case.rules
    return [gates.check_benchmark_age(case.bars, benchmark, rules.sessions, rules.as_of, case.limits)]


@GATES.register("max_benchmark_gap")
def _benchmark_gaps(case: Case) -> Iterable[Check]:
    if (benchmark := case.measurable) is None:
        return []
    rules = case.rules
    return [gates.check_benchmark_gaps(case.bars, benchmark, rules.sessions, case.limits, daily=rules.daily)]


def _quiet(case: Case, table: str, rule: str, limit_days: float) -> Iterable[Check]:
    delivery = case.deliveries.get(table)
    if delivery is None or delivery.tally.newest is None or not len(case.bars):
        return []
    return [calendar_gates.check_quiet(delivery, rule, limit_days, case.now)]
