"""What a person chose is one trial; whatever else is chosen is another one."""

from __future__ import annotations

import pytest

from finq_predictor.domain.features import FeatureSet
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.pipelines.training.nodes import configuration_of
from finq_predictor.pipelines.training.params import TrainingParams
from finq_predictor.pipelines.training.plan import Plan

CHOSEN = {
    "seed": 7,
    "n_folds": 3,
    "min_train_fraction": 0.5,
    "gap": {"embargo_bars": 5},
    "models": {"logistic": {"params": {"C": 0.01}}, "xgboost": {"params": {"max_depth": 2}}},
    "leak_meter": {"model": "xgboost"},
}
FEATURES = FeatureSet("equity", ("ret_5", "vol_20"), 21, "d" * 64, ("close",))


def configuration(market: str = "equity", features: FeatureSet = FEATURES, **changes) -> str:
    params = TrainingParams(**{**CHOSEN, **changes})
    return configuration_of("logistic", features, Plan(params, MARKETS[market]))


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 8},
        {"n_folds": 4},
        {"min_train_fraction": 0.6},
        {"gap": {"embargo_bars": 6}},
        {"horizon": 1},
        {"lookback": {"from_horizon": 5, "most_bars": 63}},
        {"calibration_fraction": 0.3},
        {"max_train_rows": 1000},
        {"search": {"trials": 9}},
        {"search": {"at_once": 2}},
        {"models": {"logistic": {"params": {"C": 0.02}}}},
        {"models": {"logistic": {"params": {"C": 0.01}, "learns": "rank"}}},
        {"models": {"logistic": {"model": "xgboost"}}},
        {"models": {"logistic": {"params": {"C": 0.01}, "search": {"C": {"low": 1e-4, "high": 1.0}}}}},
        {"features": FeatureSet("equity", ("ret_5", "vol_60"), 61, "d" * 64, ("close",))},
        {"features": FeatureSet("equity", ("ret_5", "vol_20"), 21, "e" * 64, ("close",))},
        {"market": "fx"},
    ],
)
def test_whatever_makes_a_difference_makes_another_trial(changes):
    assert configuration(**changes) != configuration()


@pytest.mark.parametrize(
    "changes",
    [
        {"threads": 3},
        {"min_effective_years": 1.0},
        {"lookback": {"from_horizon": 20, "most_bars": 63}},
        {"leak_meter": {"model": "logistic"}},
        {"models": {"logistic": {"params": {"C": 0.01}}}},
        {"models": {"logistic": {"model": "logistic", "params": {"C": 0.01}}}},
        {"models": {"logistic": {"params": {"C": 0.01}, "learns": "label"}}},
    ],
)
def test_what_makes_no_difference_to_a_model_makes_no_trial(changes):
    assert configuration(**changes) == configuration()
