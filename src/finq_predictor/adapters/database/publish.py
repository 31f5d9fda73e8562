"""Put what a snapshot says into the shared database: predictions, what became of them, what they rest on, decisions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from pyarrow.dataset import dataset
from sqlalchemy import Connection, Engine, func, select, text

from finq_predictor.adapters.bundle_store import load_bundle
from finq_predictor.adapters.database.engine import require_newest, working
from finq_predictor.adapters.database.partitions import make_partitions
from finq_predictor.adapters.database.rows import insert_new, insert_revisions
from finq_predictor.adapters.database.schema import LIMITS, audit_events, feature_values, outcomes, predictions
from finq_predictor.adapters.snapshots.store import Snapshot
from finq_predictor.adapters.snapshots.writer import one_snapshot
from finq_predictor.adapters.typed_json import from_json, plain
from finq_predictor.domain.columns import INSTRUMENT, TS, forward_return, label, label_end
from finq_predictor.domain.errors import StoreError
from finq_predictor.domain.promotion.decision import Decision

if TYPE_CHECKING:
    from finq_predictor.domain.modelling.bundle import ModelBundle


@dataclass(frozen=True)
class Published:
    """How many rows were new.

    Attributes:
        snapshot: Id of the snapshot that they come from.
        predictions: What the champion says of the last bars.
        outcomes: What became of predictions that are in the database, and revisions of it.
        feature_values: What the predictions were made from.
        audit_events: Decisions about models.
    """

    snapshot: str
    predictions: int
    outcomes: int
    feature_values: int
    audit_events: int


def publish(engine: Engine, root: Path, market: str) -> Published:
    """Publish the newest snapshot of a market; what is there already is not written again.

    Several may publish at once: one market is written by one at a time, all of a snapshot or nothing of it.

    Args:
        engine: The database, at the newest step.
        root: Folder of the data.
        market: Name of the market.

    Raises:
        StoreError: If the market has no predictions, or the database stands elsewhere or holds other values under the
            same snapshot.
    """
    require_newest(engine)
    with one_snapshot(root, market) as snapshot:
        bundle = load_bundle(snapshot.path("champion"))
        said = _predictions(snapshot, bundle)
        gold = _gold(snapshot, bundle)
        if said.empty:
            raise StoreError(f"The champion of {market} says nothing of any bar; there is nothing to publish.")
        with working(engine) as connection:
            since = min(said["ts"].min(), _first(connection, market) or said["ts"].min())
        # In a transaction that has read nothing: who makes a month waits for all who look at its table.
        with working(engine) as connection:
            make_partitions(connection, since.to_pydatetime(), said["ts"].max().to_pydatetime())
        with working(engine) as connection:
            _hold_market(connection, market)
            return Published(
                snapshot=snapshot.id,
                predictions=insert_new(connection, predictions, said, later=LIMITS),
                outcomes=insert_revisions(connection, outcomes, _outcomes(snapshot, bundle, gold, since)),
                feature_values=insert_new(connection, feature_values, _features(snapshot, bundle, gold, said)),
                audit_events=insert_new(connection, audit_events, _decisions(snapshot)),
            )


def _predictions(snapshot: Snapshot, bundle: ModelBundle) -> pd.DataFrame:
    return pd.read_parquet(snapshot.path("predictions")).assign(
        snapshot=snapshot.id,
        market=snapshot.manifest.market,
        horizon=bundle.horizon,
        published_at=_published_at(snapshot),
    )


def _gold(snapshot: Snapshot, bundle: ModelBundle) -> pd.DataFrame:
    horizon, path = bundle.horizon, snapshot.path("gold")
    # It may be a folder of parts.
    there = set(dataset(path, format="parquet").schema.names)
    wanted = [TS, INSTRUMENT, forward_return(horizon), label(horizon), label_end(horizon), *bundle.feature_set.names]
    return pd.read_parquet(path, columns=[name for name in wanted if name in there])


def _outcomes(snapshot: Snapshot, bundle: ModelBundle, gold: pd.DataFrame, since: pd.Timestamp) -> pd.DataFrame:
    """What is known of the rows from the first prediction on; a row whose outcome is still open is left out."""
    horizon = bundle.horizon
    names = {forward_return(horizon): "forward_return", label(horizon): "label", label_end(horizon): "known_at"}
    known = gold.rename(columns=names)[[TS, INSTRUMENT, *names.values()]]
    known = known[(known[TS] >= since) & known["forward_return"].notna() & known["known_at"].notna()]
    return known.assign(
        market=snapshot.manifest.market,
        horizon=horizon,
        snapshot=snapshot.id,
        recorded_at=_published_at(snapshot),
    )


def _features(snapshot: Snapshot, bundle: ModelBundle, gold: pd.DataFrame, said: pd.DataFrame) -> pd.DataFrame:
    """The features of the champion in the rows that it spoke about, one value a row."""
    rows = said[[TS, INSTRUMENT]].merge(gold, on=[TS, INSTRUMENT])
    names = [name for name in bundle.feature_set.names if name in rows]
    long = rows.melt(id_vars=[TS, INSTRUMENT], value_vars=names, var_name="feature", value_name="value")
    return long.astype({"value": "float64"}).assign(snapshot=snapshot.id, market=snapshot.manifest.market)


def _decisions(snapshot: Snapshot) -> pd.DataFrame:
    if not snapshot.has("promotion"):
        return pd.DataFrame(columns=audit_events.c.keys())
    path = snapshot.path("promotion")
    decision = from_json(Decision, path.read_bytes(), path, "Decide again: kedro run --pipelines=evaluation")
    entry = snapshot.manifest.entries["promotion"]
    event: dict[str, Any] = {
        # The same decision in a later snapshot is the same event.
        "id": sha256(f"{snapshot.manifest.market} {entry.content} {entry.made_at}".encode()).hexdigest(),
        "at": pd.Timestamp(entry.made_at).tz_convert("UTC"),
        "market": snapshot.manifest.market,
        "kind": "promotion",
        "subject": decision.candidate,
        "verdict": decision.decision.value,
        "reason": decision.reason,
        "details": json.dumps(plain(decision), sort_keys=True),
    }
    return pd.DataFrame([event])


def _published_at(snapshot: Snapshot) -> pd.Timestamp:
    return pd.Timestamp(snapshot.manifest.published_at).tz_convert("UTC")


def _first(connection: Connection, market: str) -> pd.Timestamp | None:
    found = connection.execute(select(func.min(predictions.c.ts)).where(predictions.c.market == market)).scalar_one()
    return None if found is None else pd.Timestamp(found)


def _hold_market(connection: Connection, market: str) -> None:
    """Be the only one that publishes a market until the transaction ends; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(hashtext(:name))"), {"name": f"finq {market}"})
