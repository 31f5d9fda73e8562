"""Nodes of the ingestion pipeline."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from finq_predictor.domain.columns import NOTES
from finq_predictor.domain.errors import GateError
from finq_predictor.domain.ingestion import bars as cleaning
from finq_predictor.domain.ingestion import gates
from finq_predictor.domain.ingestion import records as cleaning_records
from finq_predictor.domain.ingestion.gates import IngestionChecks
from finq_predictor.domain.ingestion.membership_records import clean_membership as cleaning_membership
from finq_predictor.domain.ingestion.provenance import Provenance, trace
from finq_predictor.domain.ingestion.quarantine import Cleaned
from finq_predictor.domain.ingestion.tally import Delivery
from finq_predictor.domain.market.markets import Market
from finq_predictor.pipelines.ingestion.params import IngestionParams

logger = logging.getLogger(__name__)

Divided = tuple[pd.DataFrame, pd.DataFrame, Delivery]


def receive(source: pd.DataFrame | Iterator[pd.DataFrame]) -> pd.DataFrame | Iterator[pd.DataFrame]:
    """Pass a delivery on as it came, whole or part by part; bronze notes when and what."""
    return source


def clean_bars(bronze: pd.DataFrame, params: IngestionParams, *, market: Market) -> Divided:
    """Divide bars into silver and quarantine.

    Args:
        bronze: Bars as received.
        params: How to read and judge them.
        market: The market they are of.

    Returns:
        Silver to be, quarantine, and the tally of the delivery.
    """
    return _divided("bars", bronze, cleaning.clean_bars(_not_empty("bars", bronze), params.rules(market)))


def clean_benchmark(bronze: pd.DataFrame, params: IngestionParams, *, market: Market) -> Divided:
    """Divide the benchmark into silver and quarantine; as `clean_bars`."""
    return _divided(
        "benchmark", bronze, cleaning.clean_benchmark(_not_empty("benchmark", bronze), params.rules(market))
    )


def clean_articles(bronze: pd.DataFrame, params: IngestionParams, *, market: Market) -> Divided:
    """Divide articles into silver and quarantine; as `clean_bars`, but there may be none."""
    return _divided("articles", bronze, cleaning_records.clean_articles(bronze, params.rules(market)))


def clean_macro(bronze: pd.DataFrame, params: IngestionParams, *, market: Market) -> Divided:
    """Divide macro releases into silver and quarantine; as `clean_bars`, but there may be none."""
    return _divided("macro", bronze, cleaning_records.clean_macro(bronze, params.rules(market)))


def clean_membership(bronze: pd.DataFrame, params: IngestionParams, *, market: Market) -> Divided:
    """Divide the membership of the index into silver and quarantine; as `clean_bars`, but there may be none."""
    return _divided("membership", bronze, cleaning_membership(bronze, params.rules(market)))


def gather_deliveries(*tallies: Delivery) -> tuple[Delivery, ...]:
    """Put together what was delivered of each table, bars first."""
    return tallies


def check_gates(
    params: IngestionParams,
    deliveries: tuple[Delivery, ...],
    bars: pd.DataFrame,
    benchmark: pd.DataFrame | None = None,
    membership: pd.DataFrame | None = None,
    *,
    market: Market,
) -> IngestionChecks:
    """Stop the run before silver is touched, if the delivery is not fit for use.

    Args:
        params: The limits.
        deliveries: What was delivered of each table.
        bars: Cleaned bars.
        benchmark: Cleaned benchmark.
        membership: Cleaned membership; without rows there is none.
        market: The market, which says when it is open.

    Returns:
        The answer of every gate.

    Raises:
        GateError: If any gate is closed.
    """
    rules, limits = params.rules(market), params.gates
    by_table = {delivery.table: delivery for delivery in deliveries}
    checks = [check for delivery in by_table.values() for check in gates.check_nulls(delivery, limits)]
    checks += [gates.check_quarantine(delivery, limits) for delivery in by_table.values()]
    checks.append(gates.check_one_origin(deliveries))
    checks.append(gates.check_not_empty(by_table["bars"]))
    checks.append(gates.check_instruments(bars, limits))
    if benchmark is not None:
        checks.append(gates.check_not_empty(by_table["benchmark"]))
        if len(bars) and len(benchmark):
            checks.append(gates.check_benchmark_age(bars, benchmark, rules.sessions, rules.as_of, limits))
            checks.append(gates.check_benchmark_gaps(bars, benchmark, rules.sessions, limits, daily=rules.daily))
    if membership is not None and len(membership):
        checks.append(gates.check_members(bars, membership, limits))
        checks.append(gates.check_leavers(membership, limits))
    return IngestionChecks(
        market=market.name,
        checks=gates.judge(checks),
        quarantine={table: delivery.tally.rules for table, delivery in by_table.items()},
        notes={table: delivery.tally.notes for table, delivery in by_table.items() if delivery.tally.notes},
    )


def publish(cleaned: pd.DataFrame, checks: IngestionChecks) -> pd.DataFrame:  # noqa: ARG001 - the gates come first
    """Let a cleaned table become silver, after the gates."""
    return cleaned


def describe_provenance(
    checks: IngestionChecks,  # noqa: ARG001 - the gates come first
    bars: pd.DataFrame,
    deliveries: tuple[Delivery, ...],
) -> Provenance:
    """Say where the data come from, for everything that is made of them.

    Args:
        checks: Answers of the gates; provenance belongs to data that passed.
        bars: Cleaned bars.
        deliveries: What was delivered of each table, bars first.
    """
    return trace(bars, deliveries)


def _not_empty(table: str, bronze: pd.DataFrame) -> pd.DataFrame:
    if bronze.empty:
        raise GateError(
            f"{table}, rule not_empty: the source delivered no rows. Look at the file or the source's options."
        )
    return bronze


def _divided(table: str, bronze: pd.DataFrame, cleaned: Cleaned) -> Divided:
    tally = replace(cleaned.tally, notes=(*cleaned.tally.notes, *bronze.attrs.get(NOTES, ())))
    for note in tally.notes:
        logger.info("%s: %s", table, note)
    if tally.rules:
        rejected = ", ".join(f"{count} {rule}" for rule, count in sorted(tally.rules.items(), key=lambda one: -one[1]))
        logger.warning("%s: %d of %d rows kept, in quarantine: %s", table, tally.kept, tally.rows, rejected)
    for frame in (cleaned.silver, cleaned.quarantine):
        # A note about a delivery is no part of what was made of it: equal rows are stored as equal bytes.
        frame.attrs.clear()
    return cleaned.silver, cleaned.quarantine, Delivery.of(table, bronze, tally)
