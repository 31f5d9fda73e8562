from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from scipy.stats import t as student
from sklearn.linear_model import LogisticRegression
from statsmodels.regression.linear_model import OLS

from finq_predictor.domain.errors import DataError, StoreError
from finq_predictor.domain.evaluation.metrics import brier, ece, log_loss
from finq_predictor.domain.modelling.calibration import PlattCalibrator, kept, shrunk_base_rate


def draw(seed: int, slope: float, n: int = 2000):
    rng = np.random.default_rng(seed)
    score = expit(0.3 * rng.standard_normal(n) + 0.2)
    y = (rng.random(n) < expit(slope * logit(score) - 0.1)).astype(float)
    return score, y


def test_agreement_with_an_unpenalised_logistic_regression():
    score, y = draw(1, slope=0.7)
    ours = PlattCalibrator().fit(score, y)
    theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(logit(score)[:, None], y)
    assert ours.slope == pytest.approx(theirs.coef_[0, 0], abs=1e-4)
    assert ours.intercept == pytest.approx(theirs.intercept_[0], abs=1e-4)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.floats(-2.0, 4.0), st.booleans())
def test_probabilities_never_fall_and_keep_the_base_rate(seed, slope, clustered):
    score, y = draw(seed, slope, n=400)
    day = np.repeat(np.arange(20), 20) if clustered else None
    calibrator = PlattCalibrator().fit(score, y, day)
    grid = calibrator.transform(np.linspace(0.0, 1.0, 201))
    assert (np.diff(grid) >= 0).all()
    assert calibrator.slope >= 0.0
    assert calibrator.transform(score).mean() == pytest.approx(y.mean(), abs=1e-6)
    assert log_loss(y, calibrator.transform(score)) <= log_loss(y, np.full(len(y), y.mean())) + 1e-9


@pytest.mark.parametrize("slope", [0.3, 1.5, 3.0])
@pytest.mark.parametrize("seed", range(5))
def test_calibration_in_sample_is_no_worse_than_the_scores(seed, slope):
    score, y = draw(seed, slope, n=20_000)
    p = PlattCalibrator().fit(score, y).transform(score)
    assert log_loss(y, p) <= log_loss(y, score) + 1e-9
    assert brier(y, p) <= brier(y, score) + 1e-5
    assert ece(y, p) <= ece(y, score) + 0.005


def test_a_score_that_points_the_wrong_way_gets_the_base_rate():
    score, y = draw(2, slope=-2.0)
    calibrator = PlattCalibrator().fit(score, y)
    assert calibrator.slope == 0.0
    np.testing.assert_allclose(calibrator.transform(score), y.mean(), atol=1e-9)


def test_rows_of_one_day_are_one_witness():
    """A common shock per day makes 5,000 rows look like proof; clustered by day, they are 20 observations."""
    rng = np.random.default_rng(5)
    day = np.repeat(np.arange(20), 250)
    shock = rng.standard_normal(20)[day]
    score = expit(0.2 * shock + 0.01 * rng.standard_normal(len(day)))
    y = (rng.random(len(day)) < expit(1.5 * rng.standard_normal(20)[day])).astype(float)
    naive, honest = PlattCalibrator().fit(score, y), PlattCalibrator().fit(score, y, day)
    assert honest.slope <= naive.slope
    strong_score, strong_y = draw(1, slope=1.0, n=5000)
    kept = (
        PlattCalibrator().fit(strong_score, strong_y, day).slope / PlattCalibrator().fit(strong_score, strong_y).slope
    )
    assert kept > 0.9, "a real slope is hardly shrunk"


def test_luck_of_a_few_days_is_shrunk_however_many_rows_they_have():
    """Shocks of score and outcome have nothing to do with each other; only rows that count as witnesses say they do."""
    naive, honest = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        day = np.repeat(np.arange(20), 100)
        score = expit(0.2 * rng.standard_normal(20)[day] + 0.01 * rng.standard_normal(len(day)))
        y = (rng.random(len(day)) < expit(1.5 * rng.standard_normal(20)[day])).astype(float)
        rows = np.arange(len(day))
        naive.append(PlattCalibrator().fit(score, y, rows).slope)
        honest.append(PlattCalibrator().fit(score, y, day).slope)
    assert all(a <= b for a, b in zip(honest, naive, strict=True))
    assert sum(honest) < 0.6 * sum(naive)


def test_a_base_rate_known_from_elsewhere_is_kept():
    score, y = draw(3, slope=1.0)
    assert PlattCalibrator().fit(score, y, base_rate=0.3).transform(score).mean() == pytest.approx(0.3, abs=1e-9)


@pytest.mark.parametrize("y", [np.zeros(5), np.ones(5)])
def test_one_class_or_a_constant_score_gives_a_constant(y):
    assert PlattCalibrator().fit(np.linspace(0.1, 0.9, 5), y).slope == 0.0
    assert PlattCalibrator().fit(np.full(5, 0.4), np.array([0, 1, 0, 1, 1.0])).transform([0.9])[0] == pytest.approx(0.6)


def test_perfectly_separated_scores_do_not_run_away():
    calibrator = PlattCalibrator().fit(np.array([0.1, 0.2, 0.8, 0.9]), np.array([0, 0, 1, 1.0]))
    assert np.isfinite(calibrator.transform(np.array([0.0, 0.5, 1.0]))).all()


def test_scores_at_the_ends_and_nan():
    calibrator = PlattCalibrator(1.0, 0.0)
    ends = calibrator.transform(np.array([0.0, 1.0, np.nan]))
    assert 0.0 < ends[0] < 1e-5
    assert 1.0 - 1e-5 < ends[1] < 1.0
    assert np.isnan(ends[2])


