"""Families of features are columns of gold, read by themselves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project
from kedro.io import DatasetError

from finq_predictor.adapters.datasets.feature_families import FeatureFamiliesDataset
from finq_predictor.adapters.datasets.snapshot import SnapshotDataset
from finq_predictor.adapters.layout import Layout
from finq_predictor.domain.errors import StoreError, UnknownNameError
from finq_predictor.domain.features import make_feature_set, select_features
from finq_predictor.domain.market.markets import get_market

EQUITY = get_market("equity")


@pytest.fixture
def root(tmp_path):
    features = make_feature_set(select_features(EQUITY, ("open", "high", "low", "close", "volume")))
    rows = {name: np.arange(3, dtype=np.float32) + place for place, name in enumerate(features.names)}
    gold = pd.DataFrame({"ts": pd.date_range("2024-01-02 21:00", periods=3, tz="UTC"), "instrument": "A", **rows})
    places = Layout(tmp_path)
    value = {"value": "finq_predictor.domain.features.FeatureSet"}
    SnapshotDataset(filepath=places.place("equity", "gold").as_posix(), dataset="pandas.ParquetDataset").save(gold)
    SnapshotDataset(filepath=places.place("equity", "feature_set").as_posix(), **value).save(features)
    return tmp_path


def test_a_family_is_its_columns_of_gold(root):
    gold = pd.read_parquet(
        SnapshotDataset(filepath=Layout(root).place("equity", "gold").as_posix(), dataset="pandas.ParquetDataset").path
    )
    found = FeatureFamiliesDataset(root=root.as_posix(), market="equity", families=["volatility"]).load()
    assert list(found.columns[:2]) == ["ts", "instrument"]
    assert "vol_20" in found
    assert "ret_5" not in found
    pd.testing.assert_frame_equal(found, gold[found.columns])


def test_the_catalog_has_them_for_every_market(root, project_path):
    bootstrap_project(project_path)
    with KedroSession.create(project_path, runtime_params={"data_root": root.as_posix()}) as session:
        catalog = session.load_context().catalog
    parts = [set(catalog.load(f"equity.{name}").columns[2:]) for name in ("technical", "microstructure", "volatility")]
    assert all(parts)
    assert sum(map(len, parts)) == len(set.union(*parts))
    with pytest.raises(DatasetError, match="kedro run"):
        catalog.load("fx.volatility")


def test_what_is_not_there_and_what_is_not_known_are_named(tmp_path):
    with pytest.raises(UnknownNameError, match=r"'volatilty'.*volatility"):
        FeatureFamiliesDataset(root=tmp_path.as_posix(), market="equity", families=["volatilty"])
    nothing = FeatureFamiliesDataset(root=tmp_path.as_posix(), market="equity", families=["news"])
    assert not nothing.exists()
    with pytest.raises((StoreError, DatasetError), match="kedro run"):
        nothing.load()
    with pytest.raises(DatasetError, match="columns of gold"):
        nothing.save(pd.DataFrame())
