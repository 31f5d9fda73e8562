"""A file of features is scored by the command as its bars are answered by the API."""

from __future__ import annotations

import pandas as pd
import pytest
from click.testing import CliRunner

from finq_predictor.cli import finq
from finq_predictor.domain.features import compute_features
from finq_predictor.domain.modelling.decisions import ALSO


@pytest.fixture
def features(client, tmp_path):
    served = client.store.get("fx")
    bars = served.predictor.panel.ts[-5:]
    rows = compute_features(served.predictor.panel, served.predictor.bundle.feature_set, at=bars)
    file = tmp_path / "features.parquet"
    rows.to_parquet(file, index=False)
    return file


def run(*words):
    return CliRunner().invoke(finq, ["score", *map(str, words)])


@pytest.mark.parametrize("ending", ["parquet", "csv", "arrow"])
def test_scores_are_those_of_the_api(client, two_markets, features, tmp_path, ending):
    out = tmp_path / f"scores.{ending}"
    done = run(features, "--root", two_markets, "--market", "fx", "--out", out)
    assert done.exit_code == 0, done.output
    assert "20 rows scored by xgboost version 3 of fx" in done.output
    reader = {"parquet": pd.read_parquet, "csv": pd.read_csv}.get(ending, pd.read_feather)
    scored = reader(out)
    body = {"market": "fx", "prediction_dates": pd.to_datetime(scored["ts"], utc=True).map(str).unique().tolist()}
    answers = client.post("/batch_predict", body).json()["predictions"]
    said = {(one["instrument"], pd.Timestamp(one["feature_ts"])): one for one in answers}
    assert len(scored) == len(said) == 20
    for row in scored.itertuples():
        answer = said[row.instrument, pd.to_datetime(row.ts, utc=True)]
        assert abs(answer["probability"] - row.probability) <= 1e-9
        assert answer["decision"] == row.decision


def test_what_cannot_be_scored_is_said_and_nothing_is_written(two_markets, features, tmp_path):
    few = tmp_path / "few.parquet"
    rows = pd.read_parquet(features)
    rows.drop(columns=rows.columns[5]).to_parquet(few)
    infinite = tmp_path / "infinite.parquet"
    rows.assign(**{rows.columns[5]: float("inf")}).to_parquet(infinite)
    for file, words in ((few, "lacks 1 of"), (infinite, "Infinite values"), (tmp_path / "no.csv", "There is no file")):
        done = run(file, "--root", two_markets, "--market", "fx")
        assert done.exit_code == 1
        assert words in done.output
    wrong = run(features, "--root", two_markets, "--market", "fx", "--out", tmp_path / "x.json")
    assert "expected one of .parquet" in wrong.output
    nowhere = run(features, "--root", tmp_path, "--market", "fx")
    assert nowhere.exit_code == 1
    assert {one.name for one in tmp_path.iterdir()} == {features.name, few.name, infinite.name}


def test_the_scores_lie_beside_the_file(two_markets, features):
    assert run(features, "--root", two_markets, "--market", "fx").exit_code == 0
    scored = pd.read_parquet(features.with_name("features-scored.parquet"))
    begin = ["ts", "instrument", "score", "probability", "prediction", "confidence", "decision", "reason"]
    assert list(scored.columns) == [*begin, *ALSO]
