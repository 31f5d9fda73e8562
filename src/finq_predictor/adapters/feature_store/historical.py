"""Features at past moments, out of gold as it was published last."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from finq_predictor.adapters.layout import how_to_make
from finq_predictor.adapters.snapshots.store import Snapshot, SnapshotStore
from finq_predictor.adapters.typed_json import from_json
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.features import FeatureSet
from finq_predictor.domain.features.history import History, as_of
from finq_predictor.domain.features.views import require_features
from finq_predictor.domain.ingestion.provenance import Provenance
from finq_predictor.domain.market.markets import Market


def historical(root: Path, market: Market, entities: pd.DataFrame, features: Collection[str] | None = None) -> History:
    """Join features onto moments of the past, as they were known then.

    Args:
        root: Folder of the data.
        market: The market.
        entities: ``instrument, ts`` (UTC) and whatever else.
        features: Which features; None is all of them.

    Raises:
        StoreError: If there is no gold of the market; names the pipeline which makes it.
        DataError: If a column is missing, or a moment is missing or has no zone.
        UnknownNameError: If there is no such feature; near misses are suggested.
    """
    snapshot = SnapshotStore(root, market.name).newest()
    feature_set = feature_set_of(snapshot)
    names = require_features(feature_set, features)
    gold = pd.read_parquet(snapshot.path("gold"), columns=[TS, INSTRUMENT, *names])
    return as_of(entities, gold, feature_set, names)


def feature_set_of(snapshot: Snapshot) -> FeatureSet:
    """What the gold of a snapshot holds.

    Raises:
        StoreError: If there is none; names the pipeline which makes it.
    """
    described = snapshot.path("feature_set")
    return from_json(FeatureSet, described.read_bytes(), described, how_to_make(described))


def is_made_up(snapshot: Snapshot) -> bool:
    """Whether the data of a snapshot are simulated: such a market stands at its newest bar, whatever the clock says."""
    if not snapshot.has("provenance"):
        return False
    place = snapshot.path("provenance")
    return from_json(Provenance, place.read_bytes(), place, how_to_make(place)).simulated
