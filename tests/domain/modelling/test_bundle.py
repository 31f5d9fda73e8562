from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.errors import DataError, StoreError
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.calibration import PlattCalibrator
from finq_predictor.domain.modelling.models import create_model
from finq_predictor.domain.modelling.origin import ModelStatus
from finq_predictor.domain.modelling.training_profile import ColumnProfile, TrainingProfile, build_profile
from synthetic_gold import feature_names, make_feature_set, make_gold
from synthetic_values import make_limits, make_origin, make_version


@pytest.fixture(scope="module")
def gold():
    return make_gold(n_instruments=10, n_dates=120)


@pytest.fixture(scope="module", params=["logistic", "xgboost"])
def bundle(request, gold):
    known = gold.dropna(subset=["label_5"])
    X, y = known[feature_names(gold)], known["label_5"].to_numpy()
    # With fewer rows to a leaf than there are in the market, or every row would get one score.
    params = {"min_child_weight": 20, "n_estimators": 20} if request.param == "xgboost" else {}
    model = create_model(request.param, params).fit(X, y, seed=1)
    return ModelBundle(
        market="equity",
        name=request.param,
        horizon=5,
        feature_set=make_feature_set(gold),
        model=model,
        calibrator=PlattCalibrator().fit(model.predict_score(X), y),
        **make_limits(X, y, model.predict_score(X)),
        profile=build_profile(X, y, model.predict_score(X)),
        origin=make_origin(),
    )


def test_a_prediction_keeps_keys_and_order(bundle, gold):
    shuffled = gold.sample(frac=1.0, random_state=1)
    found = bundle.predict(shuffled)
    assert list(found.columns) == ["ts", "instrument", "score", "probability"]
    assert found["instrument"].tolist() == shuffled["instrument"].tolist()
    assert found["ts"].tolist() == shuffled["ts"].tolist()
    assert found["probability"].between(0, 1).all()
    np.testing.assert_array_equal(found["probability"], bundle.calibrator.transform(found["score"].to_numpy()))


def test_one_row_has_the_bits_of_the_batch(bundle, gold):
    batch = bundle.predict(gold)
    for row in range(0, len(gold), 37):
        alone = bundle.predict(gold.iloc[[row]])
        assert alone["probability"][0] == batch["probability"][row]
        assert alone["score"][0] == batch["score"][row]


def test_nothing_is_filled_in(bundle, gold):
    with pytest.raises(DataError, match="feature_3"):
        bundle.predict(gold.drop(columns="feature_3"))
    with pytest.raises(DataError, match="instrument"):
        bundle.predict(gold.drop(columns="instrument"))


def test_no_row_gives_no_prediction(bundle, gold):
    assert bundle.predict(gold.iloc[:0]).empty


def test_input_is_left_alone(bundle, gold):
    before = gold.copy()
    bundle.predict(gold)
    pd.testing.assert_frame_equal(gold, before)


def test_the_place_in_the_registry_is_added_to_a_copy(bundle):
    registered = bundle.registered_as(make_version("3"))
    assert (registered.version, registered.status) == ("3", ModelStatus.PROMOTED)
    assert replace(registered.origin, registered=None) == bundle.origin
    assert (bundle.version, bundle.status) == ("unregistered", ModelStatus.PROVISIONAL)


def test_a_bundle_that_says_the_same_of_every_row_is_flat(bundle):
    """By its calibration, or because what was held out got one probability only."""
    assert not bundle.is_flat
    assert replace(bundle, calibrator=PlattCalibrator(0.0, 0.1)).is_flat
    assert replace(bundle, profile=bundle.profile.with_probability(np.full(50, 0.4))).is_flat
    assert not replace(bundle, profile=bundle.profile.with_probability(np.array([0.4, 0.4001]))).is_flat


def test_a_model_of_other_features_is_refused(bundle, gold):
    names = feature_names(gold)[::-1]
    with pytest.raises(StoreError, match="or their order differs"):
        ModelBundle(
            bundle.market,
            bundle.name,
            5,
            replace(make_feature_set(gold), names=tuple(names)),
            bundle.model,
            bundle.calibrator,
            bundle.conformal,
            bundle.guard,
            bundle.profile,
            bundle.origin,
        )


def test_profile_bins_have_equal_mass_and_go_through_json():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"x": rng.standard_normal(5000), "empty": np.nan, "flag": rng.integers(0, 2, 5000) * 1.0})
    frame.loc[:499, "x"] = np.nan
    profile = build_profile(frame, np.resize([0.0, 1.0], 5000), rng.random(500))
    x = profile.features["x"]
    np.testing.assert_allclose(x.shares, 0.1, atol=0.002)
    assert x.missing_share == pytest.approx(0.1)
    assert len(x.quantiles) == 101
    np.testing.assert_allclose(x.shares_of(frame["x"].to_numpy()), x.shares)
    assert profile.features["empty"] == ColumnProfile((), (), 1.0, (), 0.0, 0.0)
    flag = profile.features["flag"]
    assert len(flag.edges) == 1
    assert sum(flag.shares) == pytest.approx(1.0)
    assert profile.label_rate == 0.5
    assert TrainingProfile.from_dict(json.loads(json.dumps(profile.to_dict(), allow_nan=False))) == profile
    with pytest.raises(StoreError, match="Train again"):
        TrainingProfile.from_dict({"features": {}})
