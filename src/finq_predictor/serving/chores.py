"""What the keeper does beside draining the spool: outcomes, score-cards, paper book, and forgetting what is old."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from finq_predictor.serving.outcomes import Outcomes

if TYPE_CHECKING:
    from finq_predictor.adapters.database.served_store import ServedStore

_DAY_S, _HOUR_S = 86_400.0, 3_600.0


@dataclass
class Chores:
    """Does what is due; of one folder of data.

    Attributes:
        root: The folder.
        predictions: How long what was said is kept.
        users: How long it is kept who asked.
        state: Folder that is written into; None is that of the data.
    """

    root: Path
    predictions: timedelta = timedelta(days=1096)
    users: timedelta = timedelta(days=731)
    state: Path | None = None
    _outcomes: Outcomes = field(init=False)
    _prune_at: float = 0.0
    _cards_at: float = 0.0

    def __post_init__(self) -> None:
        self._outcomes = Outcomes(self.root, self.predictions)

    def run_once(self, store: ServedStore, past: bool) -> int:
        """Look once.

        Args:
            store: Where everything is.
            past: See :meth:`Outcomes.run_once`.

        Returns:
            How many outcomes are new.
        """
        from finq_predictor.serving.experiment_report import write_reports
        from finq_predictor.serving.score_cards import write_score_cards
        from finq_predictor.serving.signal_records import write_signal_records

        now = datetime.now(UTC)
        if time.monotonic() >= self._prune_at:
            store.prune(now - self.predictions, now - self.users)
            self._prune_at = time.monotonic() + _DAY_S
        found = self._outcomes.run_once(store, past=past)
        if found or self._outcomes.others_recorded or time.monotonic() >= self._cards_at:
            write_score_cards(store.engine, self.root, now, self.state)
            write_signal_records(store.engine, self.root, now, self.state)
            write_reports(store.engine, self.root, now, self.state)
            self._cards_at = time.monotonic() + _HOUR_S
        return found
