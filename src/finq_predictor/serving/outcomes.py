"""What became of what was said: from the silver of the newest snapshot, by the labels that models learn from."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from finq_predictor.adapters.snapshots.store import SnapshotStore
from finq_predictor.domain.errors import DataError
from finq_predictor.domain.market.markets import MARKETS, Market

if TYPE_CHECKING:
    from finq_predictor.adapters.database.served_store import ServedStore

logger = logging.getLogger(__name__)
_AGAIN_S = 60.0


@dataclass
class Outcomes:
    """Follows the snapshots of all markets and records what has become known.

    Attributes:
        root: Folder of the data.
        kept: How far back statements are kept.
        others_recorded: Whether the last look found outcomes that another process has recorded since the one before.
    """

    root: Path
    kept: timedelta = timedelta(days=1096)
    others_recorded: bool = False
    _met: dict[str, str] = field(default_factory=dict)
    _told: dict[str, int] = field(default_factory=dict)
    _past: bool = False
    _again_at: float = 0.0

    def run_once(self, store: ServedStore, *, past: bool = False) -> int:
        """Record what is known now and was not recorded yet.

        Args:
            store: Where statements and outcomes are.
            past: Whether something was said since of a bar that was not the newest, so that a snapshot that was looked
                at already may know its outcome; that is looked for once a minute.

        Returns:
            How many outcomes are new.

        Raises:
            SourceUnavailableError: If the store does not answer.
            StoreError: If it refuses.
        """
        self._past |= past
        if self._past and time.monotonic() >= self._again_at:
            self._met.clear()
            self._past, self._again_at = False, time.monotonic() + _AGAIN_S
        self.others_recorded, found = False, 0
        for market in MARKETS.values():
            snapshot = SnapshotStore(self.root, market.name).newest()
            if not snapshot.has("silver_bars") or self._met.get(market.name) == snapshot.id:
                continue
            found += self._meet(store, market)
            self._met[market.name] = snapshot.id
        return found

    def _meet(self, store: ServedStore, market: Market) -> int:
        from finq_predictor.adapters.silver import read_panel
        from finq_predictor.adapters.snapshots.writer import one_snapshot
        from finq_predictor.domain.evaluation.realised import outcomes_of

        keys = store.statement_keys(market.name, datetime.now(UTC) - self.kept)
        if keys.empty:
            return 0
        try:
            with one_snapshot(self.root, market.name) as snapshot:
                known = outcomes_of(read_panel(snapshot, market), market, keys)
        except DataError as error:
            # It is looked at again when another snapshot is published.
            logger.warning("What became of predictions of %s cannot be seen: %s", market.name, error)
            return 0
        published = datetime.fromisoformat(snapshot.manifest.published_at).astimezone(UTC)
        new = store.record_outcomes(market.name, snapshot.id, published, known)
        told = store.count_outcomes(market.name)
        self.others_recorded |= told != self._told.get(market.name, 0) + new
        self._told[market.name] = told
        return new
