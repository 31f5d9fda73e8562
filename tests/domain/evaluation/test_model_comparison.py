"""Models are told apart where a history can tell them apart, and nowhere else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.evaluation.mean_test import POWER, mean_above_zero, two_sided_interval
from finq_predictor.domain.evaluation.model_comparison import Verdict, compare_models

DAYS = 600


def make_skill(rng: np.random.Generator, **means: float) -> pd.DataFrame:
    shared = rng.standard_normal(DAYS)
    columns = {name: mean + 0.1 * shared + 0.1 * rng.standard_normal(DAYS) for name, mean in means.items()}
    return pd.DataFrame(columns, index=pd.bdate_range("2020-01-01", periods=DAYS))


def row_of(found: pd.DataFrame, model: str, against: str) -> pd.Series:
    return found[(found["model"] == model) & (found["against"] == against)].iloc[0]


def test_a_pair_says_the_same_from_both_sides():
    found = compare_models(make_skill(np.random.default_rng(0), rule=0.0, a=0.01, b=0.05), ["rule"], 1)
    assert len(found) == 6
    one, other = row_of(found, "a", "b"), row_of(found, "b", "a")
    assert one["difference"] == pytest.approx(-other["difference"])
    assert (one["ci_low"], one["ci_high"]) == pytest.approx((-other["ci_high"], -other["ci_low"]))
    assert one["p_value"] == pytest.approx(other["p_value"])
    assert one["detectable"] == pytest.approx(other["detectable"])
    assert {one["verdict"], other["verdict"]} == {Verdict.WORSE.value, Verdict.BETTER.value}


def test_a_plain_lead_is_found_and_the_rest_is_not():
    found = compare_models(make_skill(np.random.default_rng(1), rule=0.0, good=0.05, same=0.0), ["rule"], 1)
    beside = found[found["against"] == "rule"].set_index("model")
    assert beside.loc["good", "superior"] == True  # noqa: E712 - a nullable flag
    assert beside.loc["same", "superior"] == False  # noqa: E712 - as above
    assert beside.loc["good", "best_of_all_p"] < 0.01
    assert beside.loc["good", "best_of_all_p"] == beside.loc["same", "best_of_all_p"]
    assert row_of(found, "good", "same")[["best_of_all_p", "superior"]].isna().all()


def test_the_best_naive_rule_is_the_one_to_lead():
    found = compare_models(make_skill(np.random.default_rng(2), low=-0.05, high=0.05, model=0.02), ["low", "high"], 1)
    assert set(found.loc[found["superior"].notna(), "against"]) == {"high"}


def test_races_of_noise_have_few_winners():
    won = single = 0
    for seed in range(60):
        skill = make_skill(np.random.default_rng(100 + seed), rule=0.0, **{f"m{k}": 0.0 for k in range(6)})
        found = compare_models(skill, ["rule"], 1, n_resamples=200, seed=seed)
        beside = found[found["superior"].notna()]
        won += bool(beside["superior"].any())
        single += bool((beside["verdict"] == Verdict.BETTER.value).any())
    # One in twenty is what the level says; without the correction it is several times that.
    assert won <= 7
    assert single > won


def test_what_is_detectable_is_detected_so_often():
    rng = np.random.default_rng(3)
    least = np.mean([mean_above_zero(rng.standard_normal(DAYS), 1).detectable(0.05, POWER) for _ in range(200)])
    hits = [mean_above_zero(least + rng.standard_normal(DAYS), 1).p_value <= 0.05 for _ in range(600)]
    assert np.mean(hits) == pytest.approx(POWER, abs=0.05)


def test_an_interval_holds_the_mean_as_often_as_it_says():
    rng = np.random.default_rng(4)
    held = []
    for _ in range(400):
        low, high = two_sided_interval(mean_above_zero(0.3 + rng.standard_normal(200), 1), 0.1)
        held.append(low <= 0.3 <= high)
    assert np.mean(held) == pytest.approx(0.9, abs=0.05)


def test_models_that_say_the_same_cannot_be_told_apart():
    skill = make_skill(np.random.default_rng(5), rule=0.0, model=0.0)
    found = compare_models(skill.assign(model=skill["rule"]), ["rule"], 1)
    row = row_of(found, "model", "rule")
    assert row["verdict"] == Verdict.UNKNOWN.value
    assert row[["error", "ci_low", "detectable", "best_of_all_p"]].isna().all()


def test_a_short_history_is_not_tested_for_all_at_once():
    skill = make_skill(np.random.default_rng(6), rule=0.0, model=0.05).iloc[:15]
    assert compare_models(skill, ["rule"], 5)["best_of_all_p"].isna().all()


def test_a_race_without_naive_rules_has_no_comparison():
    skill = make_skill(np.random.default_rng(7), a=0.0, b=0.0)
    assert compare_models(skill, [], 1).empty
    assert compare_models(skill, ["a", "b"], 1).empty
