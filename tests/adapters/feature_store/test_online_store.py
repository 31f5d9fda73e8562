"""Both online stores, the file and a real Redis, held to the same laws: all or nothing, and healed by the next run."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from finq_predictor.adapters.feature_store.materialising import materialise
from finq_predictor.adapters.feature_store.opening import open_store
from finq_predictor.adapters.feature_store.reading import FeatureStore
from finq_predictor.adapters.feature_store.redis import RedisStore
from finq_predictor.adapters.feature_store.sqlite import SqliteStore
from finq_predictor.domain.errors import ConfigurationError, StoreError
from finq_predictor.domain.features import compute_features, make_feature_set, select_features
from finq_predictor.domain.features.views import LatestFeatures, latest_features
from finq_predictor.domain.market.markets import MARKETS
from redis_server import free_port, running_redis
from synthetic_silver import random_panel

FX = MARKETS["fx"]
KEY = b"k" * 40
NOW = pd.Timestamp("2024-01-01", tz="UTC")


@pytest.fixture(scope="module")
def panel():
    return random_panel(FX, length=130)


@pytest.fixture(scope="module")
def feature_set(panel):
    return make_feature_set([spec for spec in select_features(FX, panel.available) if spec.lookback < 40][:50])


@pytest.fixture(scope="module")
def redis(tmp_path_factory):
    with running_redis(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture(params=["sqlite", "redis"])
def opened(request, tmp_path):
    """A function that opens the same store again and again."""
    if request.param == "sqlite":
        return lambda key=KEY: SqliteStore(tmp_path / "online" / "features.db", key)
    url = request.getfixturevalue("redis")
    RedisStore(url)._redis.flushall()
    return lambda key=KEY: RedisStore(url, key)


def newest(panel, feature_set, last, bars=64):
    return latest_features(panel.rows(0, last), feature_set, bars)


def values_of(store, market="fx"):
    standing, rows = store.standing(market), store.everything(market)
    packer = standing.packer(store.key)
    return {place: packer.unpack(place[1], place[0], packed) for place, packed in rows.items()}


def assert_holds(store, latest):
    """The store holds these rows bit by bit, and no others."""
    held = values_of(store)
    table = latest.table
    bars = pd.DatetimeIndex(table["ts"]).as_unit("us").asi8.tolist()
    values = table[list(latest.feature_set.names)].to_numpy()
    expected = {(bar, name): row.tobytes() for bar, name, row in zip(bars, table["instrument"], values, strict=True)}
    assert {place: row.values.tobytes() for place, row in held.items()} == expected


def test_a_new_bar_writes_its_own_rows_and_no_other(opened, panel, feature_set):
    store = opened()
    assert store.standing("fx") is None
    assert store.everything("fx") == {}
    first = newest(panel, feature_set, 100)
    done = materialise(store, first, "a", NOW)
    assert (done.bars, done.written, done.removed) == (64, len(first.table), 0)
    assert_holds(opened(), first)
    again = materialise(store, first, "a", NOW + pd.Timedelta(hours=1))
    assert (again.written, again.removed) == (0, 0)
    assert store.standing("fx").created == NOW.value // 1000
    one_on = newest(panel, feature_set, 101)
    done = materialise(store, one_on, "b", NOW + pd.Timedelta(hours=2))
    assert done.written == (one_on.table["ts"] == panel.ts[100]).sum()
    assert_holds(opened(), one_on)
    assert store.standing("fx").data == "b"
    created = {row.created for (bar, _), row in values_of(store).items() if bar < panel.ts.asi8[100]}
    assert created == {NOW.value // 1000}


def test_a_revised_history_rewrites_what_changed(opened, panel, feature_set):
    store = opened()
    before = newest(panel, feature_set, 100)
    materialise(store, before, "a", NOW)
    fields = {name: values.copy() for name, values in panel.fields.items()}
    fields["close"][80] *= 1.001
    revised = newest(replace(panel, fields=fields), feature_set, 100)
    names = list(feature_set.names)
    other = (before.table[names].to_numpy().view(np.int64) != revised.table[names].to_numpy().view(np.int64)).any(
        axis=1
    )
    done = materialise(store, revised, "b", NOW)
    assert 0 < done.written == other.sum() < len(before.table)
    assert_holds(opened(), revised)


def test_another_feature_set_takes_the_place_of_all(opened, panel, feature_set):
    store = opened()
    materialise(store, newest(panel, feature_set, 100), "a", NOW)
    fewer = make_feature_set(feature_set.specs()[:10])
    other = newest(panel, fewer, 100)
    done = materialise(store, other, "a", NOW)
    assert done.written == len(other.table)
    assert_holds(opened(), other)
    assert store.standing("fx").feature_set == fewer


def test_markets_lie_beside_each_other(opened, panel, feature_set):
    store = opened()
    mine = newest(panel, feature_set, 100)
    materialise(store, mine, "a", NOW)
    equity = MARKETS["equity"]
    stocks = random_panel(equity, length=60)
    theirs = latest_features(stocks, make_feature_set(select_features(equity, stocks.available)[:5]), 3)
    materialise(store, theirs, "x", NOW)
    assert_holds(opened(), mine)
    assert len(store.everything("equity")) == len(theirs.table)


def test_what_is_not_signed_with_our_key_is_not_there(opened, panel, feature_set):
    latest = newest(panel, feature_set, 100)
    materialise(opened(b"l" * 40), latest, "a", NOW)
    store = opened()
    assert store.standing("fx") is None
    assert materialise(store, latest, "a", NOW).written == len(latest.table)
    assert_holds(opened(), latest)


def test_online_values_are_those_that_are_computed_lags_as_well(opened, panel, feature_set):
    store = opened()
    latest = newest(panel, feature_set, 100)
    materialise(store, latest, "a", NOW)
    table = compute_features(panel.rows(0, 100), feature_set)
    chosen = feature_set.names[5:20]
    last = panel.ts[99]
    found = FeatureStore("nowhere", store).online(
        "fx", ["USD_JPY", "EUR_USD", "NOBODY"], chosen, now=last + pd.Timedelta(minutes=30), lags=(1, 2, 5, 10)
    )
    assert found.columns[:15] == chosen
    assert found.columns[-1] == f"{chosen[-1]}__lag_10"
    assert [found.bars[0], found.bars[2]] == [panel.ts.asi8[99], -1]
    for place, name in enumerate(["USD_JPY", "EUR_USD"]):
        parts = [
            table[(table["instrument"] == name) & (table["ts"] == panel.ts[99 - lag])][list(chosen)].to_numpy()[0]
            for lag in (0, 1, 2, 5, 10)
        ]
        np.testing.assert_array_equal(found.values[place], np.concatenate(parts))
    states = {row["state"] for row in found.rows() if row["instrument"] == "NOBODY"}
    assert states == {"NOT_FOUND"}
    assert found.to_frame()["age_hours"].tolist()[:2] == [0.5, 0.5]


def test_an_expired_value_is_said_to_be_and_withheld(opened, panel, feature_set):
    store = opened()
    materialise(store, newest(panel, feature_set, 100), "a", NOW)
    late = FeatureStore("nowhere", store).online("fx", ["EUR_USD"], ["ret_1"], now=panel.ts[99] + pd.Timedelta(hours=3))
    (row,) = late.rows()
    assert row["state"] == "OUTSIDE_MAX_AGE"
    assert row["value"] is None
    assert row["age_hours"] == 3.0


def test_of_an_instrument_that_ended_the_last_bar_answers(opened, panel, feature_set):
    """As long as it is held; by then it is too old."""
    store = opened()
    latest = newest(panel, feature_set, 130)
    materialise(store, latest, "a", NOW)
    ended = latest.table.groupby("instrument")["ts"].max().sort_values().index[0]
    found = FeatureStore("nowhere", store).online("fx", [ended], ["ret_1"], now=panel.ts[129])
    assert found.bars[0] < panel.ts.asi8[129]
    assert next(found.rows())["state"] == "OUTSIDE_MAX_AGE"


def test_a_store_that_holds_nothing_says_how_to_fill_it(opened):
    with pytest.raises(StoreError, match="finq features materialize"):
        FeatureStore("nowhere", opened()).online("fx", ["EUR_USD"], now=NOW)
    with pytest.raises(ConfigurationError, match="1 or more"):
        FeatureStore("nowhere", opened()).online("fx", ["EUR_USD"], now=NOW, lags=(0,))


WRITE = """
import sys
import numpy as np, pandas as pd
from finq_predictor.adapters.feature_store.materialising import materialise
from finq_predictor.adapters.feature_store.redis import RedisStore
from finq_predictor.adapters.feature_store.sqlite import SqliteStore
from finq_predictor.domain.features.views import LatestFeatures
from finq_predictor.domain.features import FeatureSet
from pathlib import Path
where = sys.argv[1]
store = RedisStore(where) if where.startswith("redis") else SqliteStore(Path(where))
names = tuple(f"f{n}" for n in range(100))
made = FeatureSet("fx", names, 1, "ab" * 32, ())
ts = pd.date_range("2024-03-04", periods=60, freq="h", tz="UTC").as_unit("us").repeat(20)
for turn in range(1, 10_000):
    table = pd.DataFrame(np.full((len(ts), 100), float(turn)), columns=list(names))
    table.insert(0, "ts", ts)
    table.insert(1, "instrument", [f"I{n}" for n in range(20)] * 60)
    materialise(store, LatestFeatures(made, table), str(turn), pd.Timestamp("2024-03-08", tz="UTC"))
    print(turn, flush=True)
