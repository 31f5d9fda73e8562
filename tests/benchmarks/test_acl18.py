"""The published task of ACL18 (Xu and Cohen, 2018): 87 stocks, the next day's move, small moves left out.

The published labels are made anew from the prices, and compared. Then the configured race is trained as it is, on all
that was known before the published test, and judged on it and on the 485 days that follow from there, quarter by
quarter; intervals count days, not rows, and accuracy within a day shows what is left when guessing the direction of all
stocks at once pays nothing. What is measured decides no test; that the labels are the published ones does.
"""

from __future__ import annotations

import logging
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.evaluation.scorecard import scorecard
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.modelling.search import Hyperparameters
from finq_predictor.domain.panel import build_panel
from finq_predictor.pipelines.features.nodes import build_gold
from finq_predictor.pipelines.training.nodes import walk_forward
from synthetic_worlds import Laboratory

PROJECT = Path(__file__).resolve().parents[2]
EQUITY = get_market("equity")
RISE, FALL = 0.0055, -0.005
TEST_FROM, TEST_TO, LAST = "2015-10-01", "2016-01-01", "2017-09-01"
PUBLISHED = {
    "StockNet (2018)": (58.2, 0.081),
    "Adv-ALSTM (2019)": (57.2, 0.148),
    "DTML (2021)": (58.1, 0.181),
    "SLOT (2023)": (58.7, 0.207),
}


def close_of(day: pd.Series) -> pd.Series:
    """When New York closes on a day."""
    local = pd.to_datetime(day).dt.tz_localize("America/New_York") + pd.Timedelta(hours=16)
    return local.dt.tz_convert("UTC").astype("datetime64[us, UTC]")


@pytest.fixture(scope="module")
def world(shared_data) -> dict[str, pd.DataFrame]:
    """Silver bars, the benchmark, and the moves from one close to the next with their labels."""
    folder = shared_data / "equities"
    prices = folder / "acl18_stocknet_prices_2012-09_2017-09.parquet"
    if not prices.is_file():
        pytest.skip("the prices of ACL18 are not in the research data")
    bars = pd.read_parquet(prices).rename(columns={"symbol": "instrument", "date": "ts"}).dropna()
    index = pd.read_csv(folder / "benchmark_sp500_index_2012-09_2018-02.csv.gz")
    index.columns = [name.lower() for name in index.columns]
    level = pd.DataFrame({"ts": close_of(index["date"]), "close": index["close"]})
    bars["ts"] = close_of(bars["ts"])
    bars = bars[bars["ts"].isin(level["ts"])].drop_duplicates(["ts", "instrument"])
    ordered = bars.sort_values(["instrument", "ts"])
    each = ordered.groupby("instrument")
    ahead = each["adj_close"].shift(-1) / ordered["adj_close"] - 1.0
    moves = ordered[["ts", "instrument"]].assign(
        move=ahead, known=each["ts"].shift(-1), label=np.select([ahead >= RISE, ahead <= FALL], [1.0, 0.0], np.nan)
    )
    published = pd.read_csv(folder / "acl18_published_labels_2014_2015.csv.gz")
    return {"bars": bars, "benchmark": level, "moves": moves, "published": published}


def test_the_published_labels_are_made_anew(world):
    moves = world["moves"].assign(day=world["moves"]["known"].dt.tz_convert("America/New_York").dt.strftime("%Y-%m-%d"))
    both = world["published"].merge(moves, left_on=["symbol", "date"], right_on=["instrument", "day"])
    agree = (both["label_x"] > 0) == (both["label_y"] == 1.0)
    print(f"\n{len(both):,} of {len(world['published']):,} published labels found, {agree.mean():.3%} the same")
    assert len(both) > 0.99 * len(world["published"])
    assert (agree & both["label_y"].notna()).mean() > 0.999


@pytest.mark.timeout(0)
def test_the_configured_race_on_it(world):
    laboratory = Laboratory(PROJECT, "equity")
    logging.disable(logging.INFO)
    from kedro.framework.session import KedroSession

    with KedroSession.create(PROJECT, env="base") as session:
        params = session.load_context().params["equity"]
    panel = build_panel(world["bars"], EQUITY, world["benchmark"])
    feature_set, gold = build_gold(panel, params["features"].model_copy(update={"horizons": (1,)}), market=EQUITY)
    moves = world["moves"].rename(columns={"move": "forward_return_1", "known": "label_end_1", "label": "label_1"})
    gold = gold.drop(columns=["forward_return_1", "label_1", "label_end_1"]).merge(moves, on=["ts", "instrument"])
    gold["label_end_1"] = gold["label_end_1"].astype("datetime64[us, UTC]")
    gold = gold.sort_values(["ts", "instrument"], ignore_index=True)
    training = laboratory.training.model_copy(update={"models": params["training"].models, "horizon": 1, "threads": 2})
    chosen = Hyperparameters({name: dict(config.params) for name, config in training.models.items()})
    folds = make_quarters(gold)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        said, _ = walk_forward(gold, feature_set, folds, chosen, training, market=EQUITY)
    said = said.dropna(subset=["label"])
    print(f"\n{'model':14s} {'test: accuracy':>30s} {'MCC':>24s} {'485 days: accuracy':>30s} {'MCC':>24s} within a day")
    for name, (accuracy, mcc) in PUBLISHED.items():
        print(f"{name:20s} {accuracy:24.1f} {mcc:24.3f}   as published, no interval")
    for model, rows in said.groupby("model"):
        test = rows[rows["fold"] == 1]
        cells = [shown(part, name) for part in (test, rows) for name in ("accuracy", "mcc")]
        print(
            f"{model:14s} {cells[0]:>30s} {cells[1]:>24s} {cells[2]:>30s} {cells[3]:>24s} "
            f"{shown(rows, 'within_day_auc')}"
        )
    logging.disable(logging.NOTSET)


def make_quarters(gold: pd.DataFrame) -> pd.DataFrame:
    """The published test as the first fold, then quarter by quarter; each is trained on all that was known before."""
    starts = [*pd.date_range(TEST_FROM, "2017-07-01", freq="QS", tz="UTC"), pd.Timestamp(LAST, tz="UTC")]
    rows = []
    for number, (start, end) in enumerate(pairwise(starts), start=1):
        before, block = gold["label_end_1"] < start, (gold["ts"] >= start) & (gold["ts"] < end)
        rows.append(
            {
                "fold": number,
                "train_start": gold["ts"].min(),
                "train_end": gold.loc[before, "ts"].max(),
                "label_end_max": gold.loc[before, "label_end_1"].max(),
                "purge_bars": 1,
                "embargo_bars": 0,
                "test_start": gold.loc[block, "ts"].min(),
                "test_end": gold.loc[block, "ts"].max(),
                "n_train": int(before.sum()),
                "n_test": int(block.sum()),
                "n_purged": 0,
                "sealed": False,
            }
        )
    return pd.DataFrame(rows)


def shown(rows: pd.DataFrame, metric: str) -> str:
    """A figure with its interval, from resampling whole days."""
    card = scorecard(rows, np.full(len(rows), 0.5), min_block=2.0, n_resamples=1000).set_index("metric").loc[metric]
    return f"{card['value']:.3f} ({card['ci_low']:.3f} to {card['ci_high']:.3f})"
