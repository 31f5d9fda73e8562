from __future__ import annotations

import re

import httpx
import pytest

from finq_predictor.adapters.bundle_store import load_bundle
from finq_predictor.adapters.silver import read_panel
from finq_predictor.adapters.snapshots.store import SnapshotStore, path_of
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.serving.inference import Models, describe_device, identity
from finq_predictor.serving.settings import Settings
from serving.parity import TOLERANCE, largest_difference
from serving.servers import BENTO, serving
from serving.test_store import _redefine_features


def _poster(url):
    def post(path, body):
        response = httpx.post(url + path, json=body, timeout=30)
        response.raise_for_status()
        return response.json()

    return post


def test_bentoml_serves_every_route_in_process(bentoml_server, two_markets):
    url = bentoml_server.url
    answer = httpx.post(f"{url}/predict", json={"instrument": "AAPL"}, timeout=30)
    assert answer.status_code == 200
    assert answer.json()["model"]["version"] == "1"
    assert 'route="/predict",status="200"' in httpx.get(f"{url}/metrics", timeout=30).text
    for path in ("/", "/docs", "/openapi.json", "/models", "/health", "/ready", "/ranking?market=fx", "/livez"):
        assert httpx.get(url + path, timeout=30).status_code == 200, path
    assert largest_difference(_poster(url), two_markets, "equity") <= TOLERANCE


def test_a_mismatch_is_told_by_a_running_server_that_does_not_restart(own_root, tmp_path):
    _redefine_features(own_root)
    variables = {"FINQ_DATA_ROOT": str(own_root), "FINQ_MARKETS": "equity"}
    with serving(BENTO, tmp_path, wait_for="/health", ready=(503,), **variables) as url:
        for _ in range(100):
            state = httpx.get(f"{url}/health", timeout=30).json()
            if state["status"] != "loading":
                break
        assert state["markets"]["equity"]["status"] == "failed"
        assert "defin" in state["markets"]["equity"]["reason"]
        assert httpx.get(f"{url}/livez", timeout=30).status_code == 200


def test_models_score_what_the_bundle_predicts(two_markets):
    bundle = load_bundle(path_of(two_markets, "fx", "champion"))
    panel = read_panel(SnapshotStore(two_markets, "fx").newest(), MARKETS["fx"])
    from finq_predictor.domain.features import compute_features

    features = compute_features(panel, bundle.feature_set, at=panel.ts[-2:])
    values = features[list(bundle.feature_set.names)]
    rows = values.astype(object).where(values.notna(), None).to_numpy().tolist()
    models = Models(Settings(data_root=two_markets))
    expected = bundle.predict(features)[["score", "probability"]].to_numpy().tolist()
    (said,) = models.score([{"market": "fx", "model": identity(bundle), "rows": rows}])
    assert said == {"scored": expected, "problem": None}


@pytest.mark.parametrize(("market", "change"), [("fx", {"version": "9"}), ("bonds", {}), ("equity", {})])
def test_models_refuse_a_caller_who_holds_another_model(two_markets, market, change):
    bundle = load_bundle(path_of(two_markets, "fx", "champion"))
    question = {"market": market, "model": identity(bundle) | change, "rows": []}
    (said,) = Models(Settings(data_root=two_markets)).score([question])
    assert said["scored"] is None
    assert re.search("holds|hold a model", said["problem"])


def test_device_is_chosen_in_code():
    assert describe_device("cpu")["device"] == "cpu"
    chosen = describe_device("auto")
    assert chosen["device"] in {"cpu", "cuda"}
    assert chosen["reason"]
