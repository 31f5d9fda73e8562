"""Small real markets: bars on disk as ingestion leaves them and a model fitted and exported as training does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.adapters.bundle_store import load_bundle, save_bundle
from finq_predictor.adapters.layout import Layout, locate
from finq_predictor.adapters.snapshots import writer
from finq_predictor.adapters.snapshots.store import path_of
from finq_predictor.domain.features import compute_features, make_feature_set, select_features
from finq_predictor.domain.labels import make_labels
from finq_predictor.domain.market.markets import MARKETS, Market
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.calibration import PlattCalibrator
from finq_predictor.domain.modelling.models import create_model
from finq_predictor.domain.modelling.training_profile import build_profile
from finq_predictor.domain.panel import Panel, build_panel
from synthetic_values import make_limits, make_origin, make_version

STOCKS = ("AAPL", "ABBV", "BRK.B", "GOOG", "MSFT", "NVDA", "ORCL", "TSLA")
PAIRS = ("AUD_USD", "EUR_USD", "GBP_USD", "USD_JPY")
NEWCOMER = "TSLA"
LEAVER = "ORCL"


def silver(market: Market, bars: int, seed: int, instruments: tuple[str, ...] | None = None) -> dict[str, pd.DataFrame]:
    """Silver tables of random walks; among stocks one enters late (few features) and one leaves early (stale)."""
    rng = np.random.default_rng(seed)
    names = instruments or (STOCKS if market.has_benchmark else PAIRS)
    ts = _times(market, bars)
    walk = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.012, (bars, len(names))), axis=0))
    frames = [_bars(market, ts, walk[:, column], name, rng) for column, name in enumerate(names)]
    table = pd.concat(frames)
    table = table[~((table["instrument"] == NEWCOMER) & (table["ts"] < ts[-3]))]
    table = table[~((table["instrument"] == LEAVER) & (table["ts"] > ts[-4]))]
    tables = {"bars": table.sort_values(["ts", "instrument"], ignore_index=True)}
    if market.has_benchmark:
        tables["benchmark"] = pd.DataFrame({"ts": ts, "close": walk.mean(axis=1), "known_at": ts})
    return tables


def _times(market: Market, bars: int) -> pd.DatetimeIndex:
    if market.has_benchmark:
        return (pd.bdate_range("2021-01-04", periods=bars, tz="UTC") + pd.Timedelta(hours=21)).as_unit("us")
    return pd.date_range("2024-01-02T01:00", periods=bars, freq="h", tz="UTC").as_unit("us")


def _bars(market: Market, ts: pd.DatetimeIndex, close: np.ndarray, name: str, rng: Any) -> pd.DataFrame:
    spread = 1.0 + np.abs(rng.normal(0.0, 0.004, (2, len(ts))))
    start = close * (1.0 + rng.normal(0.0, 0.002, len(ts)))
    frame = pd.DataFrame(
        {
            "instrument": name,
            "ts": ts,
            "open": start,
            "high": np.maximum(start, close) * spread[0],
            "low": np.minimum(start, close) / spread[1],
            "close": close,
            "volume": rng.integers(10_000, 90_000, len(ts)).astype(float),
            "known_at": ts,
        }
    )
    if market.has_benchmark:
        return frame.assign(adj_close=close)
    for side, factor in (("bid", 0.9999), ("ask", 1.0001)):
        for part in ("open", "high", "low", "close"):
            frame[f"{side}_{part}"] = frame[part] * factor
    return frame


def panel_of(market: Market, tables: dict[str, pd.DataFrame]) -> Panel:
    """The panel of silver tables."""
    return build_panel(tables["bars"], market, benchmark=tables.get("benchmark"))


def train(market: Market, panel: Panel, model: str = "logistic", seed: int = 0, **registered: Any) -> ModelBundle:
    """Fit a real model on all labelled rows of a panel."""
    feature_set = make_feature_set(select_features(market, panel.available))
    features = compute_features(panel, feature_set)
    rows = features.merge(make_labels(panel, market, (market.horizon,)), on=["ts", "instrument"])
    rows = rows[rows[f"label_{market.horizon}"].notna()]
    # As gold keeps them and training reads them.
    X, y = rows[list(feature_set.names)].astype("float32"), rows[f"label_{market.horizon}"].to_numpy()
    fitted = create_model(model).fit(X, y, seed=seed)
    score = fitted.predict_score(X)
    calibrator = PlattCalibrator().fit(score, y)
    return ModelBundle(
        market=market.name,
        name=model,
        horizon=market.horizon,
        feature_set=feature_set,
        model=fitted,
        calibrator=calibrator,
        **make_limits(X, y, calibrator.transform(score)),
        profile=build_profile(X, y, calibrator.transform(score)),
        origin=make_origin(
            seed=seed,
            kind=fitted.kind,
            params=fitted.params,
            trained_to=rows["ts"].max().isoformat(),
            registered=make_version(**registered),
        ),
    )


def write_silver(root: Path, market: Market, tables: dict[str, pd.DataFrame]) -> None:
    """Write silver tables where the catalog puts them."""
    for name, table in tables.items():
        writer.store(locate(Layout(root).silver(market.name, name)), table.to_parquet)


def build(
    root: Path, market: str, *, bars: int = 330, seed: int = 7, model: str = "logistic", **registered: Any
) -> None:
    """Make one market under a data root: silver tables and an exported champion."""
    described = MARKETS[market]
    tables = silver(described, bars, seed)
    write_silver(root, described, tables)
    crown(root, train(described, panel_of(described, tables), model, **registered))


def crown(root: Path, bundle: ModelBundle) -> None:
    """Export a bundle as the champion of its market."""
    writer.store(locate(Layout(root).champion(bundle.market)), lambda folder: save_bundle(bundle, folder))


def champion(root: Path, market: str) -> ModelBundle:
    """The champion that was exported last."""
    return load_bundle(path_of(root, market, "champion"))
