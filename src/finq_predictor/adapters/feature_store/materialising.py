"""Bring an online store up to the newest bars: only what is not there as it should be is written."""

from __future__ import annotations

import logging
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from finq_predictor.adapters.feature_store.historical import feature_set_of
from finq_predictor.adapters.feature_store.marks import data_mark
from finq_predictor.adapters.feature_store.sqlite import DamagedStoreError, SqliteStore
from finq_predictor.adapters.feature_store.stored import OnlineStore, Place, Standing
from finq_predictor.adapters.silver import read_panel
from finq_predictor.adapters.snapshots.store import SnapshotStore
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.features.views import ONLINE_BARS, LatestFeatures, latest_features
from finq_predictor.domain.market.markets import Market

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Materialised:
    """What a materialisation did.

    Attributes:
        market: Name of the market.
        bars: Bars that are held now.
        rows: Rows of them.
        written: Rows that were not there, or other ones.
        removed: Rows that are not wanted any more.
    """

    market: str
    bars: int
    rows: int
    written: int
    removed: int

    def __str__(self) -> str:
        """As a log tells it."""
        return (
            f"{self.market}: {self.bars} bars, {self.rows} rows at hand; {self.written} written, {self.removed} removed"
        )


def materialise(store: OnlineStore, latest: LatestFeatures, data: str, now: pd.Timestamp) -> Materialised:
    """Let a store hold the newest bars of a market, and nothing else of it.

    A row that is there with the same values stays as it is. Bars that left the window go; so do all rows of another
    feature set.

    Args:
        store: Where to.
        latest: The newest bars, every row of each.
        data: Mark of what they were computed from, see :func:`~finq_predictor.adapters.feature_store.marks.data_mark`.
        now: The moment, for the record.

    Raises:
        StoreError: If the store does not answer; what was there before is still there.
    """
    market = latest.feature_set.market
    try:
        before, held = store.standing(market), store.everything(market)
    except DamagedStoreError as error:
        logger.warning("%s It is made anew.", error)
        assert isinstance(store, SqliteStore)
        store.put_aside()
        before, held = None, {}
    created = pd.Timestamp(now).value // 1000
    table = latest.table
    bars = pd.DatetimeIndex(table[TS]).as_unit("us").asi8
    names = table[INSTRUMENT].astype(object).tolist()
    values = table[list(latest.feature_set.names)].to_numpy(dtype=np.float64)
    counts = Counter(bars.tolist())
    standing = Standing(
        market,
        latest.feature_set,
        data,
        {bar: counts[bar] for bar in sorted(counts)},
        {name: int(bar) for bar, name in zip(bars, names, strict=True)},
        created,
    )
    packer = standing.packer(store.key)
    changed: dict[Place, bytes] = {}
    for bar, name, row in zip(bars.tolist(), names, values, strict=True):
        old = held.get((bar, name))
        known = None if old is None else packer.unpack(name, bar, old)
        if known is None or known.values.tobytes() != row.tobytes():
            changed[bar, name] = packer.pack(name, bar, created, row)
    wanted = set(zip(bars.tolist(), names, strict=True))
    gone = [place for place in held if place not in wanted]
    if changed or gone or before is None or _facts(before) != _facts(standing):
        store.put(standing, changed, gone)
    return Materialised(market, len(counts), len(table), len(changed), len(gone))


def materialise_newest(
    root: Path, market: Market, store: OnlineStore, now: pd.Timestamp, bars: int = ONLINE_BARS
) -> Materialised:
    """The same for what was published last below a folder of data.

    Args:
        root: Folder of the data.
        market: The market.
        store: Where to.
        now: The moment, for the record.
        bars: How many of the newest bars.

    Raises:
        StoreError: If there is no gold, or the store does not answer.
        FeatureSetMismatchError: If the features are defined differently now than when gold was made.
    """
    snapshot = SnapshotStore(root, market.name).newest()
    feature_set = feature_set_of(snapshot)
    feature_set.verify()
    latest = latest_features(read_panel(snapshot, market), feature_set, bars)
    return materialise(store, latest, data_mark(snapshot, market), now)


def _facts(standing: Standing) -> tuple[object, ...]:
    """What a standing says but for when it was written."""
    return standing.feature_set, standing.data, standing.bars, standing.newest
