"""Was it steady, and was the test fair?"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from finq_predictor.reports.evaluation.labels import FIRST_METRICS, METRICS, format_metric
from finq_predictor.reports.evaluation.results import EvaluationResults, ReportMaterial
from finq_predictor.reports.figures import Image
from finq_predictor.reports.formatting import day, minute, thousands
from finq_predictor.reports.tables import Table, plain_rows

GAP_COLUMNS = (
    "Fold",
    "Train from",
    "to",
    "Last training label known",
    "Purge + embargo, bars",
    "Test from",
    "to",
    "Train rows",
    "Purged",
    "Test rows",
)


@dataclass(frozen=True)
class Steadiness:
    """Results by fold, and the gap between training and test.

    Attributes:
        model: The candidate.
        by_fold: Its metrics, one row per fold.
        gaps: Where training ends and testing begins, one row per fold.
        timeline: Image of the same.
    """

    model: str
    by_fold: Table
    gaps: Table
    timeline: Image


def build(material: ReportMaterial) -> Steadiness:
    """How it did fold by fold, and how fair the folds are."""
    results = material.results
    return Steadiness(
        model=results.candidate,
        by_fold=_by_fold(results),
        gaps=Table(GAP_COLUMNS, plain_rows(_gaps(results.trained.folds))),
        timeline=material.pictures["gap"],
    )


def _by_fold(results: EvaluationResults) -> Table:
    by_fold = results.measures.metrics_by_fold
    mine = by_fold[by_fold["model"] == results.candidate].pivot(index="fold", columns="metric", values="value")
    shown = [metric for metric in FIRST_METRICS if metric in mine]
    rows = [[str(fold), *(format_metric(row[metric], metric) for metric in shown)] for fold, row in mine.iterrows()]
    return Table(["Fold", *(METRICS[metric] for metric in shown)], plain_rows(rows))


def _gaps(folds: pd.DataFrame) -> list[list[str]]:
    return [
        [
            str(fold.fold),
            day(fold.train_start),
            day(fold.train_end),
            minute(fold.label_end_max),
            f"{fold.purge_bars} + {fold.embargo_bars}",
            day(fold.test_start),
            day(fold.test_end),
            thousands(fold.n_train),
            thousands(fold.n_purged),
            thousands(fold.n_test),
        ]
        for fold in folds.itertuples()
    ]
