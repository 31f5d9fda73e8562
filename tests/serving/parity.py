"""Replays recorded bars through HTTP and compares with the batch path of training, on any data root."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.adapters.bundle_store import load_bundle
from finq_predictor.adapters.silver import read_panel
from finq_predictor.adapters.snapshots.store import SnapshotStore, path_of
from finq_predictor.domain.features import compute_features
from finq_predictor.domain.market.markets import MARKETS

TOLERANCE = 1e-9
Post = Callable[[str, dict[str, Any]], dict[str, Any]]


def batch_predictions(root: Path, market: str, last_bars: int) -> pd.DataFrame:
    """Predictions of the exported champion on the features of the whole history, as the pipelines compute them."""
    bundle = load_bundle(path_of(root, market, "champion"))
    panel = read_panel(SnapshotStore(root, market).newest(), MARKETS[market])
    gold = compute_features(panel, bundle.feature_set)
    return bundle.predict(gold[gold["ts"].isin(panel.ts[-last_bars:])].reset_index(drop=True))


def replay(post: Post, market: str, bars: pd.DatetimeIndex) -> pd.DataFrame:
    """Ask for all instruments of a market at each bar.

    Args:
        post: Sends a body to a route and returns the answer, raising for anything but 200.
        market: The market.
        bars: The bars.

    Returns:
        One row per answer with a probability: ts, instrument, probability.
    """
    body = {"market": market, "prediction_dates": [ts.isoformat() for ts in bars]}
    answers = post("/batch_predict", body)["predictions"]
    frame = pd.DataFrame(answers)[["feature_ts", "instrument", "probability"]].dropna(subset="probability")
    return frame.assign(ts=pd.to_datetime(frame["feature_ts"], utc=True).dt.as_unit("us")).drop(columns="feature_ts")


def largest_difference(post: Post, root: Path, market: str, last_bars: int = 5) -> float:
    """Largest difference between HTTP and batch over the last bars.

    Raises:
        AssertionError: If the two do not answer for the same instruments at the same bars.
    """
    batch = batch_predictions(root, market, last_bars)
    served = replay(post, market, pd.DatetimeIndex(batch["ts"].unique()))
    both = batch.merge(served, on=["ts", "instrument"], how="outer", suffixes=("_batch", "_http"), indicator=True)
    lonely = both[both["_merge"] != "both"]
    assert lonely.empty, f"answered on one side only:\n{lonely.head()}"
    return float(np.max(np.abs(both["probability_batch"] - both["probability_http"])))
