from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path

import pytest

from finq_predictor.adapters.layout import Layout, locate
from finq_predictor.adapters.snapshots import writer
from finq_predictor.adapters.snapshots.store import SnapshotStore, path_of
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.serving.settings import Settings
from finq_predictor.serving.watch import Watched, fingerprint
from serving import small_market
from serving.conftest import started, wait_until
from synthetic_values import make_version


def _settings(root, **more):
    return Settings(data_root=root, poll_seconds=0.05, **more)


def _version(client):
    return client.post("/predict", {"instrument": "AAPL"}).json()["model"]["version"]


def _crown(root, version):
    small_market.crown(root, small_market.champion(root, "equity").registered_as(make_version(version)))


def test_a_new_champion_is_served_while_requests_run(own_root):
    with started(_settings(own_root)) as client:
        stop, seen, failures = threading.Event(), [], []

        def ask():
            while not stop.is_set():
                response = client.post("/predict", {"instrument": "AAPL"})
                (seen if response.status_code == 200 else failures).append(response.json())

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(seen) > 20, 30)
        _crown(own_root, "2")
        wait_until(lambda: seen[-1]["model"]["version"] == "2", 60)
        stop.set()
        for thread in threads:
            thread.join(timeout=10)
    assert not failures
    assert {one["model"]["version"] for one in seen} == {"1", "2"}


def test_new_bars_are_served(own_root):
    with started(_settings(own_root)) as client:
        before = client.post("/predict", {"instrument": "AAPL"}).json()["feature_ts"]
        market = MARKETS["equity"]
        small_market.write_silver(own_root, market, small_market.silver(market, bars=340, seed=8))

        def newer():
            return client.post("/predict", {"instrument": "AAPL"}).json()["feature_ts"] > before

        wait_until(newer, 20)


@pytest.mark.parametrize("damage", ["model", "bars"])
def test_damaged_files_keep_the_former_ones_and_say_so(own_root, damage):
    name = {"model": "champion", "bars": "silver_bars"}[damage]
    place, whole = locate(Layout(own_root).place("equity", name)), path_of(own_root, "equity", name)

    def tear(path: Path) -> None:
        _copy(whole, path)
        target = max(path.iterdir(), key=lambda file: file.stat().st_size) if path.is_dir() else path
        target.write_bytes(target.read_bytes()[: target.stat().st_size // 2])

    with started(_settings(own_root)) as client:
        writer.store(place, tear)
        wait_until(lambda: client.store.problems(), 20)
        for path in ("/ready", "/health"):
            response = client.get(path)
            assert response.status_code == 200
            assert response.json()["status"] == "degraded"
            assert response.json()["markets"]["equity"]["reason"]
        assert client.post("/predict", {"instrument": "AAPL"}).status_code == 200
        assert "DEGRADED." in client.get("/").text
        writer.store(place, lambda path: _copy(whole, path))
        wait_until(lambda: not client.store.problems(), 20)
        assert client.get("/ready").json()["status"] == "ok"


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy(source, target)


def _redefine_features(root):
    """An export whose features were defined by other code, otherwise whole."""
    bundle = small_market.champion(root, "equity")
    state = bundle.feature_set.to_dict() | {"definitions_hash": "0" * 64}
    changed = type(bundle.feature_set).from_dict(state)
    object.__setattr__(bundle, "feature_set", changed)
    small_market.crown(root, bundle)


def test_features_defined_otherwise_are_refused_at_start(own_root):
    _redefine_features(own_root)
    with started(_settings(own_root)) as client:
        for path in ("/ready", "/health"):
            response = client.get(path)
            assert response.status_code == 503
            assert response.json()["markets"]["equity"]["status"] == "failed"
        refused = client.post("/predict", {"instrument": "AAPL", "market": "equity"})
        assert refused.status_code == 503
        assert refused.headers["retry-after"]
        assert "defin" in refused.json()["error"]["message"]
        assert client.post("/predict", {"instrument": "EUR_USD"}).status_code == 200
        assert "NOT SERVED." in client.get("/").text


def test_an_empty_root_starts_and_says_what_to_run(tmp_path):
    with started(_settings(tmp_path)) as client:
        ready = client.get("/ready")
        assert ready.status_code == 503
        assert {one["status"] for one in ready.json()["markets"].values()} == {"absent"}
        refused = client.post("/predict", {"instrument": "AAPL"})
        assert refused.status_code == 503
        assert "make run" in refused.json()["error"]["message"]
        assert client.get("/").status_code == 503
        assert client.get("/metrics").status_code == 200
        small_market.build(tmp_path, "fx", bars=400)
        wait_until(lambda: client.get("/ready").status_code == 200, 20)


def test_one_market_alone_is_enough(own_root):
    shutil.rmtree(SnapshotStore(own_root, "fx").folder)
    with started(_settings(own_root)) as client:
        assert client.get("/ready").json()["status"] == "ok"
        assert client.get("/ranking").json()["market"] == "equity"
        assert client.post("/predict", {"instrument": "EUR_USD", "market": "fx"}).status_code == 503


def test_settings_that_cannot_work_are_told_and_not_raised(monkeypatch):
    monkeypatch.setenv("FINQ_INFERENCE", "remote")
    with started(None, loaded=False) as client:
        ready = client.get("/ready")
        assert ready.status_code == 503
        assert "FINQ_INFERENCE" in ready.json()["reason"]
        assert "FINQ_INFERENCE" in client.get("/").text
        assert client.post("/predict", {"instrument": "AAPL"}).status_code == 503


def test_the_hop_needs_an_inference_service(two_markets):
    with started(Settings(data_root=two_markets, inference="service"), loaded=False) as client:
        assert "bentoml serve" in client.get("/ready").json()["reason"]


def test_watched_reads_only_what_changed(tmp_path):
    file = tmp_path / "value.json"
    reads = []

    def load():
        reads.append(1)
        return json.loads(file.read_text())

    watched = Watched("value", [file], load)
    assert not watched.refresh()
    assert watched.problem
    file.write_text("1")
    assert watched.refresh()
    assert not watched.refresh()
    file.write_text("{")
    assert not watched.refresh()
    assert (watched.value, bool(watched.problem)) == (1, True)
    file.write_text("22")
    assert watched.refresh()
    assert (watched.value, watched.problem, len(reads)) == (22, None, 4)


def test_watched_does_not_take_what_changed_under_its_eyes(tmp_path):
    file = tmp_path / "value"
    file.write_text("old")

    def load():
        text = file.read_text()
        if text == "old":
            file.write_text("newer")
        return text

    watched = Watched("value", [file], load)
    assert not watched.refresh()
    assert watched.value is None
    assert watched.refresh()
    assert watched.value == "newer"


def test_fingerprint_sees_a_replaced_folder(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "a").write_text("1")
    before = fingerprint([folder])
    (folder / "a").rename(tmp_path / "b")
    assert fingerprint([folder]) != before
