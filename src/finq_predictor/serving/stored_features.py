"""Features that a run has left at hand, as the service takes them: only such as it would compute itself, bit by bit.

A row is used when it was computed from the same silver tables by the same definitions and versions, and when every row
of its bar is there and whole. In all other cases, and while the store does not answer, features are computed. Nothing
is written back: what a run leaves is the newest, and whoever asks for older bars asks rarely.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from finq_predictor.adapters.feature_store.opening import open_store
from finq_predictor.adapters.feature_store.stored import Look, OnlineStore
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.errors import ConfigurationError, StoreError
from finq_predictor.domain.features import FeatureSet

if TYPE_CHECKING:
    from finq_predictor.adapters.breaker import Breaker

logger = logging.getLogger(__name__)
_FAILURES, _OPEN_S = 5, 60.0


class Shelf:
    """The online store of a process; while it does not answer, it is not asked for a while.

    Args:
        store: The store.
    """

    def __init__(self, store: OnlineStore) -> None:
        self._store, self._well = store, True
        self._breaker: Breaker | None = None
        self.key = store.key

    @property
    def problem(self) -> str | None:
        """Why features are computed that may be at hand; None while the store answers."""
        return None if self._well else "The feature store does not answer: features are computed."

    def bar(self, market: str, bar: int) -> Look:
        """All rows of a bar; none where the store does not answer, which is said once."""
        try:
            found = self._store.bar(market, bar) if self._breaker is None else self._tried(self._breaker, market, bar)
        except StoreError as error:
            if self._well:
                logger.error("Features are computed: %s", error)
            self._well = False
            # Its library takes many others with it, and a store that answers needs none.
            from finq_predictor.adapters.breaker import Breaker

            self._breaker = self._breaker or Breaker(_FAILURES, _OPEN_S, time.monotonic)
            return Look(None, {})
        if found is None:
            return Look(None, {})
        if not self._well:
            logger.warning("The feature store answers again.")
        self._well = True
        return found

    def _tried(self, breaker: Breaker, market: str, bar: int) -> Look | None:
        """All rows of a bar; None while the store is not asked."""
        from finq_predictor.adapters.breaker import BreakerOpenError

        try:
            with breaker.trying():
                return self._store.bar(market, bar)
        except BreakerOpenError:
            return None


@dataclass(frozen=True)
class StoredFeatures:
    """What is at hand for one model.

    Attributes:
        shelf: The store.
        feature_set: What the model reads.
        data: Mark of the data that it is served on, see :func:`~finq_predictor.adapters.feature_store.marks.data_mark`.
    """

    shelf: Shelf
    feature_set: FeatureSet
    data: str

    def of(self, feature_set: FeatureSet) -> StoredFeatures:
        """The same for another model on the same data."""
        return StoredFeatures(self.shelf, feature_set, self.data)

    def at(self, ts: pd.Timestamp) -> pd.DataFrame | None:
        """The table of :func:`~finq_predictor.domain.features.compute_features` at a bar; None where it is not at hand.

        Args:
            ts: Close of the bar.
        """
        bar = ts.value // 1000
        look = self.shelf.bar(self.feature_set.market, bar)
        standing = look.standing
        if (
            standing is None
            or standing.data != self.data
            or standing.feature_set.definitions_hash != self.feature_set.definitions_hash
            or standing.bars.get(bar) != len(look.rows)
        ):
            return None
        packer, names = standing.packer(self.shelf.key), sorted(name for _, name in look.rows)
        rows = [packer.unpack(name, bar, look.rows[bar, name]) for name in names]
        # Feature by feature, as what is computed lies: a sum in another order may end in another bit.
        values = np.empty((len(self.feature_set.names), len(rows)))
        for place, row in enumerate(rows):
            if row is None:
                return None
            values[:, place] = row.values
        frame = pd.DataFrame(values.T, columns=pd.Index(self.feature_set.names, dtype="str"), copy=False)
        frame.insert(0, TS, pd.DatetimeIndex(np.full(len(rows), bar, dtype="datetime64[us]"), tz="UTC"))
        frame.insert(1, INSTRUMENT, pd.array(names, dtype="str"))
        return frame


def shelf_of(root: Path) -> Shelf | None:
    """The online store of a folder of data; None where its address is none, which the log tells."""
    try:
        return Shelf(open_store(root))
    except ConfigurationError as error:
        # A service that fails at start is only started again and again.
        logger.error("Features are computed, none are taken from a store: %s", error)
        return None
