"""What comes later, or stands beside a row, changes no bit of what was said about it.

What comes later is overwritten with noise a thousand times as large, so that whatever is standardised, ranked, clipped
or filled over more rows than were known moves all of them.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.arrays import Positions
from finq_predictor.domain.fingerprint import hash_content
from finq_predictor.domain.market.markets import MARKETS, Market
from finq_predictor.domain.modelling.calibration import PlattCalibrator
from finq_predictor.domain.modelling.models import Model
from finq_predictor.domain.modelling.origin import CodeVersion
from finq_predictor.domain.modelling.search import Hyperparameters, Settings
from finq_predictor.pipelines.training import fitting, nodes
from finq_predictor.pipelines.training.params import ModelConfig, TrainingParams
from finq_predictor.pipelines.training.samples import Samples
from synthetic_gold import feature_names, make_feature_set, make_gold
from synthetic_values import make_provenance

EQUITY = MARKETS["equity"]
PROVENANCE = make_provenance(source_id="seed 7")
CODE = CodeVersion(code_hash="c" * 64, git_commit="abc", packages={})
PARAMS = TrainingParams(
    seed=7,
    n_folds=3,
    min_train_fraction=0.5,
    gap={"embargo_bars": 5},
    threads=1,
    models={
        "base_rate": {},
        "momentum": {"params": {"feature": "feature_0"}},
        "logistic": {"params": {"C": 0.01}, "search": {"C": {"low": 1e-4, "high": 1.0, "log": True}}},
        "xgboost": {"params": {"n_estimators": 15, "max_depth": 2, "min_child_weight": 20, "learning_rate": 0.1}},
    },
    search={"trials": 3, "inner_folds": 2},
    leak_meter={"model": "logistic"},
)
KEYS = ["model", "ts", "instrument"]
SAID = ["score", "probability"]
ONE = Hyperparameters({"logistic": {"C": 0.01}})


@pytest.fixture(scope="module")
def gold() -> pd.DataFrame:
    return make_gold(n_instruments=10, n_dates=240)


@pytest.fixture(scope="module")
def folds(gold) -> pd.DataFrame:
    return nodes.make_folds(gold, make_feature_set(gold), PARAMS, market=EQUITY)


@pytest.fixture(scope="module")
def chosen(gold, folds):
    return nodes.search_hyperparameters(gold, make_feature_set(gold), folds, PARAMS, market=EQUITY)


@pytest.fixture(scope="module")
def said(gold, folds, chosen) -> pd.DataFrame:
    return speak(gold, folds, chosen[0])


def speak(gold: pd.DataFrame, folds: pd.DataFrame, hyperparameters: Hyperparameters) -> pd.DataFrame:
    """What every model says of every row of every block, the sealed one too."""
    parts = nodes.walk_forward(gold, make_feature_set(gold), folds, hyperparameters, PARAMS, market=EQUITY)
    return pd.concat([part[[*KEYS, "fold", *SAID]] for part in parts]).sort_values(KEYS, ignore_index=True)


def overwritten(gold: pd.DataFrame, rows: pd.Series, outcomes: pd.Series, seed: int = 0) -> pd.DataFrame:
    """Gold with large noise for the features of some rows, and other outcomes for some rows that have one."""
    rng = np.random.default_rng(seed)
    changed = gold.copy()
    names = feature_names(gold)
    noise = 1e3 * rng.standard_normal((len(gold), len(names))) + 1e3
    changed[names] = gold[names].mask(rows, pd.DataFrame(noise, columns=names, index=gold.index))
    changed["label_5"] = gold["label_5"].mask(outcomes & gold["label_5"].notna(), 1.0 - gold["label_5"])
    other = pd.Series(10.0 * rng.standard_normal(len(gold)), gold.index)
    changed["forward_return_5"] = gold["forward_return_5"].mask(outcomes & gold["forward_return_5"].notna(), other)
    return changed


def assert_same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(one[KEYS].reset_index(drop=True), other[KEYS].reset_index(drop=True))
    assert len(one)
    for name in SAID:
        differs = one[name].to_numpy() != other[name].to_numpy()
        assert not differs.any(), f"{name} of {sorted(set(one['model'][differs]))} knows what comes later"


@pytest.mark.parametrize("block", [0, 1, 2])
@pytest.mark.parametrize("dropped", [False, True], ids=["noise", "dropped"])
def test_what_comes_after_a_test_block_changes_no_prediction_up_to_it(gold, folds, chosen, said, block, dropped):
    end = folds["test_end"].iloc[block]
    changed = overwritten(gold, gold["ts"] > end, ~(gold["label_end_5"] <= end), seed=block)
    if dropped:
        later = changed["ts"] > end
        changed = changed[~later | (np.arange(len(changed)) % 3 == 0)]
    again = speak(changed, folds, chosen[0])
    assert_same(said[said["ts"] <= end], again[again["ts"] <= end])


@pytest.mark.parametrize("block", [0, 2])
@pytest.mark.parametrize("kept", ["instruments", "days", "row"])
def test_a_prediction_depends_on_the_training_window_and_its_own_row_only(gold, folds, chosen, said, block, kept):
    """Neither the other rows of its block, nor those of the gap, nor any outcome that was not known has a say.

    Kept are half of the instruments, the first half of the days, or one row.
    """
    fold = folds.iloc[block]
    learned = (gold["ts"] <= fold["train_end"]) & (gold["label_end_5"] <= fold["label_end_max"])
    tested = gold["ts"].between(fold["test_start"], fold["test_end"])
    if kept == "instruments":
        asked = tested & (gold["instrument"] < "S005")
    elif kept == "row":
        asked = tested & (gold["instrument"] == "S003") & (gold["ts"] == fold["test_end"])
    else:
        asked = tested & (gold["ts"] <= fold["test_start"] + (fold["test_end"] - fold["test_start"]) / 2)
    again = speak(overwritten(gold, ~learned & ~asked, ~learned, seed=1), folds.iloc[[block]], chosen[0])
    keys = pd.MultiIndex.from_frame(gold.loc[asked, KEYS[1:]])
    before, after = (rows[pd.MultiIndex.from_frame(rows[KEYS[1:]]).isin(keys)] for rows in (said, again))
    assert_same(before[before["fold"] == fold["fold"]], after)


def test_the_noise_is_such_that_a_window_that_may_be_learned_from_moves_everything(gold, folds, chosen, said):
    """The law above could fail: the same noise in the training window moves every model that learns."""
    early = gold["ts"] <= folds["train_end"].iloc[0] - pd.Timedelta(days=30)
    again = speak(overwritten(gold, early, early), folds, chosen[0])
    for model, rows in again.groupby("model"):
        assert (rows["probability"].to_numpy() != said.loc[rows.index, "probability"].to_numpy()).mean() > 0.9, model


def test_the_search_and_the_folds_know_nothing_that_comes_after_the_first_window(gold, folds, chosen):
    first = folds.iloc[0]
    learned = (gold["ts"] <= first["train_end"]) & (gold["label_end_5"] <= first["label_end_max"])
    changed = overwritten(gold, ~learned, ~learned)
    pd.testing.assert_frame_equal(nodes.make_folds(changed, make_feature_set(gold), PARAMS, market=EQUITY), folds)
    found, trials = nodes.search_hyperparameters(changed, make_feature_set(gold), folds, PARAMS, market=EQUITY)
    assert found == chosen[0]
    pd.testing.assert_series_equal(trials["value"], chosen[1]["value"])


def test_rows_without_an_outcome_change_no_bit_of_a_candidate(gold, folds, chosen):
    """The last rows are asked about and not learned from: nor may a scaler, a profile or a calibration see them."""
    hyperparameters, trials = chosen

    def fitted(table: pd.DataFrame) -> dict[str, str]:
        given = (table, make_feature_set(gold))
        # The same summary for both: it names the data by their hash, which is meant to move.
        summary = nodes.summarise_training(gold, given[1], folds, trials, PROVENANCE, CODE, PARAMS, market=EQUITY)
        found = nodes.fit_candidates(*given, hyperparameters, summary, PARAMS, market=EQUITY)
        return {
            name: json.dumps([each.model.state(), each.calibrator.state()]) + repr(each.profile)
            for name, each in found.items()
        }

    assert gold["label_5"].isna().any()
    before, after = fitted(gold), fitted(overwritten(gold, gold["label_5"].isna(), gold["label_5"].isna()))
    assert {name: hash_content(state) for name, state in before.items()} == {
        name: hash_content(state) for name, state in after.items()
    }


def test_what_is_calibrated_has_not_been_learned_from(gold, folds, monkeypatch):
    """Inside every window the rules are those between windows: no outcome that was learned reaches what is held out."""
    learned: list[pd.DataFrame] = []
    held: list[pd.Series] = []
    fit_rows, label_blocks = fitting.fit_rows, fitting.label_blocks

    def fit(name: str, chosen: Settings, samples: Samples, rows: Positions, *others: Any, **named: Any) -> Model:
        learned.append(samples.keys.iloc[rows])
        return fit_rows(name, chosen, samples, rows, *others, **named)

    def blocks(ts: pd.Series, label_bars: int, bar_minutes: int) -> np.ndarray:
        held.append(ts)
        return label_blocks(ts, label_bars, bar_minutes)

    monkeypatch.setattr(fitting, "fit_rows", fit)
    monkeypatch.setattr(fitting, "label_blocks", blocks)
    params = PARAMS.model_copy(update={"models": {"logistic": PARAMS.models["logistic"]}})
    nodes.walk_forward(gold, make_feature_set(gold), folds, ONE, params, market=EQUITY)
    # Each window is fitted twice: before the held-out rows, and whole. Its base rate is that of the whole.
    held = held[1::2]
    assert (len(learned), len(held)) == (2 * len(folds), len(folds))
    sessions = gold["ts"].drop_duplicates()
    for early, whole, ts in zip(learned[::2], learned[1::2], held, strict=True):
        assert len(early) < len(whole)
        assert early["label_end"].max() < ts.min()
        between = (sessions > early["label_end"].max()) & (sessions < ts.min())
        assert between.sum() >= PARAMS.gap.embargo_bars
        assert ts.max() == whole["ts"].max(), "the last rows of the window"


def test_rows_whose_outcomes_overlap_are_one_witness_of_the_calibration(gold, folds, monkeypatch):
    """Rows of one day, and of as many days as a label lasts, share what happened."""
    seen: list[tuple[pd.Series, np.ndarray]] = []
    held: list[pd.Series] = []
    label_blocks = fitting.label_blocks

    def blocks(ts: pd.Series, label_bars: int, bar_minutes: int) -> np.ndarray:
        held.append(ts)
        return label_blocks(ts, label_bars, bar_minutes)

    class Watched(PlattCalibrator):
        def fit(self, score, y, day=None, **others):
            seen.append((held[-1], np.asarray(day)))
            return super().fit(score, y, day=day, **others)

    monkeypatch.setattr(fitting, "label_blocks", blocks)
    monkeypatch.setattr(fitting, "PlattCalibrator", Watched)
    params = PARAMS.model_copy(update={"models": {"logistic": PARAMS.models["logistic"]}})
    nodes.walk_forward(gold, make_feature_set(gold), folds, ONE, params, market=EQUITY)
    assert len(seen) == len(folds)
    for ts, day in seen:
        days = ts.nunique()
        assert len(np.unique(day)) == -(-days // (EQUITY.entry_lag + EQUITY.horizon))


@pytest.fixture(scope="module")
def masked() -> tuple[pd.DataFrame, Market]:
    """Every second bar closes an hour later, in an hour that the market masks."""
    gold = make_gold(n_instruments=10, n_dates=240)
    odd = gold["ts"].factorize()[0] % 2 == 1
    gold["ts"] = gold["ts"].mask(odd, gold["ts"] + pd.Timedelta(hours=1))
    return gold, replace(EQUITY, masked_hours_utc=(22,))


def test_a_probability_is_calibrated_at_hours_that_are_traded(masked, monkeypatch):
    gold, market = masked
    seen: list[pd.Series] = []
    blocks = fitting.label_blocks

    def watched(ts: pd.Series, label_bars: int, bar_minutes: int) -> np.ndarray:
        seen.append(ts)
        return blocks(ts, label_bars, bar_minutes)

    monkeypatch.setattr(fitting, "label_blocks", watched)
    params = PARAMS.model_copy(update={"models": {"logistic": PARAMS.models["logistic"]}})
    folds = nodes.make_folds(gold, make_feature_set(gold), params, market=market)
    nodes.walk_forward(gold, make_feature_set(gold), folds, ONE, params, market=market)
    seen = seen[1::2]  # after the blocks of the base rate
    assert len(seen) == len(folds)
    assert {hour for ts in seen for hour in ts.dt.hour} == {21}


def test_what_is_said_in_masked_hours_chooses_no_parameters_and_sounds_no_alarm(masked):
    """A score that is perfect in masked hours and worthless elsewhere is worthless."""
    gold, market = masked
    names = make_feature_set(gold)
    hidden = market.is_masked(gold["ts"])
    rng = np.random.default_rng(0)
    noise = pd.Series(rng.standard_normal(len(gold)), gold.index)
    told = gold.assign(feature_0=noise.mask(hidden, 10.0 * (gold["label_5"].fillna(0.0) - 0.5)))
    told = told.assign(**dict.fromkeys(feature_names(gold)[1:], 0.0))
    params = PARAMS.model_copy(update={"models": {"logistic": PARAMS.models["logistic"]}})
    folds = nodes.make_folds(told, names, params, market=market)
    _, trials = nodes.search_hyperparameters(told, names, folds, params, market=market)
    assert trials["value"].dropna().min() > 0.68, "log loss of a coin is 0.69"
    meter = nodes.measure_leak(told, names, params, market=market).set_index("split")
    assert meter["auc"].between(0.4, 0.6).all()


def test_a_rank_is_among_outcomes_that_the_window_knows(gold, folds):
    """Of one instrument nothing is heard for weeks: its outcomes come late, and rank nobody before that."""
    params = PARAMS.model_copy(
        update={
            "models": {
                "rules": ModelConfig(
                    model="prior_ridge",
                    params={"priors": {"feature_0": {"weight": 1.0, "source": "made up"}}},
                    learns="rank",
                )
            }
        }
    )
    first = folds.iloc[[0]]
    late = (gold["instrument"] == "S000") & (gold["ts"] <= first["train_end"].iloc[0])
    held_up = gold.assign(label_end_5=gold["label_end_5"].mask(late, first["test_end"].iloc[0]))
    worst = held_up.assign(forward_return_5=held_up["forward_return_5"].mask(late, -0.9))
    said = [
        nodes.walk_forward(
            table,
            make_feature_set(gold),
            first,
            Hyperparameters({"rules": params.models["rules"].params}),
            params,
            market=EQUITY,
        )[0]
        for table in (held_up, worst)
    ]
    np.testing.assert_array_equal(said[0]["score"], said[1]["score"])
