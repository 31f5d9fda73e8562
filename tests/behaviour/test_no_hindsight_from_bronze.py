"""From deliveries to predictions: what became known later changes no bit of what was said before.

A small world of each market is made twice by the nodes of the pipelines; the second time all that was received after
a moment in the middle of a test block is noise. Folds and parameters of the models are those of the first.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from finq_predictor.adapters.sources.simulated import SimulatedSource
from finq_predictor.domain.columns import KNOWN_AT, OHLC, TS, label_end
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.pipelines.features.nodes import build_gold
from finq_predictor.pipelines.training import nodes as training
from finq_predictor.pipelines.training.params import ModelConfig, TrainingParams
from finq_predictor.replay.history import History
from finq_predictor.replay.walk import KEYS
from synthetic_worlds import TREES, Laboratory

SIZES: dict[str, dict[str, Any]] = {
    "equity": {"instruments": 22, "years": 2.5, "articles_per_year": 20.0},
    "fx": {"years": 0.3, "articles_per_year": 20.0},
}
SAID = ["model", "ts", "instrument", "score", "probability"]
PRICES = [f"{side}{part}" for side in ("", "mid_", "bid_", "ask_") for part in OHLC] + ["adj_close"]
MODELS = {
    "base_rate": ModelConfig(),
    "logistic": ModelConfig(params={"C": 0.001}),
    "xgboost": ModelConfig(params=TREES | {"n_estimators": 10, "min_child_weight": 20}),
}


@dataclass(frozen=True)
class World:
    """What is made of the deliveries of a market."""

    silver: dict[str, pd.DataFrame]
    feature_set: Any
    gold: pd.DataFrame


@dataclass(frozen=True)
class Made:
    """A world, and what is needed to make it again."""

    laboratory: Laboratory
    params: TrainingParams
    history: History
    world: World
    folds: pd.DataFrame
    said: pd.DataFrame


@pytest.fixture(scope="module", params=sorted(MARKETS))
def made(request: pytest.FixtureRequest, project_path: Path) -> Made:
    laboratory = Laboratory(project_path, request.param, SIZES[request.param])
    stages, market = laboratory.stages, laboratory.market
    # Noise may well be set aside row by row; that so much of it is, and what is missing then, must not stop the run.
    limits = replace(stages.ingestion.gates, max_quarantine_share=1.0, min_bar_share=0.0, max_stale_share=1.0)
    laboratory.stages = replace(stages, ingestion=stages.ingestion.model_copy(update={"gates": limits}))
    params = laboratory.training.model_copy(update={"models": MODELS, "n_folds": 2, "min_train_fraction": 0.6})
    options = {"preset": "easy", "seed": 5, **laboratory.size}
    bronze = {table: SimulatedSource(market.name, table, **options).read() for table in market.source_tables}
    history = History.of(market, bronze, laboratory.stages.ingestion.rules(market))
    world = live(laboratory, bronze)
    folds = training.make_folds(world.gold, world.feature_set, params, market=market)
    return Made(laboratory, params, history, world, folds, speak(world, folds, params, laboratory))


def live(laboratory: Laboratory, bronze: dict[str, pd.DataFrame]) -> World:
    silver = laboratory.stages.silver(bronze)
    return World(silver, *build_gold(laboratory.stages.panel(silver), laboratory.features, market=laboratory.market))


def speak(world: World, folds: pd.DataFrame, params: TrainingParams, laboratory: Laboratory) -> pd.DataFrame:
    chosen = training.Hyperparameters({name: dict(config.params) for name, config in params.models.items()})
    parts = training.walk_forward(world.gold, world.feature_set, folds, chosen, params, market=laboratory.market)
    return pd.concat([part[SAID] for part in parts]).sort_values(SAID[:3], ignore_index=True)


def noisy(table: pd.DataFrame, later: np.ndarray) -> pd.DataFrame:
    """Other prices, each bar in itself possible; a thousandfold volume and other releases; articles never come."""
    rng = np.random.default_rng(0)
    if "article_id" in table:
        return table[~later]
    factor = np.where(later, np.exp(rng.normal(0.0, 0.3, len(table))), 1.0)
    names = [name for name in table if str(name).lower() in PRICES]
    changed = table.assign(**{str(name): table[name] * factor for name in names})
    for name in ("volume", "value"):
        if name in table:
            noise = 1e3 * (1.0 + np.abs(rng.standard_normal(len(table))))
            changed[name] = table[name].astype("float64").mask(later, pd.Series(noise, table.index))
    return changed


@pytest.mark.slow
@pytest.mark.parametrize("block", [0, 1], ids=["first", "sealed"])
def test_noise_that_is_delivered_later_changes_nothing_from_silver_to_the_predictions(made: Made, block: int):
    market, history = made.laboratory.market, made.history
    fold = made.folds.iloc[block]
    times = made.world.gold[TS].drop_duplicates()
    block_times = times[times.between(fold["test_start"], fold["test_end"])]
    ts = block_times.iloc[len(block_times) // 2]
    moment = history.decision_of(ts)
    bronze = {table: noisy(raw, (history.known[table] > moment).to_numpy()) for table, raw in history.bronze.items()}
    again = live(made.laboratory, bronze)
    for table, keys in KEYS.items():
        if table in made.world.silver:
            until = moment if keys[0] == KNOWN_AT else ts
            before, after = (
                world.silver[table]
                .loc[lambda rows, key=keys[0], end=until: rows[key] <= end]
                .sort_values(list(keys), ignore_index=True)
                for world in (made.world, again)
            )
            pd.testing.assert_frame_equal(before, after, check_exact=True, obj=f"silver {table}")
    # The share of rows on which a feature is known is that of the whole history: compared is what both have.
    common = [name for name in made.world.gold if name in again.gold]
    assert set(made.world.feature_set.names) <= set(common)
    horizon = made.params.horizon or market.horizon
    features = [name for name in common if not name.startswith(("label_", "forward_return_"))]
    before, after = (
        world.gold.loc[world.gold[TS] <= ts, features].reset_index(drop=True) for world in (made.world, again)
    )
    pd.testing.assert_frame_equal(before, after, check_exact=True, obj="features")
    outcome = [name for name in common if name.endswith(f"_{horizon}") and name not in features]
    before, after = (
        world.gold.loc[world.gold[label_end(horizon)] <= ts, ["ts", "instrument", *outcome]].reset_index(drop=True)
        for world in (made.world, again)
    )
    pd.testing.assert_frame_equal(before, after, check_exact=True, obj="labels")
    asked = World(again.silver, made.world.feature_set, again.gold)
    said = speak(asked, made.folds, made.params, made.laboratory)
    before, after = (table[table["ts"] <= ts].reset_index(drop=True) for table in (made.said, said))
    assert (before["ts"] >= fold["test_start"]).any()
    pd.testing.assert_frame_equal(before, after, check_exact=True, obj="predictions")
    later = [table.loc[table["ts"] > ts, "score"].reset_index(drop=True) for table in (made.said, said)]
    assert not later[0].equals(later[1]), "the noise came"
