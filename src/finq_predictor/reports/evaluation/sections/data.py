"""What data is it?"""

from __future__ import annotations

from dataclasses import dataclass

from finq_predictor.domain.evaluation.membership_coverage import WHOLE
from finq_predictor.domain.evaluation.survivorship import SurvivorshipBill, YearCoverage
from finq_predictor.reports.evaluation.results import ReportMaterial
from finq_predictor.reports.formatting import percent, thousands
from finq_predictor.reports.tables import Table, plain_rows


@dataclass(frozen=True)
class DataOrigin:
    """Where the data came from.

    Attributes:
        source: Name of the source.
        source_id: What tells it from another delivery.
        preset: How a simulated market was made; None where there is no preset.
        n_instruments: Instruments in the data.
        first: Time of the first bar.
        last: Time of the last bar.
        counts: Rows per table, in words; empty where they are not known.
        n_rows: Rows that the final model was trained on.
        n_features: Features that it reads.
        label_blocks: Stretches as long as a label among its rows; None where they were not counted.
        effective_years: Years that they are worth.
        first_window_years: Years that the first window of the walk-forward was worth.
        least_years: Years that it should have been worth.
        survivorship: What a list of instruments that was made today hides.
        bill: What it costs that instruments end; None where it was not counted.
        whole_from: Share of member-bars with bars from which on a universe is called that of its time.
        coverage: Instruments by year; without rows where it was not counted.
        net: Annual return after costs by what a delisting costs; without rows where no instrument ends.
        notes: What was decided or noticed about the deliveries; without rows where nothing was.
        hashes: Table -> hash of what was received; without rows where none is known.
    """

    source: str
    source_id: str
    preset: str | None
    n_instruments: int
    first: str
    last: str
    counts: str
    n_rows: int
    n_features: int
    label_blocks: int | None
    effective_years: float | None
    first_window_years: float | None
    least_years: float | None
    survivorship: str
    bill: SurvivorshipBill | None
    whole_from: float
    coverage: Table
    net: Table
    notes: Table
    hashes: Table


def build(material: ReportMaterial) -> DataOrigin:
    """What was delivered, and what the model was trained on."""
    results, bundle, bill = material.results, material.results.bundle, material.circumstances.survivorship
    provenance = results.trained.provenance
    return DataOrigin(
        source=provenance.source,
        source_id=provenance.source_id,
        preset=provenance.preset,
        n_instruments=provenance.instruments,
        first=provenance.first_ts,
        last=provenance.last_ts,
        counts=", ".join(f"{thousands(count)} {table}" for table, count in sorted(provenance.rows.items())),
        n_rows=bundle.origin.n_rows,
        n_features=len(bundle.feature_set.names),
        label_blocks=bundle.origin.label_blocks,
        effective_years=bundle.origin.effective_years,
        first_window_years=bundle.origin.first_window_years,
        least_years=bundle.origin.least_years,
        survivorship=results.market.instruments.survivorship,
        bill=bill,
        whole_from=WHOLE,
        coverage=Table(
            ["Year", "Instruments", "New", "Ended"],
            plain_rows(
                [[str(year.year), *map(thousands, (year.instruments, year.began, year.ended))] for year in _years(bill)]
            ),
        ),
        net=Table(
            ["A delisting costs", "Annual return after costs"],
            plain_rows(
                [[loss, percent(value, sign=True)] for loss, value in bill.net_return.items()]
                if bill and bill.ended
                else []
            ),
        ),
        notes=Table(
            ["Table", "What was decided or noticed"],
            plain_rows([[table, note] for table, notes in sorted(provenance.notes.items()) for note in notes]),
            text_columns=(0, 1),
        ),
        hashes=Table(
            ["Table", "SHA-256 of what was received"],
            plain_rows([[table, ", ".join(hashes)] for table, hashes in sorted(provenance.content_hashes.items())]),
            text_columns=(0, 1),
        ),
    )


def _years(bill: SurvivorshipBill | None) -> tuple[YearCoverage, ...]:
    return () if bill is None else bill.coverage
