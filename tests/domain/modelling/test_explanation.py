from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.special import expit, logit

from finq_predictor.domain.errors import DataError
from finq_predictor.domain.features import select_features
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.modelling.explanation import NO_FAMILY, explain_row
from finq_predictor.domain.modelling.prediction import Predictor
from serving import small_market

EQUITY = MARKETS["equity"]


@pytest.fixture(scope="module", params=["logistic", "xgboost", "lightgbm", "base_rate"])
def asked(request):
    panel = small_market.panel_of(EQUITY, small_market.silver(EQUITY, bars=330, seed=3))
    bundle = small_market.train(EQUITY, panel, request.param)
    rows = Predictor(bundle, panel).features_at(panel.ts[-1])
    specs = {spec.name: spec for spec in select_features(EQUITY, panel.available)}
    return bundle, rows, specs


def test_the_parts_of_an_answer_add_up_to_its_probability(asked):
    bundle, rows, specs = asked
    said = bundle.predict(rows)
    for place in range(3):
        found = explain_row(bundle, rows.iloc[[place]], specs)
        odds = found.base + sum(part.contribution for part in found.parts)
        assert odds == pytest.approx(found.log_odds, abs=1e-9)
        assert expit(odds) == pytest.approx(said["probability"][place], abs=1e-9)
        assert (found.score, found.probability) == (said["score"][place], said["probability"][place])
        slope, intercept = bundle.calibrator.slope, bundle.calibrator.intercept
        assert odds == pytest.approx(slope * logit(found.score) + intercept, abs=1e-6)
        raw = bundle.model.contributions(rows.iloc[[place]])
        assert found.base == pytest.approx(slope * raw.base[0] + intercept, abs=1e-9), "the calibration is in it once"
        assert sum(found.families.values()) == pytest.approx(odds - found.base, abs=1e-9)


def test_a_part_is_told_in_words_with_its_place_in_the_training(asked):
    bundle, rows, specs = asked
    row = rows.iloc[[0]].assign(ret_5=np.nan)
    found = {part.feature: part for part in explain_row(bundle, row, specs).parts}
    assert set(found) == set(bundle.model.features)
    missing, known = found["ret_5"], found["rsi_14"]
    assert (missing.value, missing.percentile) == (None, None)
    assert "is missing" in missing.words
    quantiles = bundle.profile.features["rsi_14"].quantiles
    assert known.percentile == pytest.approx(100.0 * np.mean(np.array(quantiles) <= known.value))
    assert known.family == specs["rsi_14"].family
    assert known.words.startswith(
        f"rsi_14 ({specs['rsi_14'].description.rstrip('.')}) is {known.value:.4g}, at or above"
    )
    if known.contribution:
        assert f"speaks {'for' if known.contribution > 0 else 'against'} yes" in known.words
    else:
        assert known.words.endswith("says nothing")
    bare = explain_row(bundle, row, {}).parts[0]
    assert (bare.family, bare.meaning) == (NO_FAMILY, "")
    assert json.dumps(bare.value is None or float(bare.value))


def test_one_row_at_a_time(asked):
    bundle, rows, specs = asked
    with pytest.raises(DataError, match="3 rows were to be explained"):
        explain_row(bundle, rows.iloc[:3], specs)
