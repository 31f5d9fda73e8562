"""How right the served models were, and what became of their signals, as gauges."""

from __future__ import annotations

from pathlib import Path

from finq_predictor.adapters.score_cards import read_score_cards
from finq_predictor.adapters.signal_records import read_signal_records
from finq_predictor.domain.metrics.surroundings import PROMISED, REALISED, REALISED_HIGH
from finq_predictor.domain.monitoring.gauges import Gauge
from finq_predictor.domain.monitoring.signal_gauges import signal_gauges


def score_gauges(root: Path) -> list[Gauge]:
    """The figures of the score-cards that the keeper wrote last; gauges without samples where there are none.

    Args:
        root: Folder that the service writes into.

    Raises:
        StoreError: If the score-cards are damaged.
    """
    found = read_score_cards(root)
    values: dict[str, list[tuple[dict[str, str], float]]] = {"value": [], "high": [], "promised": []}
    for card in found.cards if found else ():
        of = {"market": card.market, "model": card.model, "version": card.version, "arm": card.arm}
        for figure in card.figures:
            labels = {**of, "horizon": str(card.horizon), "figure": figure.name}
            for field, samples in values.items():
                value = getattr(figure, field)
                if value is not None:
                    samples.append((labels, float(value)))
    return [
        Gauge.of(metric, values[field])
        for metric, field in ((REALISED, "value"), (REALISED_HIGH, "high"), (PROMISED, "promised"))
    ]


def served_signal_gauges(root: Path) -> list[Gauge]:
    """What became of the signals that the API gave, as the keeper wrote it last; without samples where it did not.

    Args:
        root: Folder that the service writes into.

    Raises:
        StoreError: If the records are damaged.
    """
    found = read_signal_records(root)
    return signal_gauges(found.records if found else ())
