"""From silver tables to gold, through Kedro and node by node."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import yaml
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from pydantic import ValidationError

from finq_predictor.adapters.datasets.engine import EngineDataset
from finq_predictor.domain.errors import UnknownNameError
from finq_predictor.domain.market.markets import MARKETS, Market
from finq_predictor.domain.tables import SILVER_MEMBERSHIP
from finq_predictor.pipelines.features.nodes import assemble_panel, build_gold
from finq_predictor.pipelines.features.params import FeaturesParams
from finq_predictor.pipelines.features.pipeline import create_pipeline

BARS = 300


@pytest.fixture(scope="module", params=sorted(MARKETS))
def market(request: pytest.FixtureRequest) -> Market:
    return MARKETS[request.param]


@pytest.fixture(scope="module")
def silver(market: Market) -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(1)
    step = pd.Timedelta(minutes=market.bar_minutes)
    ts = pd.DatetimeIndex([pd.Timestamp("2021-01-04 21:00", tz="UTC") + i * step for i in range(BARS)]).as_unit("us")
    rows = []
    for name in ("EUR_USD", "GBP_USD", "USD_JPY", "AUD_USD"):
        close = np.exp(np.cumsum(rng.normal(0, 0.01, BARS)))
        spread = np.abs(rng.normal(0, 0.004, BARS))
        prices = {"open": close, "high": close * (1 + spread), "low": close * (1 - spread), "close": close}
        rows.append(pd.DataFrame({"ts": ts, "instrument": name, **prices, "volume": rng.uniform(1e5, 1e6, BARS)}))
    bars = pd.concat(rows).sort_values(["ts", "instrument"], ignore_index=True)
    sentiment = bars.loc[::7, ["ts", "instrument"]].assign(tone_sum=0.4, article_count=1).reset_index(drop=True)
    macro = pd.DataFrame(
        {
            "series": "policy",
            "period": pd.date_range("2019-01-01", periods=30, freq="MS"),
            "value": rng.normal(size=30),
            "known_at": ts[0] + np.arange(30) * 8 * step,
        }
    )
    coverage = pd.DataFrame({"ts": ts, "newest": ts, "complete": True})
    tables = {
        "silver_bars": bars,
        "silver_sentiment": sentiment,
        "silver_coverage": coverage,
        "silver_macro": macro,
    }
    if market.has_benchmark:
        tables["silver_benchmark"] = pd.DataFrame({"ts": ts, "close": np.exp(np.cumsum(rng.normal(0, 0.01, BARS)))})
    if "membership" in market.source_tables:
        tables["silver_membership"] = SILVER_MEMBERSHIP.empty()
    return tables


@pytest.fixture(scope="module")
def made(market, silver):
    catalog = DataCatalog({name: MemoryDataset(table) for name, table in silver.items()})
    catalog["params:features"] = MemoryDataset(FeaturesParams())
    catalog["engine"] = EngineDataset()
    result = SequentialRunner().run(create_pipeline(market), catalog)
    loaded = {name: dataset.load() for name, dataset in result.items()}
    return loaded | {"feature_set": loaded["online_features"].feature_set}


def test_the_newest_bars_are_kept_as_they_are_served(market, made):
    """Gold holds the same rounded, as models read it."""
    latest, gold = made["online_features"], made["gold"]
    assert latest.table["ts"].nunique() == FeaturesParams().online_bars
    last = gold[gold["ts"] >= latest.table["ts"].min()].reset_index(drop=True)
    rounded = latest.table.astype(dict.fromkeys(latest.feature_set.names, "float32"))
    pd.testing.assert_frame_equal(rounded, last[list(rounded.columns)], check_exact=True)


def test_gold_has_features_labels_and_every_bar(market, silver, made):
    feature_set, gold = made["feature_set"], made["gold"]
    feature_set.verify()
    expected = ["ts", "instrument", *feature_set.names]
    for h in market.horizons:
        expected += [f"forward_return_{h}", f"label_{h}", f"label_end_{h}"]
    assert list(gold.columns) == expected
    assert len(gold) == len(silver["silver_bars"])
    assert len(feature_set.names) > 100
    assert gold["label_1"].isna().sum() == 4 * (1 + market.entry_lag)
    assert gold[["ts", "instrument"]].equals(silver["silver_bars"][["ts", "instrument"]])


def test_gold_has_no_column_without_values(market, made):
    gold = made["gold"]
    assert gold.notna().any().all()
    if market.name == "equity":
        # Sectors were not delivered; quotes it cannot have.
        assert {"spread_pct", "sector_ret_20"} & set(made["feature_set"].left_out) == {"sector_ret_20"}


def test_a_short_history_leaves_long_features_out(market, silver):
    tables = {name.removeprefix("silver_"): table for name, table in silver.items()}
    tables["bars"] = tables["bars"].iloc[: 4 * 40]
    panel = assemble_panel(**tables, market=market)
    feature_set, gold = build_gold(panel, FeaturesParams(horizons=(1,)), market=market)
    assert "ret_250" in feature_set.left_out
    assert "ret_250" not in gold
    assert feature_set.lookback < 250
    feature_set.verify()


def test_empty_news_and_macro_are_no_inputs(market, silver):
    tables = {name.removeprefix("silver_"): table for name, table in silver.items()}
    tables |= {name: tables[name].iloc[:0] for name in ("sentiment", "coverage", "macro")}
    panel = assemble_panel(**tables, market=market)
    feature_set, _ = build_gold(panel, FeaturesParams(families=("news", "momentum", "macro")), market=market)
    assert not any(name.startswith(("news", "macro")) for name in feature_set.names)
    assert "news_tone_5" in feature_set.left_out


def test_features_can_be_excluded_and_typos_are_corrected(market, silver):
    tables = {name.removeprefix("silver_"): table for name, table in silver.items()}
    panel = assemble_panel(**tables, market=market)
    feature_set, gold = build_gold(panel, FeaturesParams(families=("trend",), exclude=("adx_14",)), market=market)
    assert "adx_14" not in gold
    assert "sma_gap_20" in feature_set.names
    with pytest.raises(UnknownNameError, match="Did you mean 'adx_14'"):
        build_gold(panel, FeaturesParams(exclude=("adx14",)), market=market)


def test_twice_is_the_same(market, silver, made):
    tables = {name.removeprefix("silver_"): table for name, table in silver.items()}
    feature_set, gold = build_gold(assemble_panel(**tables, market=market), FeaturesParams(), market=market)
    assert feature_set == made["feature_set"]
    pd.testing.assert_frame_equal(gold, made["gold"], check_exact=True)


def test_nodes_change_no_input(market, silver):
    before = {name: table.copy() for name, table in silver.items()}
    tables = {name.removeprefix("silver_"): table for name, table in silver.items()}
    build_gold(assemble_panel(**tables, market=market), FeaturesParams(families=("trend",)), market=market)
    for name, table in silver.items():
        pd.testing.assert_frame_equal(table, before[name])


def test_the_configured_parameters_are_valid(market, project_path):
    text = (project_path / "conf/base/parameters/features.yml").read_text(encoding="utf-8")
    params = FeaturesParams(**yaml.safe_load(text)[market.name]["features"])
    assert params.horizons == (), "those of the market"


@pytest.mark.parametrize("wrong", [{"horizons": [0]}, {"familys": "all"}, {"families": "most"}])
def test_wrong_parameters_are_refused(wrong):
    with pytest.raises(ValidationError):
        FeaturesParams(**wrong)


def test_listing_pipelines_compiles_nothing():
    code = "import sys, finq_predictor.pipelines.features.pipeline; assert not {'numba', 'scipy'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_gold_has_the_features_of_the_chosen_set(market, silver):
    panel = assemble_panel(**{name.removeprefix("silver_"): table for name, table in silver.items()}, market=market)
    params = FeaturesParams(
        set="mine", sets={"mine": ("set:alpha158", "!KMID*", "ret_1")}, families=("alpha158", "momentum")
    )
    feature_set, gold = build_gold(panel, params, market=market)
    assert {"ROC5", "ret_1"} <= set(feature_set.names)
    # Nobody delivers a volume-weighted price, families narrow the set, and what is not of the set is not missed.
    assert feature_set.left_out == ("VWAP0",)
    assert not {"KMID", "KMID2", "VMA5", "ret_5"} & set(gold.columns)
    with pytest.raises(UnknownNameError, match="Did you mean 'alpha158'"):
        build_gold(panel, FeaturesParams(set="alpha185"), market=market)
