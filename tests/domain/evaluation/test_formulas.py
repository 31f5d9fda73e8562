"""Formulas from counts and sums agree with scikit-learn, for rows and for rows that count several times."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as peer

from finq_predictor.domain.evaluation import formulas, metrics

PEERS = {
    "accuracy": peer.accuracy_score,
    "precision": peer.precision_score,
    "recall": peer.recall_score,
    "f1": peer.f1_score,
    "mcc": peer.matthews_corrcoef,
}


@pytest.fixture(scope="module")
def sample():
    rng = np.random.default_rng(1)
    p = rng.random(500)
    return (rng.random(500) < p).astype(float), p, rng.integers(0, 4, 500)


@pytest.mark.parametrize("name", formulas.OF_COUNTS)
def test_counts_agree_with_scikit_learn(name, sample):
    y, p, weight = sample
    formula = formulas.OF_COUNTS[name]
    assert formula(*metrics.confusion(y, p)) == pytest.approx(PEERS[name](y, p > 0.5), abs=1e-12)
    drawn = peer.confusion_matrix(y, p > 0.5, sample_weight=weight.astype(float)).ravel()
    assert formula(*drawn) == pytest.approx(PEERS[name](y, p > 0.5, sample_weight=weight), abs=1e-12)
    assert formula(*drawn) == formula(*metrics.confusion(np.repeat(y, weight), np.repeat(p, weight)))


def test_a_constant_call_has_figures_and_nothing_has_none():
    assert [formula(4, 0, 2, 0) for formula in formulas.OF_COUNTS.values()] == [4 / 6, 0.0, 0.0, 0.0, 0.0]
    assert np.isnan(formulas.accuracy(0, 0, 0, 0))
    assert formulas.mcc(0, 0, 0, 0) == 0.0


def test_the_share_that_is_saved():
    assert formulas.saved_share(0.2, 0.25) == pytest.approx(0.2)
    assert formulas.saved_share(0.5, 0.25) == -1.0
    assert np.isnan(formulas.saved_share(0.0, 0.0))


def test_calibration_error_weighs_bins_by_their_rows():
    assert formulas.calibration_error(np.array([2.0, -1.0]), np.array([10.0, 10.0])) == pytest.approx(0.15)
    assert np.isnan(formulas.calibration_error(np.empty(0), np.empty(0)))
