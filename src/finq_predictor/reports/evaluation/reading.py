"""Single figures, read out of the tables that hold them all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from finq_predictor.domain.evaluation.mean_test import label_days
from finq_predictor.domain.evaluation.net_worth import NetWorth, value_strategy
from finq_predictor.domain.modelling.models.base import ModelKind
from finq_predictor.reports.evaluation.labels import METRICS, format_measure, format_metric
from finq_predictor.reports.evaluation.results import EvaluationResults
from finq_predictor.reports.tables import Cell, Look, Row, Table


@dataclass(frozen=True)
class Estimate:
    """A metric with its interval; NaN where it was not measured, or has no interval."""

    metric: str
    value: float = math.nan
    low: float = math.nan
    high: float = math.nan

    @property
    def text(self) -> str:
        """The value as text."""
        return format_metric(self.value, self.metric)

    @property
    def interval(self) -> str:
        """The interval as text; empty where there is none."""
        if not (math.isfinite(self.low) and math.isfinite(self.high)):
            return ""
        return f"{format_metric(self.low, self.metric)} to {format_metric(self.high, self.metric)}"


def estimate(metrics: pd.DataFrame, model: str, metric: str) -> Estimate:
    """One metric of one model."""
    rows = metrics[(metrics["model"] == model) & (metrics["metric"] == metric)]
    if rows.empty:
        return Estimate(metric)
    return Estimate(metric, *(float(rows.iloc[0][name]) for name in ("value", "ci_low", "ci_high")))


def measures_of(summary: pd.DataFrame, model: str, strategy: str, side: str) -> dict[str, float]:
    """Measure -> value of one model under one strategy, ``gross`` or ``net``; empty if it was not traded."""
    rows = summary[(summary["model"] == model) & (summary["strategy"] == strategy)]
    return {str(key): float(value) for key, value in zip(rows["measure"], rows[side], strict=True)}


def net_worth(results: EvaluationResults, model: str) -> NetWorth:
    """What one model is worth under the strategy that the gate looks at."""
    worth, strategy, backtest = results.worth, results.terms.gate_strategy, results.measures.backtest
    overfitting = worth.overfitting
    return value_strategy(
        backtest.loc[(backtest["model"] == model) & (backtest["strategy"] == strategy), "net_return"],
        worth.of("capacity", model, strategy),
        worth.of("attribution", model, strategy),
        overfitting[overfitting["strategy"] == strategy],
        label_days(results.bundle.horizon, results.market),
        results.market,
        results.terms.confidence,
    )


def metric_table(results: EvaluationResults, names: Sequence[str]) -> Table:
    """Metrics of all models side by side: the one that is decided about, then candidates, then naive rules."""
    metrics = results.measures.metrics
    kinds = metrics.drop_duplicates("model").set_index("model")["kind"]
    naive, chosen = kinds == ModelKind.NAIVE, results.candidate
    models = sorted(map(str, kinds.index), key=lambda model: (model != chosen, naive[model], model))
    rows = []
    for model in models:
        found = [estimate(metrics, model, metric) for metric in names]
        cells = [Cell(each.text, note=each.interval) for each in found]
        look = Look.STRONG if model == chosen else Look.MUTED if naive[model] else Look.PLAIN
        rows.append(Row([f"{model} (naive)" if naive[model] else model, *cells], look))
    return Table(["Model", *(METRICS[metric] for metric in names)], rows)


def after_and_before(measure: str, net: Mapping[str, float], gross: Mapping[str, float]) -> Cell:
    """A measure after costs, with the one before costs below; what is traded does not depend on costs."""
    after = format_measure(measure, net[measure])
    if measure == "turnover_per_day":
        return Cell(after)
    return Cell(after, note=f"{format_measure(measure, gross[measure])} before")
