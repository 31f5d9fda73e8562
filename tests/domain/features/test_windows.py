"""Window functions against plain NumPy, with holes."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finq_predictor.domain.features._bars import Bars
from finq_predictor.domain.panel import Panel

ROWS, COLUMNS = 40, 9


def make_bars(first: int = 0) -> Bars:
    ts = pd.date_range("2021-01-01", periods=ROWS, tz="UTC").as_unit("us")
    return Bars(Panel("equity", ts, tuple("ABCDEFGHI"), {}), first)


def matrix(seed: int, holes: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(ROWS, COLUMNS)).round(1)
    return np.where(rng.random(values.shape) < holes, np.nan, values)


REFERENCE = {
    "mean": lambda x: x.mean(),
    "std": lambda x: x.std(ddof=1) if len(x) > 1 else np.nan,
    "max": lambda x: x.max(),
    "min": lambda x: x.min(),
}


@settings(max_examples=30, deadline=None)
@given(
    seed=st.integers(0, 10_000), holes=st.floats(0, 0.5), n=st.integers(1, 45), name=st.sampled_from(list(REFERENCE))
)
def test_windows_need_four_fifths_of_their_values(seed, holes, n, name):
    x = matrix(seed, holes)
    ours = getattr(make_bars(), name)(x, n)
    for t in range(ROWS):
        for j in range(COLUMNS):
            window = x[max(0, t - n + 1) : t + 1, j]
            known = window[~np.isnan(window)]
            expected = REFERENCE[name](known) if len(known) >= 0.8 * n - 1e-9 else np.nan
            np.testing.assert_allclose(ours[t, j], expected, rtol=1e-12, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(3, 20))
def test_two_series_use_the_bars_where_both_are_known(seed, n):
    x, y = matrix(seed, 0.1), matrix(seed + 1, 0.1)
    bars = make_bars()
    beta, corr, cov = bars.beta(x, y, n), bars.correlation(x, y, n), bars.covariance(x, y, n)
    t, j = ROWS - 1, 2
    a, b = x[t - n + 1 :, j], y[t - n + 1 :, j]
    both = ~np.isnan(a) & ~np.isnan(b)
    if both.sum() >= 0.8 * n and both.sum() >= 3 and a[both].std() > 1e-9 and b[both].std() > 1e-9:
        table = np.cov(a[both], b[both])
        assert cov[t, j] == pytest.approx(table[0, 1])
        assert beta[t, j] == pytest.approx(table[0, 1] / table[1, 1])
        assert corr[t, j] == pytest.approx(np.corrcoef(a[both], b[both])[0, 1])
    elif both.sum() < 0.8 * n - 1e-9:
        assert np.isnan([cov[t, j], beta[t, j], corr[t, j]]).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(2, 20))
def test_time_since_the_maximum_takes_the_latest(seed, n):
    x = np.round(matrix(seed, 0.0))
    since = make_bars().bars_since_max(x, n)
    window = x[ROWS - n :, 4]
    assert since[-1, 4] == np.argmax(window[::-1])


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(3, 20))
def test_a_straight_line_is_fitted_by_least_squares(seed, n):
    y = matrix(seed, 0.0)
    bars = make_bars()
    slope = np.polyfit(np.arange(n), y[-n:, 1], 1)[0]
    assert bars.slope(y, n)[-1, 1] == pytest.approx(slope, abs=1e-9)
    r = np.corrcoef(np.arange(n), y[-n:, 1])[0, 1]
    if np.isfinite(r):
        assert bars.straightness(y, n)[-1, 1] == pytest.approx(r**2, abs=1e-9)


def test_weights_of_missing_values_are_shared_out():
    x = np.full((ROWS, 1), 2.0)
    x[-2] = np.nan
    assert make_bars().ewma(x, 5)[-1, 0] == pytest.approx(np.nan, nan_ok=True)
    x[-2], x[-4] = 2.0, np.nan
    assert make_bars().ewma(x, 5)[-1, 0] == pytest.approx(2.0)


def test_exponential_average_forgets_after_its_memory():
    x = matrix(0, 0.0)
    exact = pd.DataFrame(x).ewm(span=3).mean().to_numpy()
    np.testing.assert_allclose(make_bars().ewma(x, 3)[-1], exact[-1], rtol=1e-3, atol=1e-4)
    changed = x.copy()
    changed[: ROWS - 15] += 100.0
    np.testing.assert_array_equal(make_bars().ewma(changed, 3)[-1], make_bars().ewma(x, 3)[-1])


@pytest.mark.parametrize("n", [1, 4, 60])
def test_lag_never_crosses_instruments(n):
    x = matrix(1, 0.0)
    expected = pd.DataFrame(x).shift(n).to_numpy()
    np.testing.assert_array_equal(make_bars().lag(x, n), expected)


def test_only_wanted_rows_are_computed_and_are_the_same():
    x = matrix(2, 0.05)
    every, some = make_bars().std(x, 10), make_bars(30).std(x, 10)
    assert np.isnan(some[:30]).all()
    np.testing.assert_array_equal(some[30:], every[30:])
    assert make_bars(30).earlier(5).first == 25
    assert make_bars(3).earlier(5).first == 0
