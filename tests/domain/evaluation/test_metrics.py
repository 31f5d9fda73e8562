from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as peer

from finq_predictor.domain.evaluation import metrics


@pytest.fixture(scope="module")
def sample():
    """Predictions of 40 days of 5 to 60 rows, scores rounded so that ties occur."""
    rng = np.random.default_rng(3)
    day = np.repeat(np.arange(40), rng.integers(5, 60, 40))
    outcome = rng.standard_normal(len(day)).round(2)
    score = np.clip(0.5 + 0.02 * outcome + 0.05 * rng.standard_normal(len(day)), 0.01, 0.99).round(2)
    order = rng.permutation(len(day))
    return (outcome > 0).astype(float)[order], score[order], outcome[order], day[order]


def test_agreement_with_scikit_learn(sample):
    y, p, _, _ = sample
    said = p > 0.5
    assert metrics.accuracy(y, p) == pytest.approx(peer.accuracy_score(y, said), abs=1e-12)
    assert metrics.auc(y, p) == pytest.approx(peer.roc_auc_score(y, p), abs=1e-12)
    assert metrics.brier(y, p) == pytest.approx(peer.brier_score_loss(y, p), abs=1e-12)
    assert metrics.log_loss(y, p) == pytest.approx(peer.log_loss(y, p), abs=1e-12)
    assert metrics.confusion(y, p) == tuple(peer.confusion_matrix(y, said).ravel())


def test_weighted_auc_agrees_with_scikit_learn(sample):
    y, p, _, day = sample
    weight = np.random.default_rng(0).integers(0, 4, day.max() + 1)[day].astype(float)
    ranking = metrics.AucRanking(y, p)
    assert ranking.value(weight) == pytest.approx(peer.roc_auc_score(y, p, sample_weight=weight), abs=1e-12)
    assert ranking.value() == metrics.auc(y, p)


def test_daily_metrics_agree_with_a_loop_over_days(sample):
    y, p, outcome, day = sample
    for code in range(40):
        rows = day == code
        spearman = stats.spearmanr(p[rows], outcome[rows]).statistic
        assert metrics.daily_rank_ic(p, outcome, day)[code] == pytest.approx(spearman, abs=1e-12)
        pearson = stats.pearsonr(p[rows], outcome[rows]).statistic
        assert metrics.daily_ic(p, outcome, day)[code] == pytest.approx(pearson, abs=1e-12)
        assert metrics.daily_accuracy(y, p, day)[code] == pytest.approx(metrics.accuracy(y[rows], p[rows]))
        assert metrics.daily_log_loss(y, p, day)[code] == pytest.approx(metrics.log_loss(y[rows], p[rows]))
        if 0 < y[rows].mean() < 1:
            assert metrics.daily_auc(y, p, day)[code] == pytest.approx(peer.roc_auc_score(y[rows], p[rows]))
    assert metrics.rank_ic(p, outcome, day) == pytest.approx(metrics.daily_rank_ic(p, outcome, day).mean())


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-3, 3)), min_size=1, max_size=60))
def test_grouped_ranks_are_the_ranks_of_scipy(rows):
    groups, values = (np.array(part) for part in zip(*rows, strict=True))
    _, codes = np.unique(groups, return_inverse=True)
    ranks = metrics.grouped_ranks(values.astype(float), codes)
    for code in np.unique(codes):
        np.testing.assert_array_equal(ranks[codes == code], stats.rankdata(values[codes == code]))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 5.0))
def test_ranking_metrics_do_not_see_a_rising_transformation(seed, power):
    rng = np.random.default_rng(seed)
    score, outcome, day = rng.random(60), rng.standard_normal(60), np.repeat([0, 1, 2], 20)
    y = (outcome > 0).astype(float)
    assert metrics.auc(y, score**power) == pytest.approx(metrics.auc(y, score), abs=1e-12)
    assert metrics.auc(y, -score) == pytest.approx(1 - metrics.auc(y, score), abs=1e-12)
    assert metrics.rank_ic(score**power, outcome, day) == pytest.approx(metrics.rank_ic(score, outcome, day), abs=1e-9)


def test_what_is_not_defined_is_nan_not_zero():
    ones, half = np.ones(4), np.full(4, 0.3)
    assert np.isnan(metrics.auc(ones, half))
    assert np.isnan(metrics.rank_ic(half, np.arange(4.0), np.zeros(4)))
    assert np.isnan(metrics.ic(np.full(4, 0.1), np.arange(4.0), np.zeros(4))), "rounding is not variation"
    assert np.isnan(metrics.daily_auc(ones, half, np.zeros(4))).all()
    assert np.isnan(metrics.icir(pd.Series([0.1])))
    assert metrics.auc(np.array([0.0, 1.0]), np.array([0.2, 0.2])) == 0.5
    empty = np.empty(0)
    assert np.isnan([f(empty, empty) for f in (metrics.auc, metrics.brier, metrics.log_loss, metrics.ece)]).all()


