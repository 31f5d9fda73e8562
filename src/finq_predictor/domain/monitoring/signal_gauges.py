"""What became of signals as gauges, and how sure a batch of predictions is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from finq_predictor.domain.evaluation.signal_record import Figure, SignalRecord
from finq_predictor.domain.metrics import Metric
from finq_predictor.domain.metrics import signals as declared
from finq_predictor.domain.monitoring.gauges import Gauge

_GAUGES: dict[Figure, Metric] = {
    Figure.ACCURACY: declared.ACCURACY,
    Figure.BRIER: declared.BRIER,
    Figure.HIT_RATE: declared.HIT_RATE,
    Figure.OUTCOMES: declared.OUTCOMES,
    Figure.PER_HOUR: declared.PER_HOUR,
    Figure.SILENT_DAYS: declared.SILENT_DAYS,
    Figure.PNL: declared.PNL,
    Figure.SHARPE: declared.SHARPE,
    Figure.DRAWDOWN: declared.DRAWDOWN,
    Figure.DAYS: declared.BOOK_DAYS,
    Figure.ATTRIBUTION: declared.ATTRIBUTION,
}
_STEPS = 10


def signal_gauges(records: Sequence[SignalRecord]) -> list[Gauge]:
    """Turn records into gauges.

    Args:
        records: One for each market and source.
    """
    return [
        *(Gauge.of(metric, list(_samples(records, figure, metric))) for figure, metric in _GAUGES.items()),
        Gauge.of(
            declared.CAPITAL,
            [({"market": one.market, "source": one.source}, one.capital_usd) for one in records if one.strategy],
        ),
    ]


def _samples(records: Sequence[SignalRecord], figure: Figure, metric: Metric) -> Iterable[tuple[dict[str, str], float]]:
    for one in records:
        for reading in one.of(figure):
            told = {
                "market": one.market,
                "source": one.source,
                "window": reading.window,
                "side": reading.part,
                "dimension": reading.dimension,
                "part": reading.part,
            }
            yield {name: told[name] for name in metric.labels}, reading.value


def confidence_gauge(market: str, predictions: pd.DataFrame) -> Gauge:
    """How many predictions are how sure, in tenths.

    Args:
        market: Value of the ``market`` label.
        predictions: ``model`` and ``confidence``, NaN where there is none.
    """
    known = predictions.dropna(subset=["confidence"])
    # What lies upon a border belongs to the tenth above it, and certainty to the last.
    step = np.minimum((known["confidence"].to_numpy(float) * _STEPS).astype(int), _STEPS - 1)
    samples = []
    for model, rows in known.assign(step=step).groupby("model", sort=True):
        counts = np.bincount(rows["step"], minlength=_STEPS)
        samples += [
            ({"market": market, "model": str(model), "confidence": _named(place)}, float(count))
            for place, count in enumerate(counts)
        ]
    return Gauge.of(declared.BATCH_CONFIDENCE, samples)


def _named(place: int) -> str:
    return f"{place / _STEPS:.1f}-{(place + 1) / _STEPS:.1f}"
