"""Models beside the one that predicts: each judgement a version, a champion only while the newest is for it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from kedro.io import DatasetError

from finq_predictor.adapters.datasets.side_models import SideModelsDataset
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.model_registry import CHALLENGER, PREVIOUS
from finq_predictor.adapters.side_models import VALUE, SideModel
from finq_predictor.adapters.tracking import connect
from finq_predictor.adapters.typed_json import from_json
from finq_predictor.domain.risk.volatility import HarModel

HAR = HarModel(-1.0, 0.3, 0.3, 0.3, 1.2, "2024-12-31", 1000)
MODEL = SideModel(
    "risk-assessment", "How much?", HAR, {"qlike": 0.4, "naive_qlike": 0.5}, promoted=True, reason="better"
)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    layout = Layout(tmp_path_factory.mktemp("side"))
    return SideModelsDataset(market="fx", tracking_uri=layout.tracking_uri, artifact_root=str(layout.artifacts))


def test_its_whole_life(dataset, tmp_path):
    client, registry = connect(dataset.registry.tracker.tracking_uri), dataset.registry
    dataset.save([MODEL])
    assert registry.registered_name("risk-assessment") == "risk-assessment-fx"
    assert registry.champion("risk-assessment") == "1"
    # The same judgement again is no second version.
    dataset.save([MODEL])
    assert len(client.search_model_versions("name='risk-assessment-fx'")) == 1
    better = replace(MODEL, value=replace(HAR, day=0.4), metrics={"qlike": 0.3, "naive_qlike": 0.5})
    dataset.save([better])
    assert registry.champion("risk-assessment") == "2"
    aliases = client.get_registered_model("risk-assessment-fx").aliases
    assert (str(aliases[CHALLENGER]), str(aliases[PREVIOUS])) == ("2", "1")
    # What is judged to be no better any more leaves nobody in its place.
    worse = replace(MODEL, value=replace(HAR, day=0.1), metrics={"qlike": 0.6}, promoted=False, reason="worse")
    dataset.save([worse])
    assert registry.champion("risk-assessment") is None
    version = client.get_model_version("risk-assessment-fx", "3")
    assert (version.tags["status"], version.tags["reason"]) == ("rejected", "worse")
    run = client.get_run(version.run_id)
    assert run.data.metrics["qlike"] == 0.6
    assert run.data.tags["market"] == "fx"
    place = client.download_artifacts(version.run_id, VALUE, str(tmp_path))
    with open(place, "rb") as file:
        assert from_json(HarModel, file.read(), place, "") == worse.value
    dataset.save([better])
    assert registry.champion("risk-assessment") == "2", "an old version that is judged well again"


def test_it_is_write_only_and_says_where_without_secrets(dataset):
    with pytest.raises(DatasetError, match="write only"):
        dataset.load()
    assert "fx" in str(dataset)
    assert not dataset.exists()
