"""Real files through the overlay `own`: slices of what lies beside the checkout, and files written here."""

from __future__ import annotations

import html
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from finq_predictor.adapters.bundle_store import load_bundle
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.snapshots.store import path_of

QUICK = {"n_folds": 2, "search": {"trials": 2}}


def _run(project: Path, market: str, root: Path, **files: str) -> None:
    bootstrap_project(project)
    params = {"data_root": str(root), **files, market: {"training": QUICK, "evaluation": {"n_bootstrap": 200}}}
    with KedroSession.create(project, env="own", runtime_params=params) as session:
        session.run(pipeline_names=[market])


def _check(root: Path, market: str, instruments: int) -> dict:
    layout = Layout(root)
    provenance = json.loads(path_of(root, market, "provenance").read_text())
    assert provenance["simulated"] is False
    assert provenance["instruments"] == instruments
    champion = load_bundle(path_of(root, market, "champion"))
    assert champion.origin.simulated is False
    page = layout.report(market).read_text()
    assert "SIMULATED" not in page
    metrics = pd.read_parquet(path_of(root, market, "metrics"))
    auc = metrics[(metrics["metric"] == "auc") & (metrics["kind"] == "candidate")]["value"]
    assert auc.between(0.40, 0.60).all(), "outside this range something leaks"
    return json.loads(path_of(root, market, "promotion").read_text())


def _reproduce(project: Path, root: Path, market: str) -> tuple[str, str]:
    """Hash of the data the report was made from, and of those that the command in the report makes again."""
    layout = Layout(root)
    before = json.loads(path_of(root, market, "training_summary").read_text())["data_hash"]
    path_of(root, market, "gold").unlink()
    found = re.search(r"kedro run[^<\n]*", html.unescape(layout.report(market).read_text()))
    assert found
    words = shlex.split(found[0])
    program = Path(sys.executable).parent / words[0]
    command = [str(program), *words[1:], f"--to-outputs={market}.training_summary"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return before, json.loads(path_of(root, market, "training_summary").read_text())["data_hash"]


@pytest.mark.proof
@pytest.mark.slow
def test_sp500_with_benchmark_and_tweets(project_path, shared_data, tmp_path):
    bars = pd.read_parquet(shared_data / "equities/sp500_adj_2012-12_2017-12.parquet")
    keep = [*sorted(bars["symbol"].unique())[:40:2], "AAPL", "MSFT", "GE", "XOM", "JNJ"]
    bars = bars[bars["symbol"].isin(keep) & (bars["date"] >= "2013-06-01") & (bars["date"] < "2016-06-01")]
    bars.to_parquet(tmp_path / "bars.parquet")
    _run(
        project_path,
        "equity",
        tmp_path / "data",
        bars=str(tmp_path / "bars.parquet"),
        benchmark=str(shared_data / "equities/benchmark_sp500_index_2012-09_2018-02.csv.gz"),
        articles=str(shared_data / "text/stocknet_tweets_2014_2015.parquet"),
    )
    decision = _check(tmp_path / "data", "equity", bars["symbol"].nunique())
    assert decision["decision"] in ("provisional", "promote")
    gold = pd.read_parquet(path_of(tmp_path / "data", "equity", "gold"))
    assert any("tone" in name for name in gold.columns)
    before, again = _reproduce(project_path, tmp_path / "data", "equity")
    assert again == before


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "pair"),
    [
        pytest.param("EUR_USD_H1_mid_bid_ask_2016-01_2021-12.parquet", "EUR_USD", marks=pytest.mark.proof),
        ("USD_SGD_H1_mid_bid_ask_2025-01_2025-06.ndjson.gz", "USD_SGD"),
    ],
)
def test_hourly_quotes_of_one_pair(project_path, shared_data, tmp_path, file, pair):
    quotes = shared_data / "fx" / file
    if file.endswith(".parquet"):
        frame = pd.read_parquet(quotes).tail(6000)
        quotes = tmp_path / file
        frame.to_parquet(quotes)
    _run(project_path, "fx", tmp_path / "data", quotes=str(quotes))
    _check(tmp_path / "data", "fx", 1)
    predictions = pd.read_parquet(path_of(tmp_path / "data", "fx", "predictions"))
    assert set(predictions["instrument"]) == {pair}


def test_a_missing_file_is_named_with_the_parameter_to_give(project_path, tmp_path):
    bootstrap_project(project_path)
    session = KedroSession.create(project_path, env="own", runtime_params={"data_root": str(tmp_path)})
    with session, pytest.raises(Exception, match=r"bars=FILE"):
        session.run(pipeline_names=["equity"], namespaces=["ingestion.equity"])


def test_a_file_that_cannot_be_mapped_lists_what_was_found(project_path, tmp_path):
    bootstrap_project(project_path)
    file = tmp_path / "odd.csv"
    file.write_text("when,what,worth\n2020-01-02,AAA,1.0\n")
    params = {"data_root": str(tmp_path / "data"), "quotes": str(file)}
    session = KedroSession.create(project_path, env="own", runtime_params=params)
    with session, pytest.raises(Exception, match=r"(?s)worth.*close"):
        session.run(pipeline_names=["fx"], namespaces=["ingestion.fx"])
