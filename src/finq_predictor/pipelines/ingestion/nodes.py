"""Nodes of the ingestion pipeline."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

import pandas as pd

from finq_predictor.domain.columns import NOTES
from finq_predictor.domain.errors import GateError
from finq_predictor.domain.ingestion import bars as cleaning
from finq_predictor.domain.ingestion import records as cleaning_records
from finq_predictor.domain.ingestion.gate_results import results_table
from finq_predictor.domain.ingestion.gates import IngestionChecks, judge
from finq_predictor.domain.ingestion.judging import Case, ask_every_gate
from finq_predictor.domain.ingestion.membership_records import clean_membership as cleaning_membership
from finq_predictor.domain.ingestion.provenance import Provenance, trace
from finq_predictor.domain.ingestion.quarantine import Cleaned
from finq_predictor.domain.ingestion.tally import Delivery, Tally
from finq_predictor.domain.ingestion.two_providers import opinions_in
from finq_predictor.domain.market.markets import Market
from finq_predictor.pipelines.ingestion.params import IngestionParams

logger = logging.getLogger(__name__)

Divided = tuple[pd.DataFrame, pd.DataFrame, Delivery]


def receive(source: pd.DataFrame | Iterator[pd.DataFrame]) -> pd.DataFrame | Iterator[pd.DataFrame]:
    """Pass a delivery on as it came, whole or part by part; bronze notes when and what."""
    return source


def clean_bars(
    bronze: pd.DataFrame, params: IngestionParams, *, market: Market
) -> tuple[pd.DataFrame, pd.DataFrame, Delivery, pd.DataFrame]:
    """Divide bars into silver and quarantine.

    Args:
        bronze: Bars as received.
        params: How to read and judge them.
        market: The market they are of.

    Returns:
        Silver to be, quarantine, the tally of the delivery, and where providers differ about the same bars.
    """
    found = cleaning.clean_bars_and_actions(_not_empty("bars", bronze), params.rules(market))
    return (*_divided("bars", bronze, found.bars), found.compared.differences)


def clean_bars_and_actions(
    bronze: pd.DataFrame, params: IngestionParams, *, market: Market
) -> tuple[
    pd.DataFrame, pd.DataFrame, tuple[Delivery, ...], pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame,
]:  # fmt: skip
    """Divide bars as `clean_bars`, and the splits and dividends that stand beside them; each row is read once.

    Args:
        bronze: Bars as received.
        params: How to read, judge and repair them.
        market: The market they are of; it has splits and dividends.

    Returns:
        Silver to be and quarantine of the bars; the tallies of bars, actions and repairs; where providers differ;
        silver to be and quarantine of the actions; the repairs.
    """
    found = cleaning.clean_bars_and_actions(_not_empty("bars", bronze), params.rules(market))
    bars, rejected, delivery = _divided("bars", bronze, found.bars)
    actions, unusable, beside = _divided("actions", bronze, found.actions, made_of="bars")
    tally = Tally(rows=len(found.repairs), kept=len(found.repairs), notes=found.repair_notes)
    listed = replace(found.actions, silver=found.repairs, tally=tally)
    repairs, _, repaired = _divided("repairs", bronze, listed, made_of="bars")
    tallies = (delivery, beside, repaired)
    return bars, rejected, tallies, found.compared.differences, actions, unusable, repairs


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


def gather_deliveries(*tallies: Delivery | tuple[Delivery, ...]) -> tuple[Delivery, ...]:
    """What was delivered of each table, as one value; bars first, and after them what is made of them."""
    return tuple(one for each in tallies for one in (each if isinstance(each, tuple) else (each,)))


def ask_gates(
    params: IngestionParams,
    deliveries: tuple[Delivery, ...],
    clock: pd.Timestamp | None,
    bars: pd.DataFrame,
    benchmark: pd.DataFrame | None = None,
    membership: pd.DataFrame | None = None,
    *,
    market: Market,
) -> tuple[IngestionChecks, pd.DataFrame]:
    """Ask every gate about the delivery; the answers are kept even if they stop the run.

    Args:
        params: The limits.
        deliveries: What was delivered of each table.
        clock: The moment of the run; None where it does not count.
        bars: Cleaned bars.
        benchmark: Cleaned benchmark.
        membership: Cleaned membership; without rows there is none.
        market: The market, which says when it is open.

    Returns:
        The answer of every gate, and the same as the table ``gate_results``.
    """
    by_table = {delivery.table: delivery for delivery in deliveries}
    case = Case(bars, benchmark, by_table, params.rules(market), params.gates, membership, clock)
    answers = IngestionChecks(
        market=market.name,
        checks=tuple(ask_every_gate(case)),
        quarantine={table: delivery.tally.rules for table, delivery in by_table.items()},
        notes={table: delivery.tally.notes for table, delivery in by_table.items() if delivery.tally.notes},
        rows={table: delivery.tally.rows for table, delivery in by_table.items()},
    )
    return answers, results_table(answers, case.now)


def check_gates(answers: IngestionChecks) -> IngestionChecks:
    """Stop the run before silver is touched, if the delivery is not fit for use; what only warns is said.

    Raises:
        GateError: If any gate is closed that does more than warn.
    """
    judge(answers.checks)
    for check in answers.warnings:
        logger.warning("%s", check.sentence)
    return answers


def publish(cleaned: pd.DataFrame, checks: IngestionChecks) -> pd.DataFrame:  # noqa: ARG001 - the gates come first
    """Let a cleaned table become silver, after the gates."""
    return cleaned


def describe_provenance(
    checks: IngestionChecks,  # noqa: ARG001 - provenance belongs to data that passed
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
    if opinions_in(bronze).all():
        raise GateError(
            f"{table}, rule not_empty: the source delivered no rows. Look at the file or the source's options."
        )
    return bronze


def _divided(table: str, bronze: pd.DataFrame, cleaned: Cleaned, made_of: str = "") -> Divided:
    # What is to be said of a delivery is said with what was delivered, once.
    noted = () if made_of else bronze.attrs.get(NOTES, ())
    tally = replace(cleaned.tally, notes=(*cleaned.tally.notes, *noted))
    for note in tally.notes:
        logger.info("%s: %s", table, note)
    if tally.rules:
        rejected = ", ".join(f"{count} {rule}" for rule, count in sorted(tally.rules.items(), key=lambda one: -one[1]))
        logger.warning("%s: %d of %d rows kept, in quarantine: %s", table, tally.kept, tally.rows, rejected)
    for frame in (cleaned.silver, cleaned.quarantine):
        # A note about a delivery is no part of what was made of it: equal rows are stored as equal bytes.
        frame.attrs.clear()
    return cleaned.silver, cleaned.quarantine, replace(Delivery.of(table, bronze, tally), made_of=made_of)
