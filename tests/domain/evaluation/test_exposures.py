"""What happened beyond what instruments share: nothing looks ahead, and nothing of one's own is lost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from finq_predictor.domain.errors import ConfigurationError, DataError
from finq_predictor.domain.evaluation.exposures import (
    ExposureRules,
    count_components,
    join_neutral,
    neutral_returns,
)
from finq_predictor.domain.evaluation.mean_test import mean_above_zero
from finq_predictor.domain.evaluation.skill import daily_skill
from finq_predictor.domain.market.markets import get_market

EQUITY = get_market("equity")
DAYS, STOCKS, HORIZON = 420, 60, 5
EVERYTHING = ExposureRules(("beta", "volatility", "size", "momentum", "components", "sector"), window=120, refreshed=5)


@pytest.fixture(scope="module")
def world() -> dict:
    """Stocks of one market, three styles that the market does not tell, two sectors, and a little of their own."""
    rng = np.random.default_rng(0)
    beta = rng.uniform(0.5, 1.5, STOCKS)
    styles = rng.standard_normal((3, STOCKS))
    sector = np.arange(STOCKS) % 2
    own = rng.standard_normal((DAYS, STOCKS))
    moved = (
        0.008 * np.outer(rng.standard_normal(DAYS), beta)
        + 0.006 * rng.standard_normal((DAYS, 3)) @ styles
        + 0.006 * rng.standard_normal((DAYS, 2))[:, sector]
        + 0.010 * own
    )
    close = 50.0 * np.exp(np.cumsum(moved, axis=0))
    ts = pd.bdate_range("2020-01-02", periods=DAYS, tz="UTC") + pd.Timedelta(hours=21)
    names = [f"S{number:02d}" for number in range(STOCKS)]
    bars = pd.DataFrame(
        {
            "ts": ts.repeat(STOCKS),
            "instrument": names * DAYS,
            "close": close.ravel(),
            "volume": np.tile(rng.uniform(1e5, 1e7, STOCKS), DAYS),
            "sector": [("energy", "banks")[one] for one in sector] * DAYS,
        }
    )
    forward = np.full((DAYS, STOCKS), np.nan)
    forward[:-HORIZON] = close[HORIZON:] / close[:-HORIZON] - 1.0
    # What each stock does of its own in the bars that follow.
    ahead = np.full((DAYS, STOCKS), np.nan)
    ahead[:-HORIZON] = sum(own[1 + step : DAYS - HORIZON + 1 + step] for step in range(HORIZON))
    outcomes = bars[["ts", "instrument"]].assign(
        forward_return=forward.ravel(),
        label=np.where(np.isnan(forward), np.nan, forward > 0.0).ravel(),
        own=ahead.ravel(),
        beta=np.tile(beta, DAYS),
        style=np.tile(styles[0], DAYS),
    )
    return {"bars": bars, "outcomes": outcomes, "ts": ts}


@pytest.fixture(scope="module")
def neutral(world) -> pd.DataFrame:
    return neutral_returns(world["outcomes"], world["bars"], EVERYTHING, EQUITY)


def skill_of(world: dict, score: pd.Series, measure: str, neutral: pd.DataFrame) -> pd.Series:
    said = join_neutral(world["outcomes"].assign(probability=score), neutral)
    daily = daily_skill(said, measure, EQUITY)
    # Whole windows only: before them there is nothing to take out.
    return daily.iloc[EVERYTHING.window + 5 :]


def test_without_exposures_ranks_are_centred_and_nothing_else(world):
    plain = neutral_returns(world["outcomes"], world["bars"], ExposureRules(), EQUITY)
    known = world["outcomes"].dropna(subset=["forward_return"])
    ranks = known.groupby("ts")["forward_return"].rank() / STOCKS - 0.5 / STOCKS - 0.5
    np.testing.assert_allclose(plain["neutral_return"], ranks, atol=1e-12)
    assert len(plain) == len(known)


def test_what_is_left_is_that_of_an_ordinary_regression_on_exposures_known_by_then(world):
    rules = replace(EVERYTHING, exposures=("beta", "volatility"), refreshed=1)
    found = neutral_returns(world["outcomes"], world["bars"], rules, EQUITY)
    at = world["ts"][200]
    close = world["bars"].pivot(index="ts", columns="instrument", values="close")
    past = np.log(close / close.shift()).loc[:at].tail(rules.window)
    together = past.mean(axis=1)
    exposures = pd.DataFrame(
        {
            "beta": past.apply(lambda one: np.polyfit(together - together.mean(), one, 1)[0]),
            "volatility": past.tail(60).std(ddof=0),
        }
    ).rank()
    outcome = world["outcomes"].set_index("ts").loc[at].set_index("instrument")["forward_return"].rank() / STOCKS
    expected = sm.OLS(outcome, sm.add_constant(exposures)).fit().resid
    mine = found.set_index("ts").loc[at].set_index("instrument")["neutral_return"]
    np.testing.assert_allclose(mine, expected[mine.index], atol=1e-9)


@pytest.mark.parametrize("change", ["noise", "cut"])
def test_later_bars_change_nothing(world, neutral, change):
    now = world["ts"][250]
    bars = world["bars"].copy()
    later = bars["ts"] > now
    if change == "noise":
        bars.loc[later, "close"] *= np.random.default_rng(1).uniform(0.5, 2.0, later.sum())
        bars.loc[later, "volume"] = 1.0
    else:
        bars = bars[~later]
    before = world["outcomes"][world["outcomes"]["ts"] <= now]
    again = neutral_returns(before, bars, EVERYTHING, EQUITY)
    pd.testing.assert_frame_equal(again, neutral[neutral["ts"] <= now].reset_index(drop=True), check_exact=True)


def test_other_outcomes_and_the_order_of_rows_change_nothing(world, neutral):
    some = world["outcomes"][world["outcomes"]["ts"] >= world["ts"][300]].sample(frac=1.0, random_state=0)
    again = neutral_returns(some, world["bars"], EVERYTHING, EQUITY)
    expected = neutral.set_index(["ts", "instrument"])["neutral_return"]
    mine = again.set_index(["ts", "instrument"])["neutral_return"]
    np.testing.assert_allclose(mine, expected.reindex(mine.index), atol=1e-12)


def test_a_bar_that_came_too_late_was_not_there(world):
    stamped = world["bars"].assign(known_at=world["bars"]["ts"])
    late = (stamped["instrument"] == "S00") & (stamped["ts"] > world["ts"][100]) & (stamped["ts"] <= world["ts"][200])
    stamped.loc[late, "known_at"] += pd.Timedelta(days=30)
    found = neutral_returns(world["outcomes"], stamped, EVERYTHING, EQUITY)
    without = neutral_returns(world["outcomes"], stamped[~late].drop(columns="known_at"), EVERYTHING, EQUITY)
    pd.testing.assert_frame_equal(found, without, check_exact=True)


def test_beta_is_no_skill_and_what_is_ones_own_stays(world, neutral):
    own = skill_of(world, world["outcomes"]["own"], "neutral_rank_ic", neutral)
    shared = skill_of(world, world["outcomes"]["beta"], "neutral_rank_ic", neutral)
    raw = skill_of(world, world["outcomes"]["own"], "rank_ic", neutral)
    assert own.mean() > raw.mean() > 0.5
    assert abs(shared.mean()) < 0.02
    assert shared.std() < 0.5 * skill_of(world, world["outcomes"]["beta"], "rank_ic", neutral).std()


def test_a_weak_score_that_leans_on_a_style_is_seen(world, neutral):
    """It knows a little of each stock, and bets on what they share besides, as any slow feature does."""
    weak = 0.15 * world["outcomes"]["own"] + world["outcomes"]["style"]
    found = {
        measure: mean_above_zero(skill_of(world, weak, measure, neutral), HORIZON + 1)
        for measure in ("rank_ic", "neutral_rank_ic")
    }
    assert found["neutral_rank_ic"].error < 0.5 * found["rank_ic"].error
    assert found["neutral_rank_ic"].p_value < 0.001 < 0.01 < found["rank_ic"].p_value


def test_few_instruments_have_few_exposures(world):
    names = [f"S{number:02d}" for number in range(12)]
    bars = world["bars"][world["bars"]["instrument"].isin(names)]
    few = world["outcomes"][world["outcomes"]["instrument"].isin(names)]
    found = neutral_returns(few, bars, EVERYTHING, EQUITY)
    two = neutral_returns(few, bars, replace(EVERYTHING, exposures=("beta", "volatility")), EQUITY)
    # Twelve leave room for two, which come first.
    pd.testing.assert_frame_equal(found, two, check_exact=True)
    four = few[few["instrument"].isin(names[:4])]
    alone = neutral_returns(four, bars, EVERYTHING, EQUITY)
    plain = neutral_returns(four, bars, ExposureRules(), EQUITY)
    np.testing.assert_allclose(alone["neutral_return"], plain["neutral_return"], atol=1e-12)


def test_what_is_not_known_of_an_instrument_counts_as_average(world):
    bars = world["bars"][~((world["bars"]["instrument"] == "S07") & (world["bars"]["ts"] < world["ts"][230]))]
    found = neutral_returns(world["outcomes"], bars.drop(columns=["volume", "sector"]), EVERYTHING, EQUITY)
    assert len(found) == world["outcomes"]["forward_return"].notna().sum()
    assert found["neutral_return"].notna().all()


def test_components_are_counted_beyond_chance():
    rng = np.random.default_rng(3)
    noise = rng.standard_normal((250, 100))

    def variances(returns):
        return np.linalg.eigvalsh(np.corrcoef(returns.T))[::-1]

    shared = noise + rng.standard_normal((250, 3)) @ rng.standard_normal((3, 100))
    assert count_components(variances(noise), 100, 250, 20) <= 1
    assert count_components(variances(shared), 100, 250, 20) == 3
    assert count_components(variances(shared), 100, 250, 2) == 2


def test_several_models_are_joined_and_what_is_unknown_is_missing(world, neutral):
    rows = world["outcomes"][["ts", "instrument"]]
    both = pd.concat([rows.assign(model="a"), rows.assign(model="b").sample(frac=1.0, random_state=1)])
    joined = join_neutral(both, neutral)
    assert joined["neutral_return"].isna().sum() == 2 * HORIZON * STOCKS
    wide = joined.pivot(index=["ts", "instrument"], columns="model", values="neutral_return")
    np.testing.assert_array_equal(wide["a"], wide["b"])
    assert join_neutral(rows, neutral.iloc[:0])["neutral_return"].isna().all()
    assert len(neutral_returns(world["outcomes"].iloc[:0], world["bars"], EVERYTHING, EQUITY)) == 0


def test_mistakes_are_named(world):
    with pytest.raises(ConfigurationError, match="There is no exposure 'sectors'"):
        ExposureRules(("sectors",))
    with pytest.raises(ConfigurationError, match="window is 50 bars; exposures need at least 120"):
        ExposureRules(window=50)
    with pytest.raises(ConfigurationError, match="refreshed is 0"):
        ExposureRules(refreshed=0)
    with pytest.raises(DataError, match="reads neutral_return, which these predictions do not have"):
        daily_skill(world["outcomes"].assign(probability=0.5), "neutral_rank_ic", EQUITY)
