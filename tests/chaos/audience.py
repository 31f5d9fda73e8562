"""Clients that never stop asking while everything goes wrong, and what they were told."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pandas as pd

from finq_predictor.adapters.bundle_store import load_bundle
from finq_predictor.adapters.silver import read_panel
from finq_predictor.adapters.snapshots.store import SnapshotStore
from finq_predictor.domain.errors import FinqError
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.modelling.prediction import Predictor
from serving.servers import UVICORN, serving

DELIVERED = ("silver_bars", "silver_benchmark", "silver_articles", "silver_macro", "provenance")
TOLERANCE = 1e-9


@dataclass
class Audience:
    """What was asked and answered.

    Attributes:
        root: Folder of the data that is served.
        deliveries: Hashes of what belongs to one delivery, by market: the ways in which tables may lie together.
        statuses: Answers by status and, where it was no answer, by the beginning of its reason.
        wrong: What should not have been said, in a sentence each.
        checked: Snapshots whose answers were computed anew from their files, and were the same.
        unseen: Snapshots that were no longer kept when their answers should have been computed anew.
    """

    root: Path
    deliveries: dict[str, list[dict[str, str]]]
    statuses: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    checked: int = 0
    unseen: int = 0
    _known: dict[tuple[str, str], dict[str, float | None]] = field(default_factory=dict)

    def hear(self, market: str, status: int, body: dict[str, Any]) -> None:
        """Judge one answer."""
        if status == 503:
            reason = str(body.get("error", {}).get("message", body))
            self.statuses[f"503 {reason[:60]}"] += 1
            return
        self.statuses[str(status)] += 1
        if status != 200:
            self.wrong.append(f"{market}: status {status}, {body}")
            return
        snapshots = {one["snapshot"] for one in body["ranking"]}
        if len(snapshots) != 1:
            self.wrong.append(f"{market}: one answer is from {sorted(snapshots)}")
            return
        snapshot, said = snapshots.pop(), {one["instrument"]: one["probability"] for one in body["ranking"]}
        known = self._known.get((market, snapshot))
        if known is None:
            known = self._known[market, snapshot] = self._computed(market, snapshot, body["feature_ts"]) or said
        if not _same(known, said):
            self.wrong.append(f"{market}: the answers of {snapshot} are not those of its files")

    def _computed(self, market: str, name: str, bar: str) -> dict[str, float | None] | None:
        """The probabilities that follow from the files of a snapshot; None where it is kept no more."""
        try:
            snapshot = SnapshotStore(self.root, market).open(name)
            entries = snapshot.manifest.entries
            held = {dataset: entries[dataset].content for dataset in DELIVERED if dataset in entries}
            predictor = Predictor(load_bundle(snapshot.path("champion")), read_panel(snapshot, MARKETS[market]))
        except (FinqError, OSError):
            self.unseen += 1
            return None
        if held not in self.deliveries[market]:
            self.wrong.append(f"{market}: snapshot {name} mixes deliveries")
        table = predictor.predict_at(pd.Timestamp(bar))
        self.checked += 1
        probabilities = [None if pd.isna(value) else float(value) for value in table["probability"]]
        return dict(zip(table["instrument"], probabilities, strict=True))


def _same(known: dict[str, float | None], said: dict[str, float | None]) -> bool:
    def close(one: float | None, other: float | None) -> bool:
        return one is other if one is None or other is None else abs(one - other) <= TOLERANCE

    return all(name in known and close(known[name], value) for name, value in said.items())


@contextmanager
def audience(root: Path, folder: Path, deliveries: dict[str, list[dict[str, str]]], pause: float) -> Iterator[Audience]:
    """Serve a folder of data, and ask for every market again and again."""
    told = Audience(root, deliveries)
    settings = {"FINQ_DATA_ROOT": str(root), "FINQ_POLL_SECONDS": "0.2"}
    over = threading.Event()

    def ask(url: str) -> None:
        with httpx.Client(base_url=url, timeout=30.0) as client:
            while not over.is_set():
                for market in deliveries:
                    answer = client.get("/ranking", params={"market": market})
                    told.hear(market, answer.status_code, answer.json())
                time.sleep(pause)

    with serving(UVICORN, folder, wait_for="/health", ready=(200, 503), **settings) as url:
        client = threading.Thread(target=ask, args=(url,), name="audience")
        client.start()
        try:
            yield told
        finally:
            over.set()
            client.join()
