"""Failures come to the fallen, cost on the last day and are paid for beforehand; mergers bring a premium."""

from dataclasses import replace

import numpy as np
import pytest
from planted_signal import Measured, stocks_of

from finq_predictor.simulation import PRESETS, DirtConfig, simulate_equity
from finq_predictor.simulation.ends import LOSS, MOST, POWER, PREMIUM, YEAR
from finq_predictor.simulation.factors import BURN_IN
from finq_predictor.simulation.kernels import end_lives
from finq_predictor.simulation.stocks import SHORTEST_LIFE

SEEDS = range(1, 21)
HALF_YEAR = 126


def markets(preset):
    return [stocks_of(replace(PRESETS[preset].markets["equity"], seed=seed)) for seed in SEEDS]


@pytest.fixture(scope="module")
def easy():
    return markets("easy")


@pytest.fixture(scope="module")
def realistic():
    return markets("realistic")


@pytest.fixture(scope="module")
def noise():
    return markets("noise")


def ended(stocks):
    """Stocks of one market that end before the history does: number, last day."""
    gone = stocks.last < stocks.adjusted.shape[1] - 1
    return [(row, int(stocks.last[row])) for row in np.flatnonzero(gone)]


def last_days(every):
    """Return of the last day, and log return over the half year before it (NaN where it is not known), of all ends."""
    found = []
    for stocks in every:
        for row, last in ended(stocks):
            path = stocks.adjusted[row]
            found.append((path[last] / path[last - 1] - 1, np.log(path[last - 1] / path[last - 1 - HALF_YEAR])))
    return np.array(found).T


@pytest.mark.parametrize("preset", ["realistic", "noise"])
def test_more_stocks_end_than_in_an_easy_market(preset, easy, request):
    counts = [np.mean([len(ended(stocks)) for stocks in each]) for each in (easy, request.getfixturevalue(preset))]
    assert 4 < counts[0] < 9
    assert 12 < counts[1] < 18


def test_an_end_is_harmless_in_an_easy_market_only(easy, realistic):
    harmless, _ = last_days(easy)
    assert abs(harmless.mean()) < 0.01
    assert (np.abs(harmless) > 0.1).mean() < 0.02
    final, before = last_days(realistic)
    failed, merged = final < -0.04, final > 0.09
    assert (failed | merged).mean() > 0.95
    assert 0.35 < failed.mean() < 0.65
    assert final[failed].mean() == pytest.approx(-0.30, abs=0.05)
    assert final[merged].mean() == pytest.approx(0.25, abs=0.04)
    fall = before[failed & np.isfinite(before)]
    calm = before[merged & np.isfinite(before)]
    assert np.mean(fall) == pytest.approx(-0.30, abs=0.10), "log return over the half year before a failure"
    assert np.mean(calm) > -0.08
    assert (fall < 0).mean() > 0.65


def test_the_last_day_opens_at_the_news_with_the_volume_of_an_event(realistic):
    gaps, crowds = [], []
    for stocks in realistic:
        for row, last in ended(stocks):
            if stocks.adjusted[row, last] < 0.8 * stocks.adjusted[row, last - 1]:
                gaps.append(stocks.prices[row, last, 0] / stocks.prices[row, last - 1, 3] - 1)
                crowds.append(stocks.volume[row, last] / np.median(stocks.volume[row, last - 20 : last]))
    assert np.mean(gaps) < -0.2
    assert np.median(crowds) > 1.5


def test_the_chance_of_an_end_is_paid_for_to_all_and_seen_as_a_gain_by_who_forgets_the_ended(noise):
    """Excess return of the next day of stocks that have lost a third in a year, in basis points."""
    everybody, survivors = [], []
    for stocks in noise:
        path = stocks.adjusted
        gain = path[:, 1:] / path[:, :-1] - 1.0
        listed = np.isfinite(gain[:, BURN_IN:]).any(axis=0)
        gain[:, BURN_IN:][:, listed] -= np.nanmean(gain[:, BURN_IN:][:, listed], axis=0)
        fallen = np.zeros_like(gain, dtype=bool)
        fallen[:, YEAR:] = path[:, YEAR:-1] < 0.65 * path[:, : -1 - YEAR]
        fallen &= np.isfinite(gain)
        lasting = (stocks.last == path.shape[1] - 1)[:, None]
        everybody.append(1e4 * gain[fallen].mean())
        survivors.append(1e4 * gain[fallen & lasting].mean())
    all_of_them, lasting_ones = Measured.of(everybody), Measured.of(survivors)
    assert abs(all_of_them.mean) < 3.5 * all_of_them.error
    assert lasting_ones.mean > 3 * lasting_ones.error


@pytest.mark.parametrize("yearly_fall", [0.0, 0.5, 0.7])
def test_ends_change_no_conditional_expectation(yearly_fall):
    """Stocks that all have the same past: the mean factor of the next day is one, whatever the chance."""
    count, days = 100_000, YEAR + 2
    returns = np.full((count, days), (1 - yearly_fall) ** (1 / YEAR) - 1)
    uniforms = np.random.default_rng(1).random((count, days, 2))
    first = np.full(count, days - 1)
    last = np.full(count, days - 1)
    failure, merger = 0.02 / YEAR, 2.0 / YEAR
    _, factors = end_lives(returns, first, last, failure, merger, LOSS, PREMIUM, uniforms, YEAR, POWER, MOST, 0)
    assert (factors[:, :-1] == 1).all()
    today = Measured.of(factors[:, -1])
    assert abs(today.mean - 1.0) < 3.5 * today.error
    failed = (factors[:, -1] < 0.96).mean()
    chance = min(failure * (1 - yearly_fall) ** -POWER, MOST)
    assert failed == pytest.approx(chance, abs=4 * np.sqrt(chance / count))


def test_nobody_ends_in_the_first_days():
    often = replace(PRESETS["realistic"].markets["equity"], seed=1, failures=1.0, mergers=1.0)
    stocks = stocks_of(often)
    assert len(ended(stocks)) > 90
    assert (stocks.last - stocks.first >= SHORTEST_LIFE).all()


def test_an_index_of_stocks_that_end_still_lies_between_its_members():
    config = replace(PRESETS["realistic"].markets["equity"], seed=3, failures=0.2, dirt=DirtConfig.clean())
    market = simulate_equity(config)
    gains = market.bars.pivot(index="date", columns="symbol", values="adj_close").pct_change(fill_method=None)
    index = market.benchmark.set_index("date")["adj_close"].pct_change()
    assert index.iloc[1:].sub(gains.iloc[1:].min(axis=1)).min() > 0
    assert index.iloc[1:].sub(gains.iloc[1:].max(axis=1)).max() < 0
