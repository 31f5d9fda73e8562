"""A market is one entry: coins, which the product does not have, go from a delivery to features without other code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import pytest

from finq_predictor.adapters.quality.validator import SuiteValidator
from finq_predictor.domain.features import REGISTRY, left_out_features, select_features
from finq_predictor.domain.gold import InProcess
from finq_predictor.domain.market import MARKETS
from finq_predictor.domain.panel import build_panel
from finq_predictor.pipelines import features, ingestion, sentiment
from finq_predictor.pipelines.features.params import FeaturesParams
from finq_predictor.pipelines.ingestion.params import IngestionParams
from finq_predictor.pipelines.sentiment.params import SentimentParams
from synthetic_crypto import COINS, CRYPTO, coin_bars

ARTICLES = pd.DataFrame(
    {
        "symbol": ["BTC", "BTC-USD", "USD", "SOL"],
        "created_utc": [1_704_067_200, 1_704_070_800, 1_704_074_400, 1_704_078_000],
        "title": ["Bitcoin surges to a record", "Bitcoin rallies", "Dollar strengthens", "Solana surges"],
    }
)
# A coin that nobody trades here is written about every ten days: articles come in all the time.
DAYS = range(1_600_000_000, 1_800_000_000, 864_000)
LETTERS = pd.DataFrame({"symbol": "SOL", "title": [f"Solana holds {day}" for day in DAYS], "created_utc": DAYS})
MACRO = pd.DataFrame(
    {
        "series": ["rate_usd"] * 40,
        "period": pd.date_range("2022-01-01", periods=40, freq="MS"),
        "value": np.arange(40.0),
        "released_at": pd.date_range("2022-02-01", periods=40, freq="MS"),
    }
)


@pytest.fixture(scope="module", autouse=True)
def listed() -> Iterator[None]:
    with MARKETS.trial():
        MARKETS.add(CRYPTO.name, CRYPTO)
        yield


@pytest.fixture(scope="module")
def made(listed) -> dict[str, Any]:
    """Everything that the pipelines of the market make up to gold."""
    data: dict[str, Any] = {
        "source_bars": coin_bars().assign(_source="own:coins.csv#1"),
        "source_articles": pd.concat([ARTICLES, LETTERS], ignore_index=True).assign(_source="own:reddit.csv#1"),
        "source_macro": MACRO.assign(_source="own:macro.csv#1"),
        "params:ingestion": IngestionParams(),
        "params:sentiment": SentimentParams(),
        "params:features": FeaturesParams(),
        "clock": None,
        "engine": InProcess(),
    }
    for stage in (ingestion, sentiment, features):
        pipeline = __import__(f"{stage.__name__}.pipeline", fromlist=["create_pipeline"]).create_pipeline(CRYPTO)
        for received in [name for name in pipeline.inputs() if name.startswith("bronze_")]:
            data[received] = data[received.replace("bronze", "source")]
        for node in pipeline.nodes:
            data |= node.run({name: data[name] for name in node.inputs})
    return data


def test_bars_close_at_midnight_on_every_day_of_the_week(made):
    bars = made["silver_bars"]
    assert list(bars.columns) == list(CRYPTO.bars_table.names)
    assert sorted(bars["instrument"].unique()) == sorted(COINS)
    assert made["quarantine_bars"].empty
    assert (bars["ts"] == bars["ts"].dt.normalize()).all()
    assert bars["ts"].iloc[0] == pd.Timestamp("2023-01-02", tz="UTC")
    assert set(bars["ts"].dt.day_of_week) == set(range(7))


def test_nothing_asks_for_a_benchmark(made):
    assert not [name for name in made if "benchmark" in name]


@pytest.mark.parametrize("table", ["bars", "articles", "macro", "sentiment", "coverage"])
def test_the_suites_know_its_tables(made, table):
    silver = made[f"silver_{table}"]
    assert SuiteValidator("silver", CRYPTO.name, table).validate(silver) is silver


def test_the_suites_refuse_what_is_wrong(made):
    with pytest.raises(Exception, match="close"):
        SuiteValidator("silver", CRYPTO.name, "bars").validate(made["silver_bars"].assign(close=-1.0))


def test_news_about_a_coin_and_against_its_quote(made):
    counts = made["silver_sentiment"].groupby("instrument")["article_count"].sum()
    # The dollar is the quote of all of them; nobody trades SOL here.
    assert counts.to_dict() == {"BTC_USD": 3, "ETH_USD": 1, "DOGE_USD": 1, "1INCH_USD": 1}
    tone = made["silver_sentiment"].groupby("instrument")["tone_sum"].sum()
    assert tone["BTC_USD"] > 0 > tone["ETH_USD"]


def test_macro_series_are_not_differences(made):
    panel = build_panel(made["silver_bars"], CRYPTO, macro=made["silver_macro"])
    assert panel.fields["macro_rate_usd"].shape == (len(panel.ts), 1)
    assert "macro_rate" not in panel.fields


def test_features_are_those_that_daily_coins_can_have(made):
    names = set(made["gold"])
    assert {"ret_20", "vol_20", "turn_of_month", "news_tone_5", "macro_zscore_rate_usd"} <= names
    assert not {"spread_pct", "beta_60", "sector_ret_20", "asian_session", "ewma_short"} & names
    left_out = set(left_out_features(CRYPTO, ("close",)))
    assert not {"spread_pct", "beta_60", "sector_ret_20"} & left_out


def test_labels_are_the_direction_of_the_own_return(made):
    gold = made["gold"].dropna(subset=["label_7"])
    assert ((gold["forward_return_7"] > 0) == (gold["label_7"] == 1)).all()
    assert {"label_1", "label_7"} <= set(gold)


def test_a_market_only_adds_to_what_the_others_have():
    """Selecting for one market does not depend on which others there are."""
    fields = ("open", "high", "low", "close", "volume")
    for name, market in MARKETS.items():
        chosen = select_features(market, fields)
        assert all(REGISTRY[spec.name].suits(market) for spec in chosen), name
        assert {spec.market for spec in chosen} == {name}
