"""A restored folder of data is asked, and its answer held against what its own files say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from finq_predictor.adapters.snapshots.store import SnapshotStore
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.errors import StoreError
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.serving.answers import Served
from finq_predictor.serving.settings import Settings
from finq_predictor.serving.store import load_market

_TOLERANCE = 1e-9


def ask_restored(root: Path) -> list[str]:
    """Ask the champion of every market about its newest bar.

    Args:
        root: Folder of the data.

    Returns:
        A sentence for each market.

    Raises:
        StoreError: If none answers, or one says something else than it said when its predictions were published.
    """
    found = list(_each(root))
    if not found:
        raise StoreError(f"No market below {root.name} has a champion: nothing was restored that answers.")
    return found


def _each(root: Path) -> Iterator[str]:
    for market in sorted(MARKETS):
        store = SnapshotStore(root, market)
        if not store.pointer.exists() or not store.newest().has("champion"):
            continue
        served = load_market(Settings(data_root=root), MARKETS[market])
        answers = served.answers(served.predictor.newest)
        known = {name: one for name, one in answers.items() if one["probability"] is not None}
        if not known:
            yield f"{market}: {served.model['name']} version {served.model['version']} has no bar to answer from"
            continue
        name = max(known, key=lambda one: (known[one]["confidence"], one))
        same = _as_published(store, served)
        yield (
            f"{market}: {name} is answered with probability {known[name]['probability']:.6f} by {served.model['name']} "
            f"version {served.model['version']} from the bar of {known[name]['feature_ts']}{same}"
        )


def _as_published(store: SnapshotStore, served: Served) -> str:
    """That the answers are those of the published table, where that is of the same model and bar."""
    newest = store.newest()
    if not newest.has("predictions"):
        return ""
    table = pd.read_parquet(newest.path("predictions"))
    rows = table[(table[TS] == served.predictor.newest) & (table["version"] == served.model["version"])]
    answers = served.answers(served.predictor.newest)
    differences = [
        abs(answers[name]["probability"] - probability)
        for name, probability in zip(rows[INSTRUMENT], rows["probability"], strict=True)
        if name in answers and answers[name]["probability"] is not None and pd.notna(probability)
    ]
    if not differences:
        return ""
    if max(differences) > _TOLERANCE:
        raise StoreError(
            f"The restored model of {served.market.name} says something else than its published predictions, by up to "
            f"{max(differences):.2g}. The backup was made of other code or data; take another one."
        )
    return f", as {len(differences)} published predictions say"
