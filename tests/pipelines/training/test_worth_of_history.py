"""Overlapping labels are one witness, and a run says how many of them it has."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.pipelines.training import nodes
from finq_predictor.pipelines.training.history import effective_history
from finq_predictor.pipelines.training.params import TrainingParams
from finq_predictor.pipelines.training.plan import Plan
from finq_predictor.pipelines.training.samples import make_samples
from synthetic_gold import feature_names, make_feature_set, make_gold

EQUITY = MARKETS["equity"]
SETTINGS = {"models": {"base_rate": {}}, "leak_meter": {"model": "xgboost"}, "gap": {"embargo_bars": 5}, "n_folds": 2}


def counted(gold, **changes):
    plan = Plan(TrainingParams(**{**SETTINGS, **changes}), EQUITY)
    samples = make_samples(gold, tuple(feature_names(gold)), plan.horizon)
    return effective_history(samples, np.arange(len(samples)), plan)


def test_instruments_add_no_history_and_a_gap_is_none():
    few, many = make_gold(n_instruments=3, n_dates=400), make_gold(n_instruments=12, n_dates=400)
    assert counted(few) == counted(many)
    days = many.loc[many["label_5"].notna(), "ts"].dt.normalize().nunique()
    assert counted(many).blocks == -(-days // (EQUITY.entry_lag + 5))
    assert counted(many).years == pytest.approx(days / 261, abs=0.05), "week-days"
    dates = np.sort(many["ts"].unique())
    gone = many[(many["ts"] < dates[100]) | (many["ts"] >= dates[300])]
    plan = Plan(TrainingParams(**SETTINGS), EQUITY)
    samples = make_samples(many, tuple(feature_names(many)), plan.horizon)
    left = np.flatnonzero(samples.keys["ts"].isin(gone["ts"]))
    assert effective_history(samples, left, plan).years == pytest.approx(
        counted(many).years * (days - 200) / days, abs=0.02
    )


def test_a_run_says_what_its_windows_are_worth_and_warns_below_what_they_should_be(caplog):
    gold = make_gold(n_instruments=4, n_dates=500)
    features = make_feature_set(gold)
    with caplog.at_level(logging.INFO):
        short = nodes.make_folds(gold, features, TrainingParams(**SETTINGS), market=EQUITY)
    assert "effective years" in caplog.text
    assert "is worth 0.7 years" in caplog.text
    caplog.clear()
    enough = nodes.make_folds(gold, features, TrainingParams(**SETTINGS, min_effective_years=0.5), market=EQUITY)
    assert "is worth" not in caplog.text
    pd.testing.assert_frame_equal(short, enough)
