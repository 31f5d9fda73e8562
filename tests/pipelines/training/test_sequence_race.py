"""Models over sequences in the race: by the one procedure of all models, with returns where they are asked for."""

from __future__ import annotations

import json

import numpy as np
import pytest

from finq_predictor.domain.evaluation.metrics import day_codes, rank_ic
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.modelling.models import restore_model
from finq_predictor.domain.modelling.origin import CodeVersion
from finq_predictor.pipelines.training import nodes
from finq_predictor.pipelines.training.params import TrainingParams
from synthetic_gold import feature_names, make_feature_set, make_gold
from synthetic_values import make_provenance

EQUITY = MARKETS["equity"]
NETWORK = {"sequences": ["feature"], "hidden": 8, "epochs": 4, "batch": 128, "learning_rate": 0.02}
SETTINGS = {
    "seed": 7,
    "n_folds": 1,
    "min_train_fraction": 0.6,
    "gap": {"embargo_bars": 5},
    "models": {
        "momentum": {"params": {"feature": "feature_0"}},
        "price-lstm": {"model": "lstm", "learns": "rank", "params": NETWORK | {"returns": True}},
        "transformer": {"params": NETWORK | {"heads": 2}},
        "arima": {"params": {"sequence": ["feature"], "p": 1, "q": 0}},
    },
    "search": {"trials": 0},
    "leak_meter": {"model": "logistic"},
}


def test_a_race_of_models_over_sequences_is_one_like_any_other():
    pytest.importorskip("torch", reason="needs the sequence extra: torch is not installed")
    pytest.importorskip("statsforecast", reason="needs the sequence extra: statsforecast is not installed")
    # Lags of one feature would be slow; these eight stand in for them, and the newest is what decides.
    gold, params = make_gold(n_instruments=20, n_dates=220), TrainingParams(**SETTINGS)
    features = make_feature_set(gold)
    folds = nodes.make_folds(gold, features, params, market=EQUITY)
    chosen, trials = nodes.search_hyperparameters(gold, features, folds, params, market=EQUITY)
    oos, _ = nodes.walk_forward(gold, features, folds, chosen, params, market=EQUITY)
    for name in ("price-lstm", "transformer"):
        rows = oos[oos["model"] == name]
        found = rank_ic(rows["score"].to_numpy(), rows["forward_return"].to_numpy(), day_codes(rows["ts"]))
        assert found > 0.15, name
    code = CodeVersion(code_hash="c" * 64, git_commit="abc", packages={})
    said = make_provenance(source_id="seed 7")
    summary = nodes.summarise_training(gold, features, folds, trials, said, code, params, market=EQUITY)
    made = nodes.fit_candidates(gold, features, chosen, summary, params, market=EQUITY)
    model = made["price-lstm"].model
    rows = gold.dropna(subset=["forward_return_5"])[feature_names(gold)]
    forecast = model.forecast(rows)
    assert np.corrcoef(forecast.mean, gold["forward_return_5"].dropna())[0, 1] > 0.15
    assert (forecast.spread > 0.0).all()
    again = restore_model("lstm", json.loads(json.dumps(model.state(), allow_nan=False))).forecast(rows)
    np.testing.assert_array_equal(again.mean, forecast.mean)
    assert made["transformer"].model.forecast(rows) is None
