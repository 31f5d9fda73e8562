"""Where what came of trying challengers is left for the API and for the gate."""

from __future__ import annotations

from pathlib import Path

from finq_predictor.adapters.atomic_file import write_text_atomically
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.typed_json import from_json, to_json
from finq_predictor.domain.evaluation.live_trials import ExperimentReport


def write_report(root: Path, report: ExperimentReport) -> None:
    """Leave a report where the API and the evaluation find it."""
    write_text_atomically(Layout(root).experiment_report(report.market), to_json(report))


def read_report(root: Path, market: str) -> ExperimentReport | None:
    """The report that was left; None where there is none.

    Raises:
        StoreError: If it cannot be read; says how to make it anew.
    """
    file = Layout(root).experiment_report(market)
    try:
        text = file.read_bytes()
    except FileNotFoundError:
        return None
    advice = f"Make it anew: finq experiment report --market {market}"
    return from_json(ExperimentReport, text, file, advice)
