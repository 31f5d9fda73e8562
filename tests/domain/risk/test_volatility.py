"""The model of volatility: it sees no day to come, finds persistence that is there, and is refused where none is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.errors import DataError
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.risk.volatility import (
    FEWEST_DAYS,
    REFIT_DAYS,
    daily_variance,
    fit_har,
    forecast_newest,
    judge_volatility,
    tell_ahead,
)

EQUITY, FX = get_market("equity"), get_market("fx")


def persistent(days: int = 700, names: int = 12, memory: float = 0.99, seed: int = 0) -> pd.DataFrame:
    """Variances whose logs are the sum of a slow and a quick autoregression, seen through noise."""
    rng = np.random.default_rng(seed)
    slow, quick = np.zeros((days, names)), np.zeros((days, names))
    for day in range(1, days):
        slow[day] = memory * slow[day - 1] + 0.1 * rng.standard_normal(names)
        quick[day] = 0.4 * quick[day - 1] + 0.5 * rng.standard_normal(names)
    seen = np.log(1e-4) + slow + quick + 0.3 * rng.standard_normal((days, names))
    index = pd.bdate_range("2020-01-01", periods=days, tz="UTC")
    return pd.DataFrame(np.exp(seen), index=index, columns=[f"S{name:02d}" for name in range(names)])


def test_persistence_is_found_and_promoted():
    verdict = judge_volatility(persistent())
    assert verdict.promoted, verdict.reason
    assert verdict.qlike < verdict.naive_qlike
    assert verdict.mse < verdict.naive_mse
    assert verdict.model.month + verdict.model.week + verdict.model.day > 0.6
    assert verdict.figures["gain_t"] > 2.0


def test_where_the_naive_rule_is_all_there_is_the_model_is_refused():
    """Variances of a random walk that turns slowly, on so few days that coefficients are mostly luck."""
    variance = persistent(days=FEWEST_DAYS + 60, names=1, seed=4)
    verdict = judge_volatility(variance)
    assert not verdict.promoted
    assert "not better by more than luck" in verdict.reason
    told = forecast_newest(variance, verdict)
    np.testing.assert_allclose(told["volatility"], told["naive"])


def test_forecasts_know_no_day_to_come():
    variance = persistent(days=500)
    cut = FEWEST_DAYS + REFIT_DAYS + 20
    other = variance.copy()
    other.iloc[cut:] *= 50.0
    for whole, changed in zip(tell_ahead(variance), tell_ahead(other), strict=True):
        pd.testing.assert_frame_equal(whole.iloc[: cut + 1], changed.iloc[: cut + 1])
        assert not whole.iloc[cut + 1].equals(changed.iloc[cut + 1])


def test_the_level_is_right_on_average():
    variance = persistent(days=900)
    told, _ = tell_ahead(variance)
    known = told.notna()
    assert (variance / told).where(known).mean().mean() == pytest.approx(1.0, abs=0.1)


def test_few_days_are_not_judged():
    verdict = judge_volatility(persistent(days=100))
    assert verdict.model is None
    assert not verdict.promoted
    assert "too few days" in verdict.reason
    assert verdict.figures == {"days": 0.0}
    assert fit_har(persistent(days=100)) is None


def test_the_variance_of_a_day_is_that_of_what_moved():
    rng = np.random.default_rng(3)
    days, steps = 300, 390
    path = np.cumsum(0.01 / np.sqrt(steps) * rng.standard_normal((days, steps)), axis=1)
    night = 0.005 * rng.standard_normal(days)
    start = np.concatenate([[0.0], np.cumsum(path[:-1, -1] + night[1:])])
    level = start[:, None] + np.column_stack([np.zeros(days), path])
    price = 100.0 * np.exp(level)
    bars = pd.DataFrame(
        {
            "ts": pd.bdate_range("2023-01-02 21:00", periods=days, tz="UTC"),
            "instrument": "A",
            "open": price[:, 0],
            "high": price.max(axis=1),
            "low": price.min(axis=1),
            "close": price[:, -1],
        }
    )
    found = daily_variance(bars, EQUITY)["A"]
    assert found.mean() == pytest.approx(0.01**2 + 0.005**2, rel=0.12)
    split = bars.assign(adj_close=bars["close"])
    later = split.index >= 150
    split.loc[later, ["open", "high", "low", "close"]] /= 2.0
    split["adj_close"] = bars["close"] / 2.0
    np.testing.assert_allclose(daily_variance(split, EQUITY)["A"], found, atol=1e-12)
    with pytest.raises(DataError, match="high"):
        daily_variance(bars.drop(columns="high"), EQUITY)


def test_a_day_of_many_bars_is_the_sum_of_their_squares():
    ts = pd.date_range("2024-07-02 00:00", periods=48, freq="h", tz="UTC")
    close = 1.1 * np.exp(np.cumsum(np.full(48, 0.001) * np.where(np.arange(48) % 2, 1.0, -1.0)))
    bars = pd.DataFrame({"ts": ts, "instrument": "EUR_USD", "close": close})
    bars = bars.assign(open=close, high=close, low=close)
    found = daily_variance(bars, FX)["EUR_USD"]
    assert found.iloc[1] == pytest.approx(24e-6)
