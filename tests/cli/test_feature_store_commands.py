"""The commands about the feature store, on the small project: filled, asked, and asked about the past."""

from __future__ import annotations

import shutil

import pandas as pd
import pytest
from click.testing import CliRunner

from finq_predictor.adapters.feature_store.sqlite import SqliteStore
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.snapshots.store import SnapshotStore, path_of
from finq_predictor.cli import finq
from finq_predictor.domain.market.markets import MARKETS


def run(*words: object) -> tuple[int, str]:
    done = CliRunner().invoke(finq, ["features", *map(str, words)])
    return done.exit_code, done.output


def test_a_run_leaves_the_newest_bars_at_hand(small_project):
    for market in MARKETS:
        store = SqliteStore(Layout(small_project).online_features)
        standing = store.standing(market)
        gold = pd.read_parquet(path_of(small_project, market, "gold"), columns=["ts", "instrument"])
        newest = gold["ts"].drop_duplicates().sort_values().iloc[-64:]
        assert list(standing.bars) == newest.astype("int64").tolist()
        assert sum(standing.bars.values()) == (gold["ts"] >= newest.iloc[0]).sum()
        store.close()


def test_what_a_run_left_is_what_is_served(small_project):
    """By the same mark of the same data: the service would take each of these bars."""
    from finq_predictor.serving.settings import Settings
    from finq_predictor.serving.store import load_market
    from finq_predictor.serving.stored_features import Shelf

    for market in MARKETS.values():
        shelf = Shelf(SqliteStore(Layout(small_project).online_features))
        served = load_market(Settings(data_root=small_project), market, shelf=shelf)
        assert list(served.taken_feature_lookups()) == ["stored"], market.name
        for ts in served.predictor.panel.ts[[-1, -30, -64]]:
            found = served.stored.at(ts)
            pd.testing.assert_frame_equal(found, served.predictor.features_at(ts), check_exact=True)


def test_the_store_is_filled_and_asked(small_project, tmp_path):
    SnapshotStore(small_project, "fx").newest().copy(tmp_path)
    code, said = run("get", "EUR_USD", "--market", "fx", "--root", tmp_path)
    assert (code, "finq features materialize" in said) == (1, True)
    code, said = run("materialize", "--root", tmp_path)
    assert code == 0, said
    assert said.startswith("fx: 64 bars, ")
    assert ", 0 removed" in said
    assert "; 0 written, 0 removed" in run("materialize", "--root", tmp_path, "--market", "fx")[1]
    asked = ("--market", "fx", "--root", tmp_path, "--feature", "ret_1", "--lag", "2")
    code, said = run("get", "EUR_USD", "NOBODY", *asked)
    assert code == 0, said
    states = [line.split()[2 if line.startswith("NOBODY") else 3] for line in said.splitlines()]
    assert states == ["PRESENT", "PRESENT", "NOT_FOUND", "NOT_FOUND"]
    assert "ret_1__lag_2" in said
    code, said = run("get", "EUR_USD", *asked, "--at", "2031-01-01")
    assert (code, said.count("OUTSIDE_MAX_AGE")) == (0, 2)
    assert run("get", "EUR_USD", *asked, "--at", "soon")[1].count("give a moment such as") == 1


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_the_past_is_joined_onto_a_file(small_project, tmp_path, kind):
    gold = pd.read_parquet(path_of(small_project, "fx", "gold"), columns=["ts", "instrument", "ret_1"])
    moments = gold[["instrument", "ts"]].iloc[-50:].assign(note="x")
    file, target = tmp_path / f"moments.{kind}", tmp_path / "out.parquet"
    if kind == "csv":
        moments.to_csv(file, index=False)
    else:
        moments.to_parquet(file, index=False)
    words = ("history", "--entities", file, "--market", "fx", "--feature", "ret_1", "--root", small_project)
    code, said = run(*words, "--to", target)
    assert code == 0, said
    assert "fx: 50 rows x 1 features: 50 PRESENT, 0 NULL_VALUE" in said
    found = pd.read_parquet(target)
    assert found["ret_1"].tolist() == gold["ret_1"].iloc[-50:].tolist()
    file.write_text("instrument,ts\nEUR_USD,soon\n") if kind == "csv" else shutil.copy(target, file)
    code, said = run(*words)
    assert code == (1 if kind == "csv" else 0)
    assert "There is no file" in run(*words[:2], tmp_path / "none", *words[3:])[1]
    assert kind == "parquet" or "Give moments as 2024-01-31T21:00:00Z" in said


def test_a_repository_of_feast_is_written(small_project, tmp_path):
    code, said = run("feast", tmp_path / "feast", "--root", small_project, "--market", "fx", "--online", "redis")
    assert code == 0, said
    assert said.startswith("fx: ")
    assert sorted(path.name for path in (tmp_path / "feast").iterdir()) == [
        "definitions.py",
        "feature_store.yaml",
        "fx.parquet",
    ]


def test_without_gold_it_is_said_how_to_make_it(tmp_path):
    for words in (("materialize",), ("feast", tmp_path / "feast")):
        code, said = run(*words, "--root", tmp_path)
        assert code == 1
        assert "kedro run --pipelines=features" in said
