"""A run ends here, and a machine that has nothing answers the same."""

from __future__ import annotations

import pandas as pd
import pytest

from finq_predictor.adapters.object_store.pull import pull
from finq_predictor.adapters.object_store.push import push
from finq_predictor.adapters.object_store.store import ObjectStore
from finq_predictor.adapters.snapshots.store import path_of
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.serving.settings import Settings
from finq_predictor.serving.store import load_market


@pytest.mark.slow
def test_the_second_machine_answers_the_same(small_project, bucket, tmp_path):
    store = ObjectStore.at("s3://house/finq")
    push(small_project, "fx", store)
    pull(tmp_path, "fx", store)
    first, second = (load_market(Settings(data_root=root), MARKETS["fx"]) for root in (small_project, tmp_path))
    assert first.answers(first.predictor.newest) == second.answers(second.predictor.newest)
    said, told = (pd.read_parquet(path_of(root, "fx", "predictions")) for root in (small_project, tmp_path))
    pd.testing.assert_frame_equal(said, told)