def test_calibration_error_by_hand_and_for_a_constant():
    p = np.repeat([0.2, 0.6], 50)
    y = np.r_[np.ones(20), np.zeros(30), np.ones(30), np.zeros(20)]
    table = metrics.calibration_table(y, p)
    assert table["count"].tolist() == [50, 50]
    assert table["frequency"].tolist() == [0.4, 0.6]
    assert metrics.ece(y, p) == pytest.approx(0.1)
    assert metrics.ece(y, np.full(100, 0.5)) == pytest.approx(0.0)


def test_calibration_bins_have_equal_mass_and_do_not_depend_on_order():
    rng = np.random.default_rng(0)
    p = rng.random(1000)
    y = (rng.random(1000) < p).astype(float)
    assert metrics.calibration_table(y, p)["count"].between(95, 105).all()
    order = rng.permutation(1000)
    assert metrics.ece(y[order], p[order]) == pytest.approx(metrics.ece(y, p), abs=1e-12)
    assert metrics.ece(y, p) < 0.05 < metrics.ece(y, 1 - p)


def test_brier_skill_is_zero_for_the_base_rate_itself():
    y = np.array([0.0, 1.0, 1.0, 0.0])
    assert metrics.brier_skill(y, np.full(4, 0.5), 0.5) == 0.0
    assert metrics.brier_skill(y, y, 0.5) == 1.0
    assert metrics.brier_skill(y, 1 - y, np.full(4, 0.5)) == -3.0


def test_brier_skill_is_beside_what_was_said_beforehand_and_not_beside_what_came():
    y = np.array([0.0, 1.0, 1.0, 1.0])
    assert metrics.brier_skill(y, np.full(4, 0.75), 0.5) == pytest.approx(0.25)
    assert metrics.brier_skill(y, np.full(4, 0.75), np.full(4, 0.75)) == pytest.approx(0.0)


def test_the_ratio_of_skill_is_mean_over_deviation():
    daily = pd.Series([0.1, np.nan, 0.3, -0.1, 0.2])
    assert metrics.icir(daily) == pytest.approx(daily.mean() / daily.std(ddof=1))
    assert metrics.mean_of(daily) == pytest.approx(0.125)


def test_a_day_is_the_mean_of_its_bars():
    rng = np.random.default_rng(4)
    bar = pd.date_range("2024-01-01", periods=48, freq="h").to_numpy("datetime64[us]").repeat(6)
    outcome = rng.standard_normal(len(bar))
    score, y = outcome + rng.standard_normal(len(bar)), (outcome > 0).astype(float)
    for measure in (metrics.daily_rank_ic, metrics.daily_ic):
        daily = measure(score, outcome, bar)
        alone = [measure(score[bar == each], outcome[bar == each], bar[bar == each]).iloc[0] for each in np.unique(bar)]
        np.testing.assert_allclose(daily, [np.mean(alone[:24]), np.mean(alone[24:])])
    alone = [metrics.auc(y[bar == each], score[bar == each]) for each in np.unique(bar)]
    np.testing.assert_allclose(metrics.daily_auc(y, score, bar), [np.nanmean(alone[:24]), np.nanmean(alone[24:])])


def test_a_day_is_the_utc_day_of_the_close():
    ts = pd.Series(pd.to_datetime(["2024-01-02T21:00Z", "2024-01-02T23:59Z", "2024-01-03T00:00Z"], utc=True))
    assert [str(day) for day in metrics.day_codes(ts)] == ["2024-01-02", "2024-01-02", "2024-01-03"]


def test_all_metrics_at_once():
    rng = np.random.default_rng(1)
    ts = pd.date_range("2024-01-01", periods=30, tz="UTC").repeat(20)
    outcome = rng.standard_normal(600)
    score = 1 / (1 + np.exp(-outcome))
    frame = pd.DataFrame({"ts": ts, "score": score, "probability": score, "label": outcome > 0})
    found = metrics.score_metrics(frame.assign(forward_return=outcome, label=frame["label"].astype(float)), 0.5)
    assert len(found) == 14
    assert found["rank_ic"] == pytest.approx(1.0)
    assert found["auc"] == found["within_day_auc"] == found["accuracy"] == 1.0
    assert np.isnan(found["icir"]), "a constant series has no ratio"
