"""An answer of each kind, as the OpenAPI document shows it; a test holds each against its schema."""

from __future__ import annotations

from typing import Any

from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.serving.examples_looking_back import EXAMPLES_LOOKING_BACK

_MARKET = next(iter(MARKETS))
_ID = {"request_id": "0f8c2b7e41d94c0f9a6b5d3e2c1f0a9b"}
_MODEL = {"name": "logistic", "version": "7", "status": "promoted", "provisional": False}
_BAR = "2024-01-31T21:00:00+00:00"
_SNAPSHOT = "000012-919fa2540b59"
PREDICTION: dict[str, Any] = {
    "instrument": "AAPL",
    "market": _MARKET,
    "question": "Will AAPL beat its benchmark over the next 5 trading days?",
    "prediction": True,
    "direction": "outperform",
    "probability": 0.531,
    "confidence": 0.062,
    "decision": "predict",
    "reason": None,
    "prediction_set": ["yes", "no"],
    "coverage": 0.9,
    "conformal_decision": "undecided",
    "p_yes": 0.71,
    "p_no": 0.22,
    "flags": [],
    "model_age_days": 9.0,
    "feature_ts": _BAR,
    "feature_age_hours": 3.5,
    "horizon_bars": 5,
    "label_window": {"entry_bar": 1, "exit_bar": 6, "entry_ts": None, "exit_ts": None},
    "model": _MODEL,
    "simulated": False,
    "preset": None,
    "snapshot": _SNAPSHOT,
}
_PART = {
    "feature": "ret_5",
    "family": "momentum",
    "meaning": "Return over the window",
    "unit": "fraction",
    "value": -0.021,
    "percentile": 18.8,
    "contribution": 0.034,
    "words": "ret_5 (Return over the window) is -0.021, at or above 19% of the training and speaks for yes by 0.0340",
}
_EXPLANATION = {
    "exact": True,
    "how": "Exact: base plus all contributions is the log-odds of the probability.",
    "score": 0.534,
    "log_odds": 0.124,
    "base": 0.004,
    "contributions": [_PART],
    "rest": 0.086,
    "families": {"momentum": 0.07, "volatility": 0.05},
}
_STATE = {"status": "ok", "model": _MODEL, "newest_bar": _BAR, "snapshot": _SNAPSHOT, "reason": None}
_CHALLENGER = {
    "name": "logistic-8",
    "experiment": "logistic-8",
    "model": "logistic",
    "version": "8",
    "mode": "shadow",
    "share": 0.0,
    "problem": None,
}
_DETAILS = {
    **_MODEL,
    "market": _MARKET,
    "question": "Will an instrument beat its benchmark over the next 5 trading days?",
    "horizon_bars": 5,
    "simulated": False,
    "preset": None,
    "snapshot": _SNAPSHOT,
    "trained_from": "2014-01-02T21:00:00+00:00",
    "trained_to": "2024-01-22T21:00:00+00:00",
    "features": 2,
    "feature_names": ["ret_5", "vol_20"],
    "feature_set_hash": "5f1d",
    "data_hash": "9a0c",
    "code_hash": "77be",
    "source": "own",
    "run_id": "4c1e",
    "instruments": 489,
    "loaded_at": "2024-02-01T00:30:00+00:00",
    "oldest_bar": "2014-01-02T21:00:00+00:00",
    "newest_bar": _BAR,
    "challengers": [_CHALLENGER],
}
_RECORDED = {**PREDICTION, "prediction_id": "5f0c2b7e41d94c0f-2a"}
_LEANING = {
    "accounts": None,
    "answers_in_redis": None,
    "features_at_hand": None,
    "limits_in_redis": None,
    "recording": None,
    "store": None,
}
EXAMPLES: dict[str, dict[str, Any]] = {
    **EXAMPLES_LOOKING_BACK,
    "PredictAnswer": {**_RECORDED, "recorded": True, **_ID},
    "ExplainAnswer": {**PREDICTION, "explanation": _EXPLANATION, **_ID},
    "BatchAnswer": {"count": 1, "predictions": [_RECORDED], "errors": [], "recorded": True, **_ID},
    "RankingAnswer": {
        "market": _MARKET,
        "feature_ts": _BAR,
        "model": _MODEL,
        "simulated": False,
        "ranking": [PREDICTION],
        **_ID,
    },
    "FeaturesAnswer": {
        "market": _MARKET,
        "simulated": False,
        "snapshot": _SNAPSHOT,
        "feature_set_hash": "5f1d",
        "views": [{"name": "market", "ttl_hours": 13.0, "features": ["ret_5", "vol_20"]}],
        "instruments": [
            {
                "instrument": "AAPL",
                "feature_ts": _BAR,
                "feature_age_hours": 0.0,
                "values": {"ret_5": -0.021, "vol_20": 0.016, "ret_5__lag_1": -0.017, "vol_20__lag_1": None},
                "states": {
                    "ret_5": "PRESENT",
                    "vol_20": "PRESENT",
                    "ret_5__lag_1": "PRESENT",
                    "vol_20__lag_1": "NULL_VALUE",
                },
            }
        ],
        **_ID,
    },
    "ModelsAnswer": {"models": [_DETAILS], **_ID},
    "Standing": {"status": "ok", "reason": None, "markets": {_MARKET: _STATE}, "dependencies": _LEANING, **_ID},
    "ErrorAnswer": {
        "error": {
            "type": "unknown_instrument",
            "message": "Unknown instrument 'APPL'. Did you mean 'AAPL'?",
            **_ID,
        }
    },
}
"""By the name of the schema."""
