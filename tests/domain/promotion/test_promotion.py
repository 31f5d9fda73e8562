"""Every gate has been seen to fail, and the champion changes only for a reason."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.errors import ConfigurationError, DataError
from finq_predictor.domain.modelling.origin import ModelStatus
from finq_predictor.domain.promotion.checks import CHECKS, Case
from finq_predictor.domain.promotion.decision import (
    Evidence,
    Holder,
    Incumbent,
    PromotionRules,
    Verdict,
    decide,
    failures,
)
from finq_predictor.domain.promotion.terms import Check
from synthetic_values import make_provenance

DAYS = pd.bdate_range("2022-01-03", periods=400, tz="UTC")
RULES = PromotionRules(n_bootstrap=1000)
NOTHING = pd.Series(np.nan, index=DAYS)


def ranks(mean: float, seed: int = 0, days: pd.DatetimeIndex = DAYS) -> pd.Series:
    return pd.Series(mean + np.random.default_rng(seed).normal(0.0, 0.1, len(days)), index=days)


def evidence(**changes) -> Evidence:
    good = Evidence(
        model="xgboost",
        model_hash="new",
        skill=ranks(0.05),
        metrics={"accuracy": 0.52, "auc": 0.52, "precision": 0.51, "ece": 0.01, "brier_skill": 0.002},
        backtest={"sharpe": 0.8, "max_drawdown": 0.1},
        purged={"accuracy": 0.52, "auc": 0.53},
        importance={"a": 0.5, "b": 0.3, "c": 0.2},
    )
    return replace(good, **changes)


def incumbent(**changes) -> Incumbent:
    champion = Incumbent(
        "3", ModelStatus.PROMOTED, "logistic", "source", False, "old", pd.DataFrame(), {"a": 0.6, "b": 0.3, "c": 0.1}
    )
    return replace(champion, **changes)


def judge(*candidates: Evidence, naive=None, champion=None, champion_ic=None, simulated=False, rules=RULES):
    naive = {"base_rate": NOTHING, "reversal": ranks(0.0, 9)} if naive is None else naive
    provenance = make_provenance(source_id="source", simulated=simulated)
    return decide("equity", candidates or [evidence()], naive, champion, champion_ic, provenance, rules)


def failed(decision) -> set[str]:
    return {check.name for check in failures(decision.checks)}


def test_a_good_candidate_is_promoted_with_reasons():
    decision = judge()
    assert decision.decision == Verdict.PROMOTE
    assert not failed(decision)
    assert "passed all" in decision.reason
    assert "beats the best naive rule" in decision.reason


@pytest.mark.parametrize(
    ("changes", "check", "said"),
    [
        ({"skill": ranks(0.0)}, "has_skill", "luck can explain"),
        ({"skill": ranks(0.05, days=DAYS[:60])}, "enough_days", "60 days"),
        ({"purged": {"accuracy": 0.59, "auc": 0.55}}, "leak_alarm", "Too good to be true"),
        ({"purged": {"accuracy": 0.55, "auc": 0.61}}, "leak_alarm", "Too good to be true"),
        ({"purged": {}}, "leak_alarm", "not read"),
        ({"metrics": {"ece": 0.05, "brier_skill": 0.0}}, "calibration", "5.0 points"),
        ({"metrics": {"ece": np.nan, "brier_skill": 0.0}}, "calibration", "do not mean"),
        ({"metrics": {"ece": 0.01, "brier_skill": -0.01}}, "brier_skill", "worse than"),
        ({"backtest": {"sharpe": -0.1, "max_drawdown": 0.1}}, "net_sharpe", "does not earn"),
        ({"backtest": {"sharpe": np.nan, "max_drawdown": 0.0}}, "net_sharpe", "never held"),
        ({"backtest": {"sharpe": 1.0, "max_drawdown": 0.4}}, "net_drawdown", "40.0 %"),
    ],
)
def test_every_gate_fails_on_what_it_guards_against(changes, check, said):
    decision = judge(evidence(**changes))
    assert check in failed(decision)
    assert decision.decision == Verdict.PROVISIONAL
    assert said in decision.reason


def test_a_naive_rule_of_equal_skill_is_not_beaten():
    decision = judge(naive={"momentum": ranks(0.05, 0) + ranks(0.0, 5) * 0.1})
    assert failed(decision) == {"beats_naive"}
    assert decision.best_naive == "momentum"


def test_constant_baselines_count_as_no_skill():
    decision = judge(naive={"base_rate": NOTHING})
    assert decision.decision == Verdict.PROMOTE
    assert decision.best_naive == "base_rate"


def test_a_person_can_lift_the_leak_alarm():
    suspect = evidence(purged={"accuracy": 0.7, "auc": 0.7})
    assert judge(suspect).decision == Verdict.PROVISIONAL
    decision = judge(suspect, rules=replace(RULES, leak_reviewed=True))
    assert decision.decision == Verdict.PROMOTE


def test_the_level_is_shared_by_the_candidates():
    one = next(check for check in judge().checks if check.name == "has_skill")
    two = next(check for check in judge(evidence(), evidence(model="other")).checks if check.name == "has_skill")
    assert two.threshold == pytest.approx(one.threshold / 2)


def test_the_best_that_passes_is_taken_and_others_are_explained():
    better_but_leaking = evidence(model="leaky", skill=ranks(0.2), purged={"accuracy": 0.9, "auc": 0.9})
    decision = judge(better_but_leaking, evidence())
    assert (decision.decision, decision.candidate) == (Verdict.PROMOTE, "xgboost")
    assert "Too good" in decision.others["leaky"][0]


def test_a_suspected_leak_serves_only_if_there_is_nothing_else():
    leaking = evidence(model="leaky", skill=ranks(0.2), purged={"accuracy": 0.9, "auc": 0.9})
    poor = evidence(model="poor", skill=ranks(0.0))
    assert judge(leaking, poor).candidate == "poor"
    assert judge(leaking).decision == Verdict.PROVISIONAL


def test_the_champion_must_be_beaten_on_common_days():
    decision = judge(champion=incumbent(), champion_ic=ranks(0.05, 3))
    assert decision.decision == Verdict.REJECT
    assert failed(decision) == {"beats_champion"}
    assert "stays in use" in decision.reason
    assert judge(champion=incumbent(), champion_ic=ranks(-0.02, 3)).decision == Verdict.PROMOTE


def test_identical_predictions_are_not_better():
    decision = judge(champion=incumbent(), champion_ic=evidence().skill)
    assert decision.decision == Verdict.REJECT
    assert next(check for check in decision.checks if check.name == "beats_champion").value == 1.0


def test_too_few_common_days_keep_the_champion():
    elsewhen = pd.bdate_range("2010-01-04", periods=400, tz="UTC")
    decision = judge(champion=incumbent(), champion_ic=ranks(0.0, 3, elsewhen))
    assert decision.decision == Verdict.REJECT
    assert "Only 0 days are common" in decision.reason


def test_importance_is_reported_and_can_gate():
    reversed_use = evidence(importance={"a": 0.1, "b": 0.3, "c": 0.6})
    reported = judge(reversed_use, champion=incumbent(), champion_ic=ranks(-0.02, 3))
    assert reported.decision == Verdict.PROMOTE
    assert next(check for check in reported.checks if check.name == "importance").value == pytest.approx(-1.0)
    gated = judge(
        reversed_use,
        champion=incumbent(),
        champion_ic=ranks(-0.02, 3),
        rules=replace(RULES, min_importance_correlation=0.5),
    )
    assert failed(gated) == {"importance"}


def test_wishes_are_reported_and_gate_only_when_asked():
    assert judge().decision == Verdict.PROMOTE
    gated = judge(rules=replace(RULES, gate_on_user_thresholds=True))
    assert failed(gated) == {"user_accuracy", "user_auc", "user_precision"}


def test_limits_that_are_none_do_not_gate():
    poor = evidence(backtest={"sharpe": -1.0, "max_drawdown": 0.9})
    assert judge(poor, rules=replace(RULES, min_net_sharpe=None, max_net_drawdown=None)).decision == Verdict.PROMOTE


BAD = {"skill": ranks(0.0)}


@pytest.mark.parametrize(
    ("champion", "candidate", "simulated", "expected"),
    [
        (None, {}, False, Verdict.PROMOTE),
        (None, BAD, False, Verdict.PROVISIONAL),
        ({"status": ModelStatus.PROVISIONAL}, {}, False, Verdict.PROMOTE),
        ({"status": ModelStatus.PROVISIONAL}, BAD, False, Verdict.PROVISIONAL),
        ({"status": ModelStatus.PROVISIONAL, "source_id": "elsewhere"}, BAD, False, Verdict.PROVISIONAL),
        ({"source_id": "elsewhere"}, {}, False, Verdict.PROMOTE),
        ({"source_id": "elsewhere"}, BAD, False, Verdict.REJECT),
        ({}, BAD, False, Verdict.REJECT),
        ({"source_id": "elsewhere", "simulated": True}, BAD, False, Verdict.PROVISIONAL),
        ({"source_id": "elsewhere", "simulated": True}, BAD, True, Verdict.REJECT),
        ({"model_hash": "new"}, {}, False, Verdict.REJECT),
        ({"model_hash": "new", "status": ModelStatus.PROVISIONAL}, BAD, False, Verdict.REJECT),
        ({"model_hash": "new", "status": ModelStatus.PROVISIONAL}, {}, False, Verdict.PROMOTE),
    ],
)
def test_who_may_replace_whom(champion, candidate, simulated, expected):
    champion = None if champion is None else incumbent(**champion)
    decision = judge(evidence(**candidate), champion=champion, champion_ic=ranks(-0.05, 3), simulated=simulated)
    assert decision.decision == expected


def test_a_champion_of_another_source_is_not_compared_and_the_reason_says_so():
    decision = judge(champion=incumbent(source_id="elsewhere"), champion_ic=ranks(0.5, 3))
    assert decision.decision == Verdict.PROMOTE
    assert "not comparable" in decision.reason
    made_up = judge(
        evidence(**BAD), champion=incumbent(source_id="elsewhere", simulated=True), champion_ic=ranks(0.5, 3)
    )
    assert "simulated market" in made_up.reason


@pytest.mark.parametrize("seed", range(3))
def test_noise_is_not_promoted(seed):
    noise = [evidence(model=f"m{k}", skill=ranks(0.0, 100 * seed + k)) for k in range(3)]
    assert judge(*noise).decision == Verdict.PROVISIONAL


def test_decisions_are_repeatable_and_say_about_whom_and_when():
    first, second = (judge(champion=incumbent(), champion_ic=ranks(0.0, 3)) for _ in range(2))
    assert first == second
    assert (first.market, first.decided_as_of) == ("equity", make_provenance().last_ts)
    assert first.incumbent == Holder("3", ModelStatus.PROMOTED, "logistic", "source", False, "old")
    assert type(first.incumbent) is Holder, "evidence is not part of a decision"
    assert judge().incumbent is None


def test_a_candidate_that_was_not_chosen_is_rejected():
    decision = judge(evidence(), evidence(model="other", skill=ranks(0.04)))
    assert decision.about("xgboost") is decision.decision is Verdict.PROMOTE
    assert decision.about("other") is Verdict.REJECT


def test_without_evidence_there_is_no_decision():
    with pytest.raises(DataError, match="naive"):
        judge(naive={})


@pytest.mark.parametrize("wrong", [{"alpha": 0.7}, {"n_bootstrap": 50}, {"block_days": 0}])
def test_rules_that_check_nothing_are_refused(wrong):
    with pytest.raises(ConfigurationError):
        PromotionRules(**wrong)


def test_checks_are_reported_by_their_names_in_order():
    assert [check.name for check in judge(champion=incumbent(), champion_ic=ranks(0.0, 3)).checks] == list(CHECKS)


def test_a_check_that_is_registered_can_forbid_a_promotion():
    with CHECKS.trial():

        @CHECKS.register("few_features")
        def few_features(case: Case) -> Check:
            used = len(case.candidate.importance)
            return Check("few_features", used <= 2, float(used), 2.0, f"It uses {used} features; at most 2 are asked.")

        decision = judge()
    assert failed(decision) == {"few_features"}
    assert decision.decision == Verdict.PROVISIONAL
    assert "It uses 3 features" in decision.reason
    assert judge().decision == Verdict.PROMOTE
