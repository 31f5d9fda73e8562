"""Answers about accounts and about the past, as the OpenAPI document shows them; see ``examples``."""

from __future__ import annotations

from typing import Any

from finq_predictor.domain.market.markets import MARKETS

_MARKET = next(iter(MARKETS))
_ID = {"request_id": "0f8c2b7e41d94c0f9a6b5d3e2c1f0a9b"}
_BAR = "2024-01-31T21:00:00+00:00"
_PAST = {
    "ts": _BAR,
    "close": 184.4,
    "probability": 0.531,
    "decision": "predict",
    "source": "served",
    "model": "logistic",
    "version": "7",
    "forward_return": 0.0123,
    "outcome": True,
    "known_at": "2024-02-08T21:00:00+00:00",
    "feedback": [True],
}
_CARD = {
    "market": _MARKET,
    "model": "logistic",
    "version": "7",
    "arm": "champion",
    "horizon": 5,
    "first_bar": "2024-01-02T21:00:00+00:00",
    "last_bar": _BAR,
    "counts": {
        "said": 9800,
        "abstained": 120,
        "matured": 7200,
        "waiting": 2480,
        "ties": 0,
        "known_before": 0,
        "days": 21,
    },
    "figures": [{"name": "hit_rate", "value": 0.514, "low": 0.498, "high": 0.531, "promised": 0.517}],
    "feedback": {"given": 3, "agreeing": 2, "conflicting": 1, "open": 0},
    "note": "",
}
_ARM = {
    "accuracy": 0.512,
    "hit_rate": 0.517,
    "acted": 0.61,
    "brier": 0.2488,
    "rmse": 0.4988,
    "log_loss": 0.6907,
    "paper": {"sharpe": 0.4, "max_drawdown": 0.06, "profit_factor": 1.05},
}
_LATENCIES = {"latency_p50_us": 130.0, "latency_p95_us": 210.0, "latency_p99_us": 430.0}
_SERVICE = {
    "answers": 48120,
    "errors": 2,
    "error_rate": 0.00004,
    "timed": 48120,
    **_LATENCIES,
    "bars_timed": 120,
    "bar_p50_us": 41200.0,
    "bar_p95_us": 58700.0,
}
_EVIDENCE = {"wealth": 3.1, "highest": 4.2, "p_value": 0.238, "bars": 120, "decided_at": None}
_FOUND = {
    "pairs": 48000,
    "bars": 120,
    "unpaired": 0,
    "champion": _ARM,
    "challenger": {**_ARM, "brier": 0.2481, "rmse": 0.4981},
    "gain": 0.0007,
    "low": -0.0004,
    "high": 0.0018,
    "welch": {"p_value": 0.21, "cohens_d": 0.02, "notable": False},
    "better": _EVIDENCE,
    "worse": {**_EVIDENCE, "wealth": 0.4, "highest": 1.0, "p_value": 1.0},
    "decided_at": None,
    "detectable": 0.0016,
    "verdict": "cannot be told apart",
}
_TRIAL = {
    "name": "logistic-8",
    "experiment": "eight-against-seven",
    "mode": "shadow",
    "model": "logistic",
    "version": "8",
    "champion_model": "logistic",
    "champion_version": "7",
    "horizon": 5,
    "found": _FOUND,
    "sentence": "logistic 8 and logistic 7 cannot be told apart on 120 bars.",
    "model_hash": "3f9c0d1e2b4a5968",
    "over": False,
    "service": {"champion": _SERVICE, "challenger": {**_SERVICE, "timed": 0, **dict.fromkeys(_LATENCIES)}},
}
EXAMPLES_LOOKING_BACK: dict[str, dict[str, Any]] = {
    "FeedbackAnswer": {"feedback_id": "9b1d3c", "recorded": True, **_ID},
    "HistoryAnswer": {
        "instrument": "AAPL",
        "market": _MARKET,
        "horizon_bars": 5,
        "simulated": False,
        "store": "read",
        "bars": [_PAST],
        **_ID,
    },
    "ScoreCardAnswer": {"made_at": "2024-02-09T00:00:00+00:00", "cards": [_CARD], **_ID},
    "ExperimentAnswer": {
        "market": _MARKET,
        "made_at": "2024-02-09T00:00:00+00:00",
        "trials": [_TRIAL],
        "waiting": [],
        **_ID,
    },
    "TokenAnswer": {
        "access_token": "eyJhbGciOi...",
        "token_type": "Bearer",
        "expires_in": 900,
        "refresh_token": "finqr_...",
        **_ID,
    },
    "RevokeAnswer": {"revoked": True, **_ID},
    "WhoAnswer": {"name": "desk", "role": "predictor", "markets": [_MARKET], "models": None, "way": "key", **_ID},
}
