"""Bars come before anybody has counted what was written: what is not known is said, and nothing is made up."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from starlette.testclient import TestClient

from finq_predictor.adapters.layout import Layout, locate
from finq_predictor.adapters.snapshots import writer
from finq_predictor.adapters.snapshots.store import SnapshotStore, path_of
from finq_predictor.domain.modelling.decisions import UNKNOWN_NEWS

PAIRS = ("EUR_USD", "USD_JPY", "AUD_USD")
ASKED = ("silver_bars", "silver_macro", "silver_sentiment", "silver_coverage", "silver_benchmark", "champion")


@pytest.fixture
def client():
    from finq_predictor.serving.app import create_app
    from finq_predictor.serving.settings import Settings

    def ask(root: Path) -> TestClient:
        return TestClient(create_app(Settings(data_root=root, markets=("fx",), record=False, auth="off")))

    return ask


def replace(root: Path, dataset: str, table: pd.DataFrame) -> None:
    where = locate(Layout(root).place("fx", dataset))
    writer.store(where, lambda path: table.to_parquet(path), rows=len(table))


def answers(client: TestClient) -> dict[str, dict]:
    with client as open_client:
        found = {pair: open_client.post("/predict", json={"instrument": pair}) for pair in PAIRS}
    assert {answer.status_code for answer in found.values()} == {200}
    return {pair: answer.json() for pair, answer in found.items()}


def test_a_bar_that_is_ahead_of_the_news_is_not_answered_as_if_nothing_had_been_written(
    small_project, tmp_path, client
):
    """Ingestion has run, the scoring of articles has not: the newest bar abstains, says why, and the others stay."""
    SnapshotStore(small_project, "fx").newest().copy(tmp_path, ASKED)
    whole = answers(client(tmp_path))
    bars = pd.read_parquet(path_of(tmp_path, "fx", "silver_bars"))
    last = bars["ts"].max()
    behind = {
        name: (table := pd.read_parquet(path_of(tmp_path, "fx", name)))[table["ts"] < last].reset_index(drop=True)
        for name in ("silver_sentiment", "silver_coverage")
    }
    for name, table in behind.items():
        replace(tmp_path, name, table)
    ahead = answers(client(tmp_path))
    for pair, answer in ahead.items():
        assert answer["feature_ts"] == whole[pair]["feature_ts"]
        assert (answer["decision"], answer["reason"]) == ("abstain", UNKNOWN_NEWS)
        assert whole[pair]["reason"] != UNKNOWN_NEWS
    # Once the articles are scored, it is the same answer as if everything had come at once.
    SnapshotStore(small_project, "fx").newest().copy(tmp_path / "later", ASKED)
    later = answers(client(tmp_path / "later"))
    assert {pair: one["probability"] for pair, one in later.items()} == {
        pair: one["probability"] for pair, one in whole.items()
    }
