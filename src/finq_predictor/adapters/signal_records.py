"""What became of the signals that the API gave, as its keeper leaves it: read without the store behind it."""

from __future__ import annotations

from pathlib import Path

from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.typed_json import from_json
from finq_predictor.domain.evaluation.signal_record import SignalRecords

FILE = "signals.json"


def read_signal_records(root: Path) -> SignalRecords | None:
    """The records that were left below a folder; None where there are none.

    Raises:
        StoreError: If they cannot be read; says how to make them anew.
    """
    file = Layout(root).served / FILE
    try:
        text = file.read_bytes()
    except FileNotFoundError:
        return None
    return from_json(SignalRecords, text, FILE, "The keeper writes it anew within an hour.")
