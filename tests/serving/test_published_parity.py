"""What the pipelines publish of a bar is what the API answers about it, with all that it says of its limits."""

from __future__ import annotations

import pandas as pd
import pytest

from finq_predictor.adapters.bundle_store import load_bundle
from finq_predictor.adapters.silver import read_panel
from finq_predictor.adapters.snapshots.store import SnapshotStore, path_of
from finq_predictor.domain.features import compute_features
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.pipelines.evaluation.nodes import predict_latest
from finq_predictor.pipelines.evaluation.params import EvaluationParams

BARS = 3
SAME = ("probability", "confidence", "decision", "reason", "p_yes", "p_no", "coverage", "conformal_decision")


@pytest.mark.parametrize("market", ["equity", "fx"])
def test_the_published_table_says_what_the_api_answers(client, two_markets, market):
    bundle = load_bundle(path_of(two_markets, market, "champion"))
    panel = read_panel(SnapshotStore(two_markets, market).newest(), MARKETS[market])
    gold = compute_features(panel, bundle.feature_set)
    table = predict_latest(bundle, gold, EvaluationParams(predict_bars=BARS))
    dates = [ts.isoformat() for ts in table["ts"].unique()]
    told = client.post("/batch_predict", {"market": market, "prediction_dates": dates}).json()["predictions"]
    answers = {(one["instrument"], one["feature_ts"]): one for one in told}
    assert len(table) >= BARS * 4
    assert len(table["flags"].unique()) > 1 or market == "fx", "some rows are refused"
    for row in table.astype(object).where(table.notna(), None).to_dict("records"):
        answer = answers[row["instrument"], pd.Timestamp(row["ts"]).isoformat()]
        assert {name: answer[name] for name in SAME} == {name: row[name] for name in SAME}
        held = None if row["prediction_set"] is None else row["prediction_set"].split()
        assert answer["prediction_set"] == held
        assert answer["prediction"] == row["prediction"]
        # What holds of the model is a column of its own in the table.
        of_the_model = {"simulated": row["simulated"], "provisional": row["status"] == "provisional"}
        assert answer["flags"] == [*(name for name, holds in of_the_model.items() if holds), *row["flags"].split()]
        assert (answer["model"]["version"], answer["model"]["status"]) == (row["version"], row["status"])
