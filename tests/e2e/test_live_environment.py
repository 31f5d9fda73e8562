"""The environment of real providers, on providers of this machine: from a first request to a prediction, and again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from finq_predictor.adapters.bronze.call_notes import read_calls
from finq_predictor.adapters.bronze.store import BronzeStore
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.snapshots.store import SnapshotStore, path_of
from live_market import PAIRS, Providers, providers
from provider_server import failing
from yahoo_replay import path_of as yahoo_path

pytestmark = pytest.mark.slow

QUICK = {"training": {"search": {"trials": 1}}, "evaluation": {"n_bootstrap": 100}}
# Far more than the providers of a test could be harmed by.
FAST = {"requests_per_minute": 100_000, "first_wait_seconds": 0.01, "longest_wait_seconds": 0.02}
LATER = pd.Timedelta(days=4)


@pytest.fixture(scope="module")
def now() -> pd.Timestamp:
    return pd.Timestamp.now("UTC").floor("h")


@pytest.fixture
def live(now, monkeypatch, tmp_path) -> Iterator[Providers]:
    yfinance = pytest.importorskip("yfinance")
    yfinance.set_tz_cache_location(str(tmp_path / "yfinance"))
    monkeypatch.setenv("FINQ_OANDA_TOKEN", "token-of-a-test")
    with providers(now, stocks=21, sessions=400, hours=2400) as started:
        started.at(now - LATER)
        yield started


def run(project: Path, root: Path, live: Providers, market: str, *stages: str, **more: str) -> None:
    """Run a market, or some stages of it, up to the time of the providers."""
    bootstrap_project(project)
    given: dict[str, Any] = {"data_root": str(root), "until": live.oanda.now.isoformat(), "limits": FAST, market: QUICK}
    if market == "fx":
        given["reach"] = "110D"
    given |= more
    with KedroSession.create(project, env="live", runtime_params={**live.params, **given}) as session:
        session.run(pipeline_names=[market], namespaces=[f"{stage}.{market}" for stage in stages] or None)


def silver(root: Path, market: str, table: str = "bars") -> pd.DataFrame:
    return pd.read_parquet(path_of(root, market, f"silver_{table}"))


def test_currencies_from_the_first_request_to_features_and_again(project_path, tmp_path, live, now):
    run(project_path, tmp_path, live, "fx", "ingestion", "sentiment", "features")
    first = silver(tmp_path, "fx")
    assert sorted(first["instrument"].unique()) == sorted(PAIRS)
    assert first["ts"].max() == (now - LATER).floor("h")
    assert pd.read_parquet(path_of(tmp_path, "fx", "gold"))["ts"].max() == first["ts"].max()
    bronze = BronzeStore(Layout(tmp_path).place("fx", "bronze_bars"))
    assert bronze.all()["_source"].unique().tolist() == ["own:oanda-H1"]
    calls = read_calls(bronze.folder)
    assert set(calls["outcome"]) == {"ok"}
    assert len(calls) == len(live.oanda.requests)
    # A day later: one request a pair, for the hours since and the last ones once more.
    live.oanda.requests.clear()
    live.at(now)
    run(project_path, tmp_path, live, "fx", "ingestion")
    assert len(live.oanda.requests) == len(PAIRS)
    assert {asked.query["from"] for asked in live.oanda.requests} == {f"{now - LATER:%Y-%m-%dT%H:%M:%SZ}"}
    again = silver(tmp_path, "fx")
    assert again["ts"].max() == now
    pd.testing.assert_frame_equal(again[again["ts"] <= first["ts"].max()].reset_index(drop=True), first)
    assert not bronze.all().duplicated(["instrument", "time"]).any()
    # As of a moment before the second delivery silver is what it was, to the bit.
    then = pd.Timestamp(bronze.entries()[-1].received_at) - pd.Timedelta(seconds=1)
    assert pd.Timestamp(bronze.entries()[0].received_at) < then
    run(project_path, tmp_path, live, "fx", "ingestion", as_of=then.isoformat())
    pd.testing.assert_frame_equal(silver(tmp_path, "fx"), first, check_exact=True)


def test_currencies_need_no_key(project_path, tmp_path, live, monkeypatch):
    monkeypatch.delenv("FINQ_OANDA_TOKEN")
    run(project_path, tmp_path, live, "fx", "ingestion", "sentiment", "features")
    assert live.oanda.requests == []
    bars = silver(tmp_path, "fx")
    assert sorted(bars["instrument"].unique()) == sorted(PAIRS)
    assert bars[["bid_close", "ask_close"]].isna().all(axis=None)
    bronze = BronzeStore(Layout(tmp_path).place("fx", "bronze_bars"))
    assert bronze.all()["_source"].unique().tolist() == ["own:yahoo-1h"]
    assert pd.read_parquet(path_of(tmp_path, "fx", "gold"))["ts"].max() == bars["ts"].max()


def test_stocks_from_the_first_request_to_a_prediction_and_again(project_path, tmp_path, live, now):
    live.yahoo.queue(yahoo_path("SAD"), *[failing(500)] * 20)
    run(project_path, tmp_path, live, "equity")
    first = silver(tmp_path, "equity")
    # One provider was down for one share: it is said, and the rest goes on.
    assert "SAD" not in set(first["instrument"])
    report = Layout(tmp_path).report("equity").read_text(encoding="utf-8")
    assert "not all of it could be had" in report
    assert len(pd.read_parquet(path_of(tmp_path, "equity", "predictions")))
    # Dividends are in the adjusted closes, forward from the first bar.
    growth = first.assign(ratio=first["adj_close"] / first["close"]).groupby("instrument")["ratio"]
    assert (growth.first() == 1.0).all()
    assert growth.last().between(1.001, 1.05).all()
    volatility = silver(tmp_path, "equity", "macro")
    assert volatility["series"].unique().tolist() == ["VIX"]
    assert (volatility["known_at"].dt.tz_localize(None) >= volatility["period"] + pd.Timedelta(hours=23)).all()
    assert set(silver(tmp_path, "equity", "articles")["instrument"]) == {"SAA", "EUR_USD"}
    live.yahoo._queued.clear()
    live.yahoo.requests.clear()
    live.at(now)
    run(project_path, tmp_path, live, "equity", "ingestion")
    again = silver(tmp_path, "equity")
    assert "SAD" in set(again["instrument"])
    begins = [pd.Timestamp(int(asked.query["period1"]), unit="s", tz="UTC") for asked in live.yahoo.prices_asked()]
    # Only the share that was missing is asked for its history.
    assert sum(begin < now - pd.Timedelta(days=30) for begin in begins) == 1
    others = again[(again["instrument"] != "SAD") & (again["ts"] <= first["ts"].max())].reset_index(drop=True)
    pd.testing.assert_frame_equal(others, first)
    assert SnapshotStore(tmp_path, "equity").newest().damaged() == {}
