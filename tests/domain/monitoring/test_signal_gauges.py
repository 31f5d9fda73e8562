"""What became of signals comes out under the names that were promised, with their labels, and never as NaN."""

from __future__ import annotations

import math

import pandas as pd

from finq_predictor.domain.evaluation.signal_record import Dimension, Figure, Reading, SignalRecord
from finq_predictor.domain.metrics.signals import OF_SIGNALS
from finq_predictor.domain.monitoring.signal_gauges import confidence_gauge, signal_gauges

PART = {Figure.HIT_RATE: "up", Figure.ATTRIBUTION: "EUR_USD"}
READINGS = tuple(
    Reading(
        figure, 0.5, "" if figure is Figure.SILENT_DAYS else "30d", PART.get(figure, ""),
        Dimension.INSTRUMENT.value if figure is Figure.ATTRIBUTION else "",
    )
    for figure in Figure
)  # fmt: skip
RECORD = SignalRecord("fx", "batch", "2024-01-05T22:00:00+00:00", "edge", 1e6, READINGS)
PREDICTIONS = pd.DataFrame({"model": "xgboost", "confidence": [0.0, 0.05, 0.1, 0.95, 1.0, None]})


def gauges():
    return [*signal_gauges([RECORD]), confidence_gauge("fx", PREDICTIONS)]


def test_what_is_declared_is_what_is_told():
    found = {gauge.name: gauge for gauge in gauges()}
    assert list(found) == [metric.name for metric in (*OF_SIGNALS,)] or set(found) == {one.name for one in OF_SIGNALS}
    for metric in OF_SIGNALS:
        gauge = found[metric.name]
        assert gauge.text == metric.text
        assert gauge.samples
        for labels, value in gauge.samples:
            assert tuple(labels) == metric.labels
            assert all(labels.values())
            assert math.isfinite(value)


def test_the_names_that_were_asked_for_are_there():
    names = {metric.name: metric.labels for metric in OF_SIGNALS}
    assert "window" in names["finq_sharpe_ratio"]
    assert "window" in names["finq_model_accuracy_ratio"]
    assert {"finq_simulated_pnl_usd", "finq_max_drawdown_ratio"} <= set(names)


def test_where_nothing_is_known_there_is_no_sample():
    empty = SignalRecord("fx", "batch", RECORD.as_of, "", 1e6, ())
    assert not any(gauge.samples for gauge in signal_gauges([empty]))
    assert not confidence_gauge("fx", PREDICTIONS.iloc[:0]).samples


def test_confidence_is_counted_in_tenths_each_once():
    counts = {labels["confidence"]: value for labels, value in confidence_gauge("fx", PREDICTIONS).samples}
    assert len(counts) == 10
    assert (counts["0.0-0.1"], counts["0.1-0.2"], counts["0.9-1.0"], sum(counts.values())) == (2.0, 1.0, 2.0, 5.0)
