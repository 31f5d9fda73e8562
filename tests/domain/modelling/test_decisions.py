from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.features import FeatureSet, make_feature_set, select_features
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.modelling.decisions import UNKNOWN_NEWS, AbstentionRules, Action, decide_rows
from finq_predictor.domain.panel import NEWS_FIELDS

NAMES = ("a", "b", "c", "d")
READ = FeatureSet("fx", NAMES, 1, "", ())


def decide(probability, missing=0, **rules):
    """Decide one row with a number of missing features."""
    values = {name: [np.nan if place < missing else 1.0] for place, name in enumerate(NAMES)}
    features = pd.DataFrame({"ts": [pd.Timestamp("2024-01-02", tz="UTC")], "instrument": ["A"], **values})
    scored = pd.DataFrame({"score": [0.0], "probability": [probability]})
    return decide_rows(features, scored, READ, AbstentionRules(**rules), get_market("fx")).iloc[0]


@given(st.floats(0.0, 1.0))
def test_prediction_and_confidence_follow_the_probability(probability):
    row = decide(probability)
    assert row["prediction"] == (probability > 0.5)
    assert row["confidence"] == abs(probability - 0.5) * 2.0
    assert (row["decision"], row["reason"]) == (Action.PREDICT, None)


def test_more_missing_features_than_allowed_abstain_but_keep_the_probability():
    assert decide(0.9, missing=2)["decision"] == "predict"
    row = decide(0.9, missing=3)
    assert row["decision"] == "abstain"
    assert row["reason"] == "missing features: 3 of 4 are not known at this bar"
    assert (row["probability"], row["prediction"]) == (0.9, True)


def test_low_confidence_abstains():
    assert decide(0.56, min_confidence=0.2)["reason"] == "low confidence: 0.1200 is below the minimum 0.2"
    assert decide(0.61, min_confidence=0.2)["reason"] is None


def test_without_a_probability_nothing_is_predicted():
    row = decide(np.nan, min_confidence=0.2)
    assert row["prediction"] is pd.NA
    assert np.isnan(row["confidence"])
    assert row["reason"] == "the model gives no probability for these features"


def test_the_first_reason_is_given():
    assert decide(np.nan, missing=4)["reason"].startswith("missing features: 4 of 4")
    assert decide(0.5, missing=4, min_confidence=1.0)["reason"].startswith("missing features")


@pytest.mark.parametrize("rule", [{"min_confidence": -0.1}, {"max_missing_share": 1.1}, {"min_confidence": np.nan}])
def test_rules_are_shares(rule):
    with pytest.raises(ConfigurationError):
        AbstentionRules(**rule)


@pytest.mark.parametrize(("hour", "abstains"), [(20, False), (21, True), (23, True), (0, False)])
def test_nothing_is_decided_in_an_hour_that_the_market_masks(hour, abstains):
    ts = pd.Timestamp(f"2024-01-02 {hour:02d}:00", tz="UTC")
    features = pd.DataFrame({"ts": [ts], "instrument": ["EUR_USD"], **dict.fromkeys(NAMES, 1.0)})
    scored = pd.DataFrame({"score": [0.0], "probability": [0.9]})
    row = decide_rows(features, scored, READ, AbstentionRules(), get_market("fx")).iloc[0]
    assert (row["decision"] == Action.ABSTAIN) == abstains
    assert row["probability"] == 0.9
    if abstains:
        assert row["reason"].startswith(f"masked hour: prices at {hour}:00 UTC")
    stocks = decide_rows(features, scored, READ, AbstentionRules(), get_market("equity"))
    assert stocks["decision"].tolist() == [Action.PREDICT]


@pytest.mark.parametrize("known", [True, False])
def test_a_model_that_reads_news_says_nothing_where_they_are_not_known(known):
    fields = ("close", "tone_sum", "article_count")
    read = make_feature_set(select_features(get_market("fx"), fields))
    news = [name for name in read.names if "news" in name or "tone" in name]
    at_the_bar = ("news_tone_1", "news_count_1")
    assert read.closest_to(NEWS_FIELDS) == at_the_bar
    features = pd.DataFrame({"ts": [pd.Timestamp("2024-01-02", tz="UTC")], "instrument": ["EUR_USD"]})
    features = pd.concat([features, pd.DataFrame(1.0, index=[0], columns=list(read.names))], axis=1)
    # What looks far back is not known for long after a gap, what was said a bar ago is still known in one.
    features[sorted(set(news) - set(at_the_bar)) if known else list(at_the_bar)] = np.nan
    scored = pd.DataFrame({"score": [0.0], "probability": [0.9]})
    row = decide_rows(features, scored, read, AbstentionRules(), get_market("fx")).iloc[0]
    assert row["decision"] == ("predict" if known else "abstain")
    assert row["reason"] == (None if known else UNKNOWN_NEWS)
    assert row["probability"] == 0.9
    deaf = make_feature_set(select_features(get_market("fx"), ("close",)))
    assert deaf.closest_to(NEWS_FIELDS) == ()
    assert decide_rows(features, scored, deaf, AbstentionRules(), get_market("fx"))["reason"].isna().all()
