from __future__ import annotations

import pandas as pd
import pytest
from pydantic import ValidationError

from finq_predictor.domain.evaluation.realised import Figure
from finq_predictor.domain.monitoring.retraining import (
    ReasonKind,
    RetrainLimits,
    RetrainVerdict,
    reasons_to_retrain,
    stale_layers,
)

LIMITS = RetrainLimits()


def drift(drifted: int = 0, of: int = 8, predictions: bool = False) -> pd.DataFrame:
    rows = [{"kind": "feature", "name": f"f{i}", "drifted": i < drifted} for i in range(of)]
    return pd.DataFrame([*rows, {"kind": "prediction", "name": "probability", "drifted": predictions}])


def kinds(*given, **limits):
    reasons = reasons_to_retrain(*given, LIMITS.model_copy(update=limits))
    return [reason.kind for reason in reasons]


def figures(**values):
    return {name: Figure(name, value) for name, value in values.items()}


def test_nothing_speaks_for_a_training_while_all_is_well():
    assert kinds(drift(), 10.0, 126, figures(hit_rate=0.56, auc=0.61, precision=0.55)) == []
    assert kinds(drift(), 126.0, 126, {}) == []


@pytest.mark.parametrize(("name", "limit"), [("hit_rate", 0.55), ("auc", 0.60), ("precision", 0.55)])
def test_a_realised_score_below_its_limit_is_a_reason(name, limit):
    (reason,) = reasons_to_retrain(drift(), 0.0, 126, figures(**{name: limit - 0.001}), LIMITS)
    assert (reason.kind, reason.figure, reason.limit) == (ReasonKind.SCORE, limit - 0.001, limit)
    assert kinds(drift(), 0.0, 126, figures(**{name: limit})) == []
    assert kinds(drift(), 0.0, 126, figures(**{name: None})) == [], "too little to go by says nothing"
    assert kinds(drift(), 0.0, 126, figures(**{name: 0.1}), **{f"least_{name}": None}) == []


def test_drift_of_many_features_or_of_the_predictions_is_a_reason():
    assert kinds(drift(2), 0.0, 126, {}) == []
    assert kinds(drift(3), 0.0, 126, {}) == [ReasonKind.DRIFT]
    assert kinds(drift(predictions=True), 0.0, 126, {}) == [ReasonKind.DRIFT]
    assert kinds(drift(predictions=True), 0.0, 126, {}, drifted_predictions=False) == []
    (reason,) = reasons_to_retrain(drift(7), 0.0, 126, {}, LIMITS)
    assert reason.text == "7 of 8 features have drifted: f0, f1, f2, f3, f4 ..."


def test_age_is_a_reason_beyond_the_market_or_the_limit():
    assert kinds(drift(), 127.0, 126, {}) == [ReasonKind.AGE]
    assert kinds(drift(), 30.0, 126, {}, most_age_bars=20) == [ReasonKind.AGE]


def test_the_same_old_data_would_make_the_same_model():
    freshness = pd.DataFrame({"layer": ["silver", "gold", "predictions"], "stale": [True, False, True]})
    assert stale_layers(freshness) == "silver would be the same: too old"
    assert stale_layers(freshness.assign(stale=[False, False, True])) == ""
    reasons = reasons_to_retrain(drift(8), 0.0, 126, {}, LIMITS)
    assert RetrainVerdict("fx", "m 1", reasons).asks
    assert not RetrainVerdict("fx", "m 1", reasons, "silver would be the same: too old").asks
    assert not RetrainVerdict("fx", "m 1").asks


def test_limits_are_shares():
    with pytest.raises(ValidationError):
        RetrainLimits(least_auc=60)
    with pytest.raises(ValidationError):
        RetrainLimits(least_accuracy=0.5)
