"""An answer of each kind, as the OpenAPI document shows it; a test holds each against its schema."""

from __future__ import annotations

from typing import Any

_ID = {"request_id": "0f8c2b7e41d94c0f9a6b5d3e2c1f0a9b"}
_MODEL = {"name": "logistic", "version": "7", "status": "promoted", "provisional": False}
_BAR = "2024-01-31T21:00:00+00:00"
_SNAPSHOT = "000012-919fa2540b59"
PREDICTION: dict[str, Any] = {
    "instrument": "AAPL",
    "market": "equity",
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
    "name": "xgboost-8",
    "experiment": "xgboost-8",
    "model": "xgboost",
    "version": "8",
    "mode": "shadow",
    "share": 0.0,
    "problem": None,
}
_DETAILS = {
    **_MODEL,
    "market": "equity",
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
_ARM = {
    "accuracy": 0.518,
    "hit_rate": 0.524,
    "acted": 0.81,
    "brier": 0.2496,
    "log_loss": 0.6923,
    "paper": {"sharpe": 0.4, "max_drawdown": 0.06, "profit_factor": 1.05},
}
_EVIDENCE = {"wealth": 1.8, "highest": 2.1, "p_value": 0.476, "bars": 120, "decided_at": None}
_TRIAL = {
    "name": "xgboost-8",
    "experiment": "xgboost-8",
    "mode": "shadow",
    "model": "xgboost",
    "version": "8",
    "champion_model": "logistic",
    "champion_version": "7",
    "horizon": 5,
    "found": {
        "pairs": 58_680,
        "bars": 120,
        "unpaired": 0,
        "champion": _ARM,
        "challenger": {**_ARM, "brier": 0.2493},
        "gain": 0.0003,
        "low": -0.0004,
        "high": 0.001,
        "welch": {"p_value": 0.61, "cohens_d": 0.07, "notable": False},
        "better": _EVIDENCE,
        "worse": {**_EVIDENCE, "wealth": 0.5, "highest": 1.0, "p_value": 1.0},
        "decided_at": None,
        "detectable": 0.001,
        "verdict": "cannot be told apart",
    },
    "sentence": "They cannot be told apart on 120 bars, which would show a difference of 0.0010 in the Brier score "
    "four times in five.",
}
EXAMPLES: dict[str, dict[str, Any]] = {
    "PredictAnswer": {**PREDICTION, **_ID},
    "ExplainAnswer": {**PREDICTION, "explanation": _EXPLANATION, **_ID},
    "BatchAnswer": {"count": 1, "predictions": [PREDICTION], "errors": [], **_ID},
    "RankingAnswer": {
        "market": "equity",
        "feature_ts": _BAR,
        "model": _MODEL,
        "simulated": False,
        "ranking": [PREDICTION],
        **_ID,
    },
    "ExperimentAnswer": {"market": "equity", "made_at": _BAR, "trials": [_TRIAL], "waiting": [], **_ID},
    "ModelsAnswer": {"models": [_DETAILS], **_ID},
    "Standing": {"status": "ok", "reason": None, "markets": {"equity": _STATE}, **_ID},
    "ErrorAnswer": {
        "error": {
            "type": "unknown_instrument",
            "message": "Unknown instrument 'APPL'. Did you mean 'AAPL'?",
            **_ID,
        }
    },
}
"""By the name of the schema."""