def test_the_state_goes_through_json():
    score, y = draw(4, slope=1.2)
    calibrator = PlattCalibrator().fit(score, y)
    again = PlattCalibrator.from_state(json.loads(json.dumps(calibrator.state())))
    np.testing.assert_array_equal(again.transform(score), calibrator.transform(score))
    for broken in ({}, {"slope": -1.0, "intercept": 0.0}, {"slope": "x", "intercept": 0.0}):
        with pytest.raises(StoreError, match="Train the model again"):
            PlattCalibrator.from_state(broken)


@pytest.mark.parametrize(
    ("score", "y"),
    [([0.5, np.nan], [0, 1]), ([0.5], [0, 1]), ([], []), ([0.1, 0.2], [0, 2])],
)
def test_what_cannot_be_calibrated_is_refused(score, y):
    with pytest.raises(DataError, match="expected equally many"):
        PlattCalibrator().fit(np.array(score), np.array(y))


def test_what_was_believed_stands_until_outcomes_speak():
    """Log-odds that were stated count for what they say; without news nobody is lifted above another by them."""
    rng = np.random.default_rng(0)
    score = expit(0.025 * rng.standard_normal(4000))
    y, day = (rng.random(4000) < 0.5).astype(float), np.repeat(np.arange(40), 100)
    believed = PlattCalibrator().fit(score, y, day, believed=1.0)
    assert believed.slope == pytest.approx(1.0), "luck has not moved it"
    assert believed.transform(score).mean() == pytest.approx(y.mean(), abs=1e-9)
    nothing = PlattCalibrator().fit(score, y, day)
    assert nothing.slope < 0.5 * abs(LogisticRegression(C=1e9).fit(logit(score)[:, None], y).coef_[0, 0]) + 1e-9


def test_what_was_believed_yields_to_proof_and_never_turns_round():
    score, y = draw(1, slope=3.0, n=20_000)
    day = np.arange(len(y)) // 50
    assert PlattCalibrator().fit(score, y, day, believed=1.0).slope == pytest.approx(3.0, rel=0.15)
    wrong, labels = draw(2, slope=-3.0, n=20_000)
    assert PlattCalibrator().fit(wrong, labels, day, believed=1.0).slope == 0.0


@pytest.mark.parametrize("y", [np.zeros(5), np.ones(5)])
def test_one_class_leaves_what_was_believed(y):
    assert PlattCalibrator().fit(np.linspace(0.4, 0.6, 5), y, believed=1.0).slope == pytest.approx(1.0)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.05, 0.95))
def test_the_base_rate_is_shrunk_by_its_clustered_error(seed, rate):
    rng = np.random.default_rng(seed)
    day = rng.integers(0, 30, 900)
    y = (rng.random(900) < np.clip(rate + 0.2 * rng.standard_normal(30)[day], 0, 1)).astype(float)
    peer = OLS(y, np.ones(900)).fit(cov_type="cluster", cov_kwds={"groups": day})
    off, few = y.mean() - 0.5, student.ppf(0.975, len(np.unique(day)) - 1) / 1.959963984540054
    wanted = 0.5 + off * max(0.0, 1.0 - few**2 * float(peer.cov_params()[0, 0]) / off**2) if off else 0.5
    assert shrunk_base_rate(y, day) == pytest.approx(wanted, rel=1e-9)


def test_a_base_rate_of_one_block_is_not_known():
    assert shrunk_base_rate(np.array([1.0, 1.0, 1.0]), np.zeros(3)) == 0.5
    assert shrunk_base_rate(np.array([0.0, 1.0]), np.arange(2)) == 0.5


@settings(max_examples=60, deadline=None)
@given(st.floats(0.01, 9.0), st.integers(2, 400), st.booleans())
def test_the_fewer_the_blocks_the_less_is_kept(t, blocks, stated):
    """Of the same number of standard errors; what was stated gives way to what is significant only."""
    share = kept(t, 1.0, blocks, stated=stated)
    assert 0.0 <= share <= kept(t, 1.0, blocks + 1, stated=stated) < 1.0
    assert kept(-t, 1.0, blocks, stated=stated) == share
    if stated:
        critical = student.ppf(0.975, blocks - 1)
        assert (share > 0.0) == (t > critical)
        assert share == pytest.approx(max(0.0, 1.0 - (critical / t) ** 2))
    else:
        assert share >= kept(t, 1.0, blocks, stated=True)
    assert kept(t, 1.0, 100_000) == pytest.approx(max(0.0, 1.0 - 1.0 / t**2), abs=1e-3)


@pytest.mark.parametrize("believed", [0.0, 1.0])
def test_one_block_moves_nothing(believed):
    """Its clustered error is nought, as if it were proof."""
    score, y = draw(1, slope=2.0)
    assert PlattCalibrator().fit(score, y, np.zeros(len(y)), believed=believed).slope == pytest.approx(believed)


def test_what_was_stated_rightly_is_served_rightly_though_blocks_are_few():
    """Twelve blocks of shares that move together: what they seem to say of a belief is luck, and it stays near it."""
    moved = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        block = np.repeat(np.arange(12), 200)
        score = expit(0.025 * rng.standard_normal(len(block)))
        # The rule works in some blocks and against itself in others, as rules do; on average it is right.
        y = rng.random(len(block)) < expit((1.0 + 6.0 * rng.standard_normal(12))[block] * logit(score))
        moved.append(PlattCalibrator().fit(score, y.astype(float), block, believed=1.0).slope - 1.0)
    assert np.mean(np.abs(moved) < 1e-9) >= 0.85, "significance at five in a hundred"
    assert np.sqrt(np.mean(np.square(moved))) < 1.0
