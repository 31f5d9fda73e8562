"""Features that a run left at hand are those that would be computed, to the last bit, or they are not used."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from finq_predictor.adapters.feature_store.marks import data_mark
from finq_predictor.adapters.feature_store.materialising import materialise, materialise_newest
from finq_predictor.adapters.feature_store.opening import open_store
from finq_predictor.adapters.feature_store.redis import RedisStore
from finq_predictor.adapters.feature_store.sqlite import SqliteStore
from finq_predictor.adapters.layout import Layout, locate
from finq_predictor.adapters.snapshots import writer
from finq_predictor.adapters.snapshots.store import SnapshotStore
from finq_predictor.adapters.typed_json import to_json
from finq_predictor.domain.features import make_feature_set
from finq_predictor.domain.features.views import latest_features
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.serving.settings import Settings
from finq_predictor.serving.stored_features import Shelf, StoredFeatures
from redis_server import free_port, running_redis
from serving import small_market
from serving.conftest import started

NOW = pd.Timestamp("2024-01-01", tz="UTC")


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    with running_redis(tmp_path_factory.mktemp("redis")) as url:
        yield url


def filled(served, store, data="a"):
    """The market as it is served with its newest bars at hand."""
    predictor = served.predictor
    latest = latest_features(predictor.panel, predictor.bundle.feature_set, 64)
    materialise(store, latest, data, NOW)
    return replace(served, stored=StoredFeatures(Shelf(store), predictor.bundle.feature_set, "a"))


def looked(served):
    return Counter(served.taken_feature_lookups())


@pytest.mark.parametrize("market", sorted(MARKETS))
@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_what_is_at_hand_is_what_is_computed_to_the_last_bit(client, market, kind, tmp_path, redis):
    store = SqliteStore(tmp_path / "f.db") if kind == "sqlite" else RedisStore(redis)
    served = client.store.get(market)
    stored, names = filled(served, store), list(served.predictor.bundle.feature_set.names)
    for ts in served.predictor.panel.ts[-64:]:
        found, computed = stored.stored.at(ts), served.predictor.features_at(ts)
        pd.testing.assert_frame_equal(found, computed, check_exact=True)
        assert found[names].to_numpy().tobytes() == computed[names].to_numpy().tobytes()
    for ts in served.predictor.panel.ts[[-1, -2, -64]]:
        assert stored.answers(ts) == served.answers(ts)
    assert looked(stored) == {"stored": 3}
    stored.answers(served.predictor.panel.ts[-65])
    stored.features_at(served.predictor.panel.ts[-65])
    assert looked(stored) == {"computed": 1, "remembered": 1}


def test_of_other_data_or_definitions_nothing_is_used(client, tmp_path):
    served = client.store.get("fx")
    ts = served.predictor.newest
    other = filled(served, SqliteStore(tmp_path / "f.db"), data="b")
    assert other.answers(ts) == served.answers(ts)
    assert looked(other) == {"computed": 1}
    same = filled(served, SqliteStore(tmp_path / "f.db"))
    fewer = make_feature_set(served.predictor.bundle.feature_set.specs()[:-1])
    assert same.stored.of(fewer).at(ts) is None
    assert same.stored.at(ts) is not None


@pytest.mark.parametrize("harm", ["damaged", "absent", "signed"])
def test_a_bar_that_is_not_whole_is_computed(client, harm, tmp_path):
    served = client.store.get("fx")
    store = SqliteStore(tmp_path / "f.db")
    stored, ts = filled(served, store), served.predictor.newest
    rows = store.bar("fx", ts.value // 1000).rows
    (place, packed), *_ = rows.items()
    standing = store.standing("fx")
    if harm == "damaged":
        store.put(standing, {place: packed[:100] + b"???" + packed[103:]}, ())
    elif harm == "absent":
        store.put(standing, {}, [place])
    else:
        other = standing.packer(b"k" * 40)
        store.put(standing, {place: other.pack(place[1], place[0], 0, np.zeros(len(standing.feature_set.names)))}, ())
    assert stored.stored.at(ts) is None
    assert stored.answers(ts) == served.answers(ts)
    assert looked(stored) == {"computed": 1}


def test_while_the_store_is_away_features_are_computed_and_it_is_said_once(two_markets, tmp_path, monkeypatch, caplog):
    port = free_port()
    monkeypatch.setenv("FINQ_FEATURE_STORE_URL", f"redis://127.0.0.1:{port}/0")
    with started(Settings(data_root=two_markets, markets=("fx",))) as client:
        bars = client.store.get("fx").predictor.panel.ts
        for ts in bars[-12:]:
            asked = {"instrument": "EUR_USD", "prediction_date": ts.isoformat()}
            assert client.post("/predict", asked).status_code == 200
        health = client.get("/health")
        assert health.json()["status"] == "degraded"
        assert health.json()["dependencies"]["features_at_hand"].startswith("The feature store does not answer")
        assert str(port) not in health.text
        assert "127.0.0.1" not in caplog.text
        assert caplog.text.count("Features are computed") == 1
        told = client.get("/metrics").text
        assert 'finq_feature_lookups_total{found="computed",market="fx"} 12.0' in told
        with running_redis(tmp_path, port):
            client.store.shelf._breaker._breaker.close()
            client.store.get("fx").features_at(bars[-40])
            assert client.get("/health").json()["dependencies"]["features_at_hand"] is None


def publish(root, tables, upto):
    """What a run leaves when a bar has closed: silver, what gold is made of, and the newest bars at hand."""
    fx = MARKETS["fx"]
    bars = tables["bars"]
    small_market.write_silver(root, fx, {"bars": bars[bars["ts"] <= upto]})
    return materialise_newest(root, fx, open_store(root), NOW)


def replay(root, tables, day, pairs):
    """Every bar of a day closes, is published and asked for, with what callers ask beside it; the service follows.

    Returns:
        The share of the looks for features that found them at hand, and all looks by where they were.
    """
    bundle = small_market.champion(root, "fx")
    text = to_json(bundle.feature_set)
    writer.store(locate(Layout(root).place("fx", "feature_set")), lambda path: path.write_text(text))
    publish(root, tables, day.iloc[0])
    found: Counter[str] = Counter()
    asking = np.random.default_rng(3)
    with started(Settings(data_root=root, markets=("fx",), poll_seconds=600.0)) as client:
        for number, ts in enumerate(day.iloc[1:], start=1):
            done = publish(root, tables, ts)
            assert done.written == (tables["bars"]["ts"] == ts).sum(), "a new bar wrote more than its own rows"
            client.store.refresh()
            served = client.store.get("fx")
            assert served.predictor.newest == ts
            assert served.stored.data == data_mark(SnapshotStore(root, "fx").newest(), MARKETS["fx"])
            for pair in pairs:
                assert client.post("/predict", {"instrument": pair}).status_code == 200
            # And bars of the day before it, as whoever looks back asks, and one of last week now and then.
            for back in (*asking.integers(0, number + 1, 4), *([150] if number % 12 == 0 else [])):
                at = served.predictor.panel.ts[-1 - back].isoformat()
                asked = {"instrument": pairs[-1], "prediction_date": at, "include": ["features"]}
                assert client.post("/predict", asked).status_code == 200
            found += Counter(served.taken_feature_lookups())
    assert found["computed"] >= 2, "nobody asked for anything that is not at hand"
    assert found["stored"] >= len(day) - 1
    return 1 - found["computed"] / found.total(), found


def test_on_a_replayed_day_nine_of_ten_are_at_hand(two_markets, tmp_path):
    root = tmp_path / "data"
    shutil.copytree(two_markets, root)
    tables = small_market.silver(MARKETS["fx"], 330, 7)
    day = tables["bars"]["ts"].drop_duplicates().sort_values().iloc[-25:]
    share, found = replay(root, tables, day, small_market.PAIRS)
    print(f"\nlooks for features on a replayed day: {dict(found)}, {share:.1%} at hand")
    assert share > 0.9


@pytest.mark.proof
def test_on_a_real_day_of_hourly_bars_nine_of_ten_are_at_hand(shared_data, tmp_path):
    """The same on the hours of two real pairs, a Tuesday of 2021, with a model that was trained on what came before."""
    fx, root = MARKETS["fx"], tmp_path / "data"
    parts = []
    for pair in ("AUD_USD", "EUR_USD"):
        (file,) = (shared_data / "fx").glob(f"{pair}_H1_mid_bid_ask_*.parquet")
        found = pd.read_parquet(file)
        parts.append(as_silver(found, pair))
    bars = pd.concat(parts).sort_values(["ts", "instrument"], ignore_index=True)
    bars = bars[bars["ts"].between("2021-03-01", "2021-09-15T00:30")].reset_index(drop=True)
    day = bars["ts"].drop_duplicates().sort_values().iloc[-25:]
    small_market.write_silver(root, fx, {"bars": bars[bars["ts"] <= day.iloc[0]]})
    small_market.crown(
        root, small_market.train(fx, small_market.panel_of(fx, {"bars": bars[bars["ts"] < day.iloc[0]]}))
    )
    share, found = replay(root, {"bars": bars}, day, ("AUD_USD", "EUR_USD"))
    print(f"\nlooks for features on 24 real hours up to {day.iloc[-1]}: {dict(found)}, {share:.1%} at hand")
    assert share > 0.9


def as_silver(found: pd.DataFrame, pair: str) -> pd.DataFrame:
    """Hours as they were delivered, by their beginning, as silver bars, by their close."""
    prices = {
        f"{side}{part}": found[f"{given}_{part[0]}"]
        for side, given in (("", "mid"), ("bid_", "bid"), ("ask_", "ask"))
        for part in ("open", "high", "low", "close")
    }
    ts = (pd.to_datetime(found["time"], utc=True) + pd.Timedelta(hours=1)).astype("datetime64[us, UTC]")
    return pd.DataFrame(
        {"ts": ts, "instrument": pair, **prices, "volume": found["volume"].astype(float), "known_at": ts}
    )
