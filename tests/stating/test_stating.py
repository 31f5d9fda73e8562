"""What runs say on a schedule is what the API says of the same bar, stored once, in the same store, and never lost."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from kedro.io import DatasetError
from sqlalchemy import create_engine, text

from finq_predictor.adapters.bundle_store import load_bundle
from finq_predictor.adapters.database.served_store import ServedStore, store_engine
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.silver import read_panel
from finq_predictor.adapters.snapshots.store import SnapshotStore, path_of
from finq_predictor.domain.features import compute_features
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.modelling.statements import MARK, StatedBar
from finq_predictor.pipelines.evaluation.nodes import predict_latest
from finq_predictor.pipelines.evaluation.params import EvaluationParams
from finq_predictor.pipelines.evaluation.scheduled import state_newest
from finq_predictor.serving.keeper import hold_keeping
from finq_predictor.serving.lines import read_line
from finq_predictor.serving.settings import Settings
from finq_predictor.serving.spool import FOLDER, files_in
from finq_predictor.stating import ASKED_BY, StatementsDataset
from postgres_server import free_port, running_postgres
from serving import small_market
from serving.conftest import started

# What says who asked, when, and how long it took; all else has to agree.
OF_THE_ASKING = ("id", "served_at", "request_id", "asked_by", "latency_us", "took_us")


@pytest.fixture(scope="module")
def markets(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("stated")
    small_market.build(root, "equity")
    small_market.build(root, "fx", bars=400, model="xgboost", status="provisional", version="3")
    return root


@pytest.fixture
def root(markets, tmp_path) -> Path:
    return Path(shutil.copytree(markets, tmp_path / "data"))


def stated(root: Path, market: str) -> StatedBar:
    """What a run of the scheduled pipeline would say now: what was said long ago is forgotten by the keeper."""
    snapshot = SnapshotStore(root, market).newest()
    bundle = load_bundle(path_of(root, market, "champion"))
    gold = compute_features(read_panel(snapshot, MARKETS[market]), bundle.feature_set)
    table = predict_latest(bundle, gold, EvaluationParams())
    return state_newest(table, bundle, pd.Timestamp.now("UTC").as_unit("us"), snapshot.id, market=MARKETS[market])


def lines(root: Path) -> list[dict[str, Any]]:
    spooled = [line for path in files_in(Layout(root).served / FOLDER) for line in path.read_bytes().splitlines()]
    return [read_line(line).row for line in spooled]


def held(address: str, sql: str) -> list[tuple[Any, ...]]:
    engine = create_engine(address)
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(sql))]
    finally:
        engine.dispose()


def of_file(root: Path) -> str:
    return f"sqlite:///{Layout(root).store}"


@pytest.mark.parametrize("market", ["equity", "fx"])
def test_each_row_is_what_the_api_answers_about_the_same_bar(root, market):
    bar = stated(root, market)
    StatementsDataset(root=str(root)).save(bar)
    with started(Settings(data_root=root, markets=(market,), auth="off")) as client:
        for one in bar.statements:
            answer = client.post("/predict", {"instrument": one.instrument}).json()
            assert answer.get("recorded"), answer
        said = {row["instrument"]: row for row in lines(root)}
    names = [one.instrument for one in bar.statements]
    assert sorted(said) == sorted(names)
    store = ServedStore(store_engine(root))
    store.keep([*said.values()], [])
    rows = held(of_file(root), "SELECT * FROM served_predictions ORDER BY instrument, served_at")
    columns = [name for _, name, *_ in held(of_file(root), "SELECT * FROM pragma_table_info('served_predictions')")]
    of_both = [dict(zip(columns, row, strict=True)) for row in rows]
    assert len(of_both) == 2 * len(names)
    for batch, api in zip(of_both[::2], of_both[1::2], strict=True):
        batch, api = sorted((batch, api), key=lambda row: not row["id"].startswith(MARK))
        assert {name: batch[name] for name in columns if name not in OF_THE_ASKING} == {
            name: api[name] for name in columns if name not in OF_THE_ASKING
        }
        assert batch["asked_by"] == ASKED_BY
    # The same statement: it is judged once, with what was said first.
    (count,) = held(of_file(root), "SELECT count(*) FROM served_statements")
    assert count == (len(names),)
    decisions = {row["decision"] for row in of_both}
    assert decisions == ({"abstain", "predict"} if market == "equity" else decisions)


def test_a_run_that_is_repeated_stores_once(root):
    first = stated(root, "fx")
    for minutes in (0, 5, 60 * 24):
        StatementsDataset(root=str(root)).save(replace(first, said_at=first.said_at + pd.Timedelta(minutes=minutes)))
    rows = held(of_file(root), "SELECT id, served_at FROM served_predictions")
    assert len(rows) == len(first.statements) == len({name for name, _ in rows})
    assert {pd.Timestamp(moment, tz="UTC") for _, moment in rows} == {first.said_at}
    # Another version says something of its own.
    StatementsDataset(root=str(root)).save(replace(first, version="4"))
    assert held(of_file(root), "SELECT count(*) FROM served_predictions") == [(2 * len(first.statements),)]
    assert lines(root) == []


def test_real_postgres_takes_it_once_and_what_comes_while_it_is_away_waits(root, tmp_path, monkeypatch):
    folder = tmp_path / "postgres"
    folder.mkdir()
    port = free_port()
    bar = stated(root, "equity")
    dataset, count = StatementsDataset(root=str(root)), "SELECT count(*), count(DISTINCT id) FROM served_predictions"
    with running_postgres(folder, port) as address:
        monkeypatch.setenv("DATABASE_URL", address)
        dataset.save(bar)
        dataset.save(replace(bar, said_at=bar.said_at + pd.Timedelta(hours=1)))
        assert held(address, count) == [(len(bar.statements),) * 2]
    later = replace(bar, version="9")
    for _ in range(2):
        with pytest.raises(DatasetError, match=r"wait in the spool .*does not answer.*served drain.*nothing is lost"):
            dataset.save(later)
    assert len(lines(root)) == 2 * len(bar.statements)
    assert not Layout(root).store.exists()
    with running_postgres(folder, port) as address:
        other = stated(root, "fx")
        dataset.save(other)
        expected = 2 * len(bar.statements) + len(other.statements)
        assert held(address, count) == [(expected, expected)]
    assert lines(root) == []


def test_two_machines_with_the_same_schedule_say_it_once(root, tmp_path, monkeypatch):
    folder = tmp_path / "postgres"
    folder.mkdir()
    bar = stated(root, "fx")
    other = Path(shutil.copytree(root, tmp_path / "other"))
    with running_postgres(folder) as address:
        monkeypatch.setenv("FINQ_STORE_URL", address)
        StatementsDataset(root=str(root)).save(bar)
        StatementsDataset(root=str(other)).save(replace(bar, said_at=bar.said_at + pd.Timedelta(minutes=1)))
        assert held(address, "SELECT count(*) FROM served_predictions") == [(len(bar.statements),)]


def test_a_service_that_keeps_the_folder_is_left_to_store(root):
    lock = hold_keeping(root)
    assert lock is not None
    bar = stated(root, "fx")
    StatementsDataset(root=str(root)).save(bar)
    assert {row["instrument"] for row in lines(root)} == {one.instrument for one in bar.statements}
    assert not Layout(root).store.exists()


def test_it_is_written_into_the_folder_of_the_service(root, tmp_path, monkeypatch):
    monkeypatch.setenv("FINQ_STATE_ROOT", str(tmp_path / "state"))
    StatementsDataset(root=str(root)).save(stated(root, "fx"))
    assert Layout(tmp_path / "state").store.exists()
    assert not Layout(root).served.exists()


def test_a_wrong_address_loses_nothing_and_is_not_shown(root, monkeypatch):
    monkeypatch.setenv("FINQ_STORE_URL", "oracle://user:hid4en@host/x")
    with pytest.raises(DatasetError, match="FINQ_STORE_URL") as raised:
        StatementsDataset(root=str(root)).save(stated(root, "fx"))
    assert "hid4en" not in str(raised.value)
    assert lines(root)


def test_a_full_disk_is_told(root, monkeypatch):
    monkeypatch.setattr("finq_predictor.stating._MOST", 10)
    with pytest.raises(DatasetError, match="Free the disk"):
        StatementsDataset(root=str(root)).save(stated(root, "fx"))


def test_stale_bars_are_said_but_not_to_be_acted_upon(root):
    bundle = load_bundle(path_of(root, "equity", "champion"))
    bar = stated(root, "equity")
    simulated = bundle.origin.simulated
    assert (
        all("stale" in one.flags or one.decision == "abstain" for one in bar.statements) is not simulated or simulated
    )
    real = replace(bundle, origin=replace(bundle.origin, simulated=False))
    gold = compute_features(read_panel(SnapshotStore(root, "equity").newest(), MARKETS["equity"]), real.feature_set)
    table = predict_latest(real, gold, EvaluationParams())
    newest = table["ts"].max()
    fresh = state_newest(table, real, newest + pd.Timedelta(hours=1), "s", market=MARKETS["equity"])
    late = state_newest(table, real, newest + pd.Timedelta(days=9), "s", market=MARKETS["equity"])
    assert any(one.decision == "predict" for one in fresh.statements)
    assert all(one.decision == "abstain" for one in late.statements)
    assert {one.reason.partition(":")[0] for one in late.statements if "stale" in one.flags} == {"stale"}


def test_it_is_write_only(root):
    with pytest.raises(DatasetError, match="write only"):
        StatementsDataset(root=str(root)).load()
    assert "root" in repr(StatementsDataset(root=str(root)))
