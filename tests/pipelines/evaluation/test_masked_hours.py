"""Hours in which a market is not traded measure nothing and open nothing."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from finq_predictor.domain.errors import DataError
from finq_predictor.domain.market.markets import get_market
from finq_predictor.pipelines.evaluation.measuring import compute_metrics
from finq_predictor.pipelines.evaluation.params import EvaluationParams
from finq_predictor.pipelines.evaluation.sealed import seal_window
from synthetic_evaluation import enter, make_world

EQUITY = get_market("equity")
PARAMS = EvaluationParams(n_bootstrap=100)


@pytest.fixture(scope="module")
def world() -> dict:
    """Every second bar of a world closes an hour later."""
    made = make_world(days=300, instruments=12)
    dates = made["gold"]["ts"].drop_duplicates().reset_index(drop=True)
    later = set(dates[dates.index % 2 == 1])

    def moved(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(ts=table["ts"].mask(table["ts"].isin(later), table["ts"] + pd.Timedelta(hours=1)))

    return made | {name: moved(made[name]) for name in ("gold", "oos_predictions", "sealed_predictions")}


def test_what_is_said_in_a_masked_hour_is_not_measured(world):
    market = replace(EQUITY, masked_hours_utc=(22,))
    said = world["oos_predictions"]
    masked = market.is_masked(said["ts"])
    turned = said.assign(probability=said["probability"].mask(masked, 0.99), score=said["score"].mask(masked, 0.99))
    before, after = (
        compute_metrics(table, world["neutral_outcomes"], world["training_summary"], PARAMS, market=market)
        for table in (said, turned)
    )
    for one, other in zip(before, after, strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)
    with pytest.raises(DataError, match="has a known outcome"):
        compute_metrics(
            said,
            world["neutral_outcomes"],
            world["training_summary"],
            PARAMS,
            market=replace(EQUITY, masked_hours_utc=tuple(range(24))),
        )


def test_a_day_without_a_traded_hour_is_no_day_of_the_sealed_window(world):
    given = (
        world["sealed_predictions"],
        world["gold"],
        world["neutral_outcomes"],
        world["training_summary"],
        *enter(world),
    )
    all_days = seal_window(*given, market=EQUITY).days
    half = seal_window(*given, market=replace(EQUITY, masked_hours_utc=(22,))).days
    assert 0 < len(half) < len(all_days)
    assert half.isin(all_days).all()
    assert seal_window(*given, market=replace(EQUITY, masked_hours_utc=(21, 22))).days.empty


def test_what_happened_in_a_masked_hour_of_the_sealed_window_is_not_judged(world):
    market, gold = replace(EQUITY, masked_hours_utc=(22,)), world["gold"]
    turned = gold.assign(forward_return_5=gold["forward_return_5"].mask(market.is_masked(gold["ts"]), 9.0))
    found = []
    for table in (gold, turned):
        given = (
            world["sealed_predictions"],
            table,
            world["neutral_outcomes"],
            world["training_summary"],
            *enter(world),
        )
        window = seal_window(*given, market=market).open("logistic", "to see", PARAMS.promotion)
        assert set(window.skill.dropna().index) <= set(seal_window(*given, market=market).days)
        found.append(window.skill)
    pd.testing.assert_series_equal(*found, check_exact=True)
    assert found[0].notna().sum() > 10
