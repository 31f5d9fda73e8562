"""The scorecard agrees with the plain metrics, and its intervals know that rows of a day are not independent."""

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.evaluation import metrics
from finq_predictor.domain.evaluation.scorecard import _day_statistics, scorecard


def predictions(days: int = 120, rows: int = 30, skill: float = 0.3, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    ts = pd.bdate_range("2023-01-02", periods=days, tz="UTC").repeat(rows)
    latent = rng.standard_normal(days * rows)
    outcome = skill * latent + rng.standard_normal(days * rows)
    probability = 1.0 / (1.0 + np.exp(-0.5 * latent))
    return pd.DataFrame(
        {
            "ts": ts,
            "score": probability,
            "probability": probability,
            "label": (outcome > 0.0) * 1.0,
            "forward_return": outcome,
        }
    )


def card(frame: pd.DataFrame, **changes) -> pd.DataFrame:
    options = {"min_block": 2, "n_resamples": 300} | changes
    return scorecard(frame, np.full(len(frame), 0.5), **options).set_index("metric")


def test_values_are_those_of_the_plain_metrics():
    frame = predictions()
    found = card(frame)["value"]
    expected = metrics.score_metrics(frame, np.full(len(frame), 0.5))
    assert found.to_dict() == pytest.approx(expected)


@pytest.mark.parametrize("weighted", [False, True])
def test_sums_per_day_give_what_the_rows_give(weighted):
    """A day that is drawn k times counts as k copies of its rows; drawn once each, the days are the sample."""
    frame, rng = predictions(days=30, rows=7), np.random.default_rng(2)
    base_rate = rng.uniform(0.4, 0.6, len(frame))
    _, codes = np.unique(metrics.day_codes(frame["ts"]), return_inverse=True)
    weight = rng.integers(0, 4, 30).astype(float) if weighted else np.ones(30)
    y, p = frame["label"].to_numpy(), frame["probability"].to_numpy()
    rows = np.repeat(np.arange(len(frame)), weight[codes].astype(int))
    plain = metrics.score_metrics(frame.iloc[rows], base_rate[rows])
    for name, statistic in _day_statistics(y, p, base_rate, codes, 30).items():
        if name != "ece" or not weighted:  # its bins are those of the sample, not of the draw
            assert statistic(weight) == pytest.approx(plain[name], abs=1e-12), name


def test_intervals_of_daily_sums_cover_the_value():
    found = card(predictions()).drop(index=["icir", "ece"])
    assert ((found["ci_low"] < found["value"]) & (found["value"] < found["ci_high"])).all()


def test_one_coin_toss_a_day_has_a_wide_interval():
    frame = predictions(skill=0.0)
    toss = np.random.default_rng(1).integers(0, 2, 120).repeat(30).astype(float)
    clustered = card(frame.assign(label=toss, probability=0.6)).loc["accuracy"]
    free = card(frame.assign(probability=0.6)).loc["accuracy"]
    assert clustered["ci_high"] - clustered["ci_low"] > 3.0 * (free["ci_high"] - free["ci_low"])


def test_the_same_seed_gives_the_same_intervals():
    pd.testing.assert_frame_equal(card(predictions(), seed=3), card(predictions(), seed=3))
    assert not card(predictions(), seed=3).equals(card(predictions(), seed=4))


def test_a_constant_that_changes_once_ranks_nothing():
    frame = predictions()
    frame["score"] = np.where(np.arange(len(frame)) < 1000, 0.49, 0.51)
    assert card(frame)["value"][["rank_ic", "ic"]].isna().all()
