"""The score-cards that the service leaves: the API and the monitoring read them, without the store behind them."""

from __future__ import annotations

from pathlib import Path

from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.typed_json import from_json
from finq_predictor.domain.evaluation.score_cards import ScoreCards

FILE = "score_card.json"


def read_score_cards(root: Path) -> ScoreCards | None:
    """The score-cards that were left below a folder; None where there are none."""
    file = Layout(root).served / FILE
    try:
        text = file.read_bytes()
    except FileNotFoundError:
        return None
    return from_json(ScoreCards, text, FILE, "The keeper writes it anew; or run: finq score-card")