"""


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_a_kill_leaves_the_old_or_the_new(kind, tmp_path, redis, panel, feature_set):
    """Whenever it comes: all rows are of the turn that the store says it holds, and the next one writes on."""
    file = tmp_path / "features.db"
    if kind == "redis":
        RedisStore(redis)._redis.flushall()
    words = [sys.executable, "-c", textwrap.dedent(WRITE), redis if kind == "redis" else str(file)]
    for turns in (1, 2, 3):
        with subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=os.environ) as writing:
            assert writing.stdout is not None
            for _ in range(turns):
                assert writing.stdout.readline().strip()
            writing.send_signal(signal.SIGKILL)
        store = RedisStore(redis) if kind == "redis" else SqliteStore(file)
        standing = store.standing("fx")
        rows = values_of(store)
        assert len(rows) == 1200
        assert sum(standing.bars.values()) == 1200
        assert {value for row in rows.values() for value in row.values} == {float(standing.data)}
    assert materialise(store, newest(panel, feature_set, 100), "a", NOW).removed > 0
    assert_holds(store, newest(panel, feature_set, 100))


def test_a_file_that_is_no_database_any_more_is_made_anew(tmp_path, panel, feature_set, caplog):
    file = tmp_path / "features.db"
    store = SqliteStore(file)
    latest = newest(panel, feature_set, 100)
    materialise(store, latest, "a", NOW)
    store.close()
    file.write_bytes(b"\0" * 50_000)
    with pytest.raises(StoreError, match="finq features materialize"):
        SqliteStore(file).standing("fx")
    materialise(SqliteStore(file), latest, "a", NOW)
    assert "It is made anew" in caplog.text
    assert_holds(SqliteStore(file), latest)
    assert sqlite3.connect(file).execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_damaged_row_is_written_again(opened, panel, feature_set):
    store = opened()
    latest = newest(panel, feature_set, 100)
    materialise(store, latest, "a", NOW)
    (place, packed), *_ = store.everything("fx").items()
    store.put(store.standing("fx"), {place: packed[:-1] + b"?"}, ())
    assert None in values_of(store).values()
    assert materialise(store, latest, "a", NOW).written == 1
    assert_holds(store, latest)


def test_a_file_in_place_of_the_open_one_is_seen(tmp_path, panel, feature_set):
    """As after a restore: the reader does not go on reading what is gone."""
    old, new = newest(panel, feature_set, 99), newest(panel, feature_set, 100)
    for name, latest in (("old.db", old), ("new.db", new)):
        materialise(SqliteStore(tmp_path / name), latest, name, NOW)
    reader = SqliteStore(tmp_path / "old.db")
    assert reader.standing("fx").data == "old.db"
    os.replace(tmp_path / "new.db", tmp_path / "old.db")
    assert reader.standing("fx").data == "new.db"
    (tmp_path / "old.db").unlink()
    assert reader.standing("fx") is None


def test_nothing_of_the_address_is_told(monkeypatch, tmp_path):
    store = RedisStore(f"redis://:hunter2@127.0.0.1:{free_port()}/0")
    for ask in (lambda: store.standing("fx"), lambda: store.bar("fx", 1), lambda: store.everything("fx")):
        with pytest.raises(StoreError, match="does not answer") as told:
            ask()
        assert "hunter2" not in str(told.value)
        assert "127.0.0.1" not in str(told.value)
    with pytest.raises(ConfigurationError, match="FINQ_FEATURE_STORE_URL") as told:
        RedisStore("http://user:hunter2@host")
    assert "hunter2" not in str(told.value)
    assert open_store(tmp_path).kind == "sqlite"
    monkeypatch.setenv("FINQ_FEATURE_STORE_URL", "redis://127.0.0.1:1/0")
    assert open_store(tmp_path).kind == "redis"


def test_a_table_without_a_row_is_held_as_nothing(opened, feature_set, panel):
    store = opened()
    materialise(store, newest(panel, feature_set, 100), "a", NOW)
    nothing = newest(panel, feature_set, 100)
    done = materialise(store, LatestFeatures(feature_set, nothing.table.iloc[:0]), "b", NOW)
    assert done.rows == 0
    assert done.removed > 0
    assert store.everything("fx") == {}
    with_none = FeatureStore("nowhere", store).online("fx", ["EUR_USD"], ["ret_1"], now=NOW)
    assert next(with_none.rows())["state"] == "NOT_FOUND"
