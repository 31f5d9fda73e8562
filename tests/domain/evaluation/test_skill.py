"""Skill is that of what is served, at hours that are traded, of instruments beside each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.evaluation.skill import SKILLS, daily_skill
from finq_predictor.domain.market.markets import get_market

FX = get_market("fx")
NAMES = ("AUD_USD", "EUR_USD", "GBP_USD", "USD_JPY")


def make_predictions(seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    ts = pd.date_range("2024-03-04", periods=24 * 5, freq="h", tz="UTC").repeat(len(NAMES))
    forward = rng.standard_normal(len(ts))
    probability = 1.0 / (1.0 + np.exp(-0.3 * forward + 0.3 * rng.standard_normal(len(ts))))
    return pd.DataFrame(
        {
            "ts": ts,
            "instrument": np.tile(NAMES, len(ts) // len(NAMES)),
            "score": rng.random(len(ts)),
            "probability": probability,
            "forward_return": forward,
            "neutral_return": 0.5 * forward,
            "label": (forward > 0.0).astype(float),
        }
    )


@pytest.mark.parametrize("name", list(SKILLS))
def test_masked_hours_are_not_judged(name):
    predictions = make_predictions()
    masked = FX.is_masked(predictions["ts"])
    assert set(predictions["ts"].dt.hour[masked]) == {21, 22, 23}
    changed = predictions.assign(
        probability=predictions["probability"].mask(masked, 0.999), label=predictions["label"].mask(masked, 1.0)
    )
    changed["forward_return"] = predictions["forward_return"].mask(masked, np.arange(len(changed)) * 1.0)
    before, after = (daily_skill(table, name, FX) for table in (predictions, changed))
    pd.testing.assert_series_equal(before, after, check_exact=True)
    assert before.mean() > 0.0
    assert before.equals(daily_skill(predictions[~masked], name, FX))


@pytest.mark.parametrize("name", list(SKILLS))
def test_the_calibrated_probability_is_judged_and_not_the_score(name):
    predictions = make_predictions()
    other = predictions.assign(score=1.0 - predictions["label"])
    assert daily_skill(predictions, name, FX).equals(daily_skill(other, name, FX))
    flat = predictions.assign(score=predictions["label"], probability=0.5)
    np.testing.assert_allclose(np.nan_to_num(daily_skill(flat, name, FX)), 0.0, atol=1e-12)


def test_hours_are_not_ranked_against_each_other():
    """What is the same for every instrument of a bar ranks nothing, though it follows the outcome of the bar."""
    predictions = make_predictions()
    common = np.repeat(np.random.default_rng(1).standard_normal(len(predictions) // len(NAMES)), len(NAMES))
    level = predictions.assign(
        probability=1.0 / (1.0 + np.exp(-common)), forward_return=common + 0.01 * predictions["forward_return"]
    )
    assert np.nan_to_num(daily_skill(level, "rank_ic", FX)).tolist() == [0.0] * 5
    sorted_ = predictions.assign(probability=predictions["forward_return"].rank(pct=True))
    np.testing.assert_allclose(daily_skill(sorted_, "rank_ic", FX), 1.0)


def test_a_coin_has_no_skill_and_who_is_surely_wrong_has_less_than_none():
    predictions = make_predictions()
    assert np.allclose(daily_skill(predictions.assign(probability=0.5), "log_loss", FX), 0.0)
    wrong = predictions.assign(probability=0.9 - 0.8 * predictions["label"])
    assert (daily_skill(wrong, "log_loss", FX) < -1.0).all()
