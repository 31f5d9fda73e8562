"""Every gate has been seen to fail, and the champion changes only for a reason."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.errors import ConfigurationError, DataError
from finq_predictor.domain.evaluation.mean_test import mean_above_zero
from finq_predictor.domain.modelling.origin import ModelStatus
from finq_predictor.domain.promotion.checks import CHECKS, Case
from finq_predictor.domain.promotion.decision import (
    Evidence,
    FinalWindow,
    Holder,
    Incumbent,
    NaiveRule,
    PromotionRules,
    Record,
    Sealed,
    Setting,
    Verdict,
    decide,
    failures,
    lost_skill,
)
from finq_predictor.domain.promotion.running_cost import RunningCost, RunningCosts
from finq_predictor.domain.promotion.terms import Approval, Check
from synthetic_values import make_provenance, make_trial

DAYS = pd.bdate_range("2022-01-03", periods=400, tz="UTC")
LATER = pd.bdate_range(DAYS[-1] + pd.Timedelta(days=1), periods=150, tz="UTC")
RULES = PromotionRules()
NOTHING = pd.Series(np.nan, index=DAYS)


def ranks(mean: float, seed: int = 0, days: pd.DatetimeIndex = DAYS) -> pd.Series:
    return pd.Series(mean + np.random.default_rng(seed).normal(0.0, 0.1, len(days)), index=days)


def earnings(mean: float, seed: int = 7) -> pd.Series:
    return pd.Series(mean + np.random.default_rng(seed).normal(0.0, 0.004, len(DAYS)), index=DAYS)


def evidence(**changes) -> Evidence:
    good = Evidence(
        model="xgboost",
        model_hash="new",
        skill=ranks(0.05),
        metrics={"accuracy": 0.52, "auc": 0.52, "precision": 0.51, "ece": 0.01, "brier_skill": 0.002},
        backtest={"sharpe": 1.8, "max_drawdown": 0.1, "deflated_sharpe": 0.98},
        net=earnings(0.0015),
        flat=False,
        purged={"accuracy": 0.52, "auc": 0.53},
        importance={"a": 0.5, "b": 0.3, "c": 0.2},
    )
    return replace(good, **changes)


def incumbent(**changes) -> Incumbent:
    champion = Incumbent(
        "3", ModelStatus.PROMOTED, "logistic", "source", False, "old", pd.DataFrame(), {"a": 0.6, "b": 0.3, "c": 0.1}
    )
    return replace(champion, **changes)


def sealed(skill: pd.Series | None = None, number: int = 1, asked: str = "") -> Sealed:
    """A window in which every candidate has a skill, as good as before unless said otherwise."""
    skill = ranks(0.05, 21, LATER) if skill is None else skill
    level = 0.05 / (number * (number + 1))
    opened = []

    def look(model: str, reason: str) -> FinalWindow:
        opened.append((model, reason))
        return FinalWindow(model, number, level, skill, reason)

    window = Sealed(pd.DatetimeIndex(skill.dropna().index), look, asked)
    window.opened = opened
    return window


def record(skill: pd.Series, promised: float = 0.05, unknown: str = "") -> Record:
    return Record(skill, ranks(promised, 33), unknown)


def naive_rules(skills: dict[str, pd.Series | NaiveRule]) -> dict[str, NaiveRule]:
    return {
        name: skill if isinstance(skill, NaiveRule) else NaiveRule(skill, earnings(0.0, 50 + k))
        for k, (name, skill) in enumerate(skills.items())
    }


def judge(
    *candidates: Evidence,
    naive=None,
    champion=None,
    champion_ic=None,
    simulated=False,
    rules=RULES,
    window=None,
    setting=None,
    unknown="",
):
    naive = naive_rules({"base_rate": NOTHING, "reversal": ranks(0.0, 9)} if naive is None else naive)
    provenance = make_provenance(source_id="source", simulated=simulated)
    candidates = candidates or (evidence(),)
    setting = setting or Setting(days_of_label=1, judged=len(candidates))
    followed = None if champion is None else record(pd.Series(dtype=float) if champion_ic is None else champion_ic)
    followed = replace(followed, unknown=unknown) if followed is not None else None
    return decide("equity", candidates, naive, champion, followed, window or sealed(), provenance, setting, rules)


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
        ({"skill": ranks(0.05, days=DAYS[:60])}, "enough_days", "on 60 of the 60 days"),
        ({"skill": NOTHING}, "enough_days", "on 0 of the 400 days"),
        ({"purged": {"accuracy": 0.59, "auc": 0.55}}, "leak_alarm", "Too good to be true"),
        ({"purged": {"accuracy": 0.55, "auc": 0.61}}, "leak_alarm", "Too good to be true"),
        ({"purged": {}}, "leak_alarm", "not read"),
        ({"metrics": {"ece": 0.05, "brier_skill": 0.0}}, "calibration", "5.0 points"),
        ({"metrics": {"ece": np.nan, "brier_skill": 0.0}}, "calibration", "do not mean"),
        ({"metrics": {"ece": 0.01, "brier_skill": -0.01}}, "brier_skill", "worse than"),
        ({"backtest": {"sharpe": -0.1, "max_drawdown": 0.1}}, "net_sharpe", "does not earn"),
        ({"backtest": {"sharpe": np.nan, "max_drawdown": 0.0}}, "net_sharpe", "never held"),
        ({"backtest": {"sharpe": 1.0, "max_drawdown": 0.4}}, "net_drawdown", "40.0 %"),
        # What was promoted before: a Sharpe ratio of which luck explains a third.
        (
            {"backtest": {"sharpe": 0.67, "max_drawdown": 0.1, "deflated_sharpe": 0.67}},
            "deflated_sharpe",
            "is 0.67 (at least 0.95 is asked); one configuration was judged",
        ),
        ({"backtest": {"sharpe": 1.0, "max_drawdown": 0.1}}, "deflated_sharpe", "not measurable"),
        ({"net": earnings(0.0)}, "net_beats_naive", "does not earn reliably more"),
        ({"flat": True}, "says_something", "the same probability"),
        ({"live": (make_trial(-0.4),)}, "live_evidence", "did worse than champion version 3 (logistic) on 400 bars"),
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


def test_the_strongest_naive_rule_has_to_be_beaten_in_skill_and_in_what_is_left_after_costs():
    skilled = {"momentum": ranks(0.05, 0) + ranks(0.0, 5) * 0.1, "reversal": ranks(-0.05, 9)}
    decision = judge(naive=skilled)
    assert (failed(decision), decision.best_naive) == ({"beats_naive"}, "momentum")
    # The rule that earns most need not be the one that ranks best.
    rich = NaiveRule(NOTHING, evidence().net + 0.01 * earnings(0.0, 60))
    poor = NaiveRule(ranks(0.0, 9), earnings(-0.01, 61))
    decision = judge(naive={"momentum": rich, "reversal": poor})
    assert (failed(decision), decision.best_naive) == ({"net_beats_naive"}, "reversal")
    assert "than the best naive rule, momentum" in decision.reason


def test_a_naive_rule_earns_nothing_on_days_on_which_it_does_not_trade():
    early = earnings(0.0, 60)[:100]
    early.iloc[-1] = 0.05
    assert judge(naive={"momentum": NaiveRule(NOTHING, early)}).decision == Verdict.PROMOTE


def slow(mean: float, seed: int, days: pd.DatetimeIndex, length: int = 20) -> pd.Series:
    """Values of which so many neighbours share their outcomes."""
    noise = np.random.default_rng(seed).normal(0.0, 0.3, len(days) + length - 1)
    return pd.Series(mean + np.convolve(noise, np.full(length, 1.0 / length), "valid"), days)


def test_every_test_of_the_gate_knows_how_far_labels_reach():
    """What is judged with overlapping labels as if it were of single days is surer than it may be."""
    new_days, champion_days = slow(0.05, 2, LATER), slow(0.01, 3, LATER)
    net = slow(0.05, 4, DAYS)
    candidate = evidence(skill=slow(0.05, 1, DAYS), net=net)
    naive = {"momentum": NaiveRule(slow(0.0, 5, DAYS), slow(0.0, 6, DAYS))}
    expected = {
        "has_skill": candidate.skill,
        "beats_naive": candidate.skill - naive["momentum"].skill,
        "net_beats_naive": net - naive["momentum"].net,
        "final_window": new_days,
        "beats_champion": new_days - champion_days,
    }
    asked = sealed(new_days, asked="to see")
    decision = judge(
        candidate,
        naive=naive,
        champion=incumbent(),
        champion_ic=champion_days,
        window=asked,
        setting=Setting(days_of_label=20, judged=1),
    )
    found = {check.name: check.value for check in decision.checks}
    for name, daily in expected.items():
        assert found[name] == pytest.approx(mean_above_zero(daily, 20).p_value), name
        assert found[name] != pytest.approx(mean_above_zero(daily, 1).p_value), name
    assert decision.opening.p_value == pytest.approx(found["final_window"])


def test_constant_baselines_count_as_no_skill():
    decision = judge(naive={"base_rate": NOTHING})
    assert decision.decision == Verdict.PROMOTE
    assert decision.best_naive == "base_rate"


def test_a_person_can_lift_the_leak_alarm():
    suspect = evidence(purged={"accuracy": 0.7, "auc": 0.7})
    assert judge(suspect).decision == Verdict.PROVISIONAL
    decision = judge(suspect, rules=replace(RULES, leak_reviewed={"new": "Ada, 2026-01-05"}))
    assert decision.decision == Verdict.PROMOTE
    assert any("Ada, 2026-01-05 has looked" in check.detail for check in decision.checks)


def test_who_has_looked_at_one_model_has_not_looked_at_the_next():
    rules = replace(RULES, leak_reviewed={"new": "Ada"})
    retrained = evidence(purged={"accuracy": 0.7, "auc": 0.7}, model_hash="newer")
    decision = judge(retrained, rules=rules)
    assert failed(decision) == {"leak_alarm"}
    assert "leak_reviewed.newer" in decision.reason
    with pytest.raises(ConfigurationError, match="names nobody"):
        PromotionRules(leak_reviewed={"new": " "})


def test_the_level_is_shared_by_the_candidates():
    one = next(check for check in judge().checks if check.name == "has_skill")
    two = next(check for check in judge(evidence(), evidence(model="other")).checks if check.name == "has_skill")
    assert two.threshold == pytest.approx(one.threshold / 2)


def test_the_level_is_shared_by_all_that_was_ever_judged_on_these_days():
    skill = ranks(0.018)
    assert "has_skill" not in failed(judge(evidence(skill=skill)))
    tried = judge(evidence(skill=skill), setting=Setting(days_of_label=1, judged=40))
    assert "has_skill" in failed(tried)


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


def test_the_champion_must_be_beaten_on_days_that_neither_has_seen():
    decision = judge(champion=incumbent(), champion_ic=ranks(0.05, 3, LATER))
    assert decision.decision == Verdict.REJECT
    assert failed(decision) == {"beats_champion"}
    assert "stays in use" in decision.reason
    assert "on the 150 days since that was trained" in decision.reason
    better = judge(champion=incumbent(), champion_ic=ranks(0.03, 3, LATER), window=sealed(ranks(0.15, 21, LATER)))
    assert (better.decision, better.demoted) == (Verdict.PROMOTE, "")
    assert "beats_champion" in {check.name for check in better.checks if check.gating}


def test_identical_predictions_are_not_better():
    same = ranks(0.05, 21, LATER)
    decision = judge(champion=incumbent(), champion_ic=same)
    assert decision.decision == Verdict.REJECT
    assert next(check for check in decision.checks if check.name == "beats_champion").value == 1.0


def test_a_champion_that_met_no_new_day_is_a_reason_to_wait():
    window = sealed()
    decision = judge(champion=incumbent(), window=window)
    assert decision.decision == Verdict.REJECT
    assert "It waits: 0 days" in decision.reason
    assert "needs 60" in decision.reason
    assert window.opened == [], "waiting opens nothing"
    assert judge(champion=incumbent(), champion_ic=ranks(0.0, 3, LATER[:80])).decision == Verdict.PROMOTE


def test_a_champion_that_cannot_be_asked_is_not_skipped():
    decision = judge(champion=incumbent(), unknown="it reads 3 features that these data do not have (a, b, c).")
    assert decision.decision == Verdict.REJECT
    assert "It cannot be compared with champion version 3 (logistic): it reads 3 features" in decision.reason


@pytest.mark.parametrize(
    ("mean", "days", "demoted"), [(0.05, 150, False), (-0.03, 150, True), (0.0, 150, True), (-0.5, 40, False)]
)
def test_a_champion_that_has_failed_since_is_seen(mean, days, demoted):
    poor = evidence(**BAD)
    decision = judge(poor, champion=incumbent(), champion_ic=ranks(mean, 3, LATER[:days]))
    assert decision.decision == Verdict.REJECT
    assert bool(decision.demoted) == demoted
    if demoted:
        assert "Champion version 3 (logistic) has failed since it was trained" in decision.reason
        assert "answers as a provisional champion from now on" in decision.demoted
        better = judge(champion=incumbent(), champion_ic=ranks(mean, 3, LATER[:days]))
        assert better.decision == Verdict.PROMOTE, "it need not be beaten any more"
        assert better.demoted == ""


@pytest.mark.parametrize(
    ("promised", "now", "fails"),
    [
        (0.05, 0.05, False),
        (0.05, 0.0, True),
        # It has fallen far, and is still skilled.
        (0.2, 0.06, False),
        # It never promised anything, and does harm.
        (-0.04, -0.04, True),
        (0.0, 0.0, False),
        # It is better than it promised.
        (0.0, 0.05, False),
    ],
)
def test_a_champion_fails_by_losing_all_its_skill_or_by_doing_harm(promised, now, fails):
    found = lost_skill(incumbent(), record(ranks(now, 3, LATER), promised), Setting(1, 1), RULES)
    assert bool(found) == fails


def test_skill_that_overlapping_labels_only_seem_to_prove_does_not_save_a_champion():
    now = slow(0.025, 3, LATER)
    assert mean_above_zero(now, 1).p_value < 0.05 < mean_above_zero(now, 20).p_value
    fallen = record(now, promised=0.5)
    assert not lost_skill(incumbent(), fallen, Setting(1, 1), RULES)
    assert lost_skill(incumbent(), fallen, Setting(20, 1), RULES)


# The sealed window -------------------------------------------------------------------------------------------------


def test_the_window_is_opened_for_the_first_that_passed_everything_before_it():
    window = sealed()
    decision = judge(evidence(), evidence(model="other", skill=ranks(0.04)), window=window)
    assert window.opened == [("xgboost", "xgboost passed every check on the days before")]
    assert decision.decision == Verdict.PROMOTE
    assert (decision.opening.model, decision.opening.number, decision.opening.days) == ("xgboost", 1, 150)
    assert decision.opening.p_value < 0.001
    assert "holds on the 150 days that were sealed" in decision.reason


def test_the_window_stays_sealed_for_the_very_model_that_is_champion_already():
    window = sealed()
    decision = judge(champion=incumbent(model_hash="new"), champion_ic=ranks(-0.5, 3, LATER[:30]), window=window)
    assert (decision.decision, decision.opening, window.opened) == (Verdict.REJECT, None, [])
    assert judge(champion=incumbent(model_hash="new"), champion_ic=ranks(0.0, 3, LATER), window=window).opening is None
    assert window.opened == []


def test_the_window_stays_sealed_for_who_has_failed_unless_a_person_says_why():
    window = sealed()
    decision = judge(evidence(**BAD), window=window)
    assert (window.opened, decision.opening) == ([], None)
    asked = sealed(asked="the desk wants to see it")
    decision = judge(evidence(**BAD), window=asked)
    assert asked.opened == [("xgboost", "the desk wants to see it")]
    assert decision.opening.reason == "the desk wants to see it"
    assert decision.decision == Verdict.PROVISIONAL


def test_skill_that_ends_with_the_days_it_was_chosen_on_is_not_promoted():
    decision = judge(window=sealed(ranks(0.0, 22, LATER)))
    assert failed(decision) == {"final_window"}
    assert decision.decision == Verdict.PROVISIONAL
    assert "does not hold on the 150 days" in decision.reason


def test_each_opening_asks_for_more():
    faint = ranks(0.03, 21, LATER)
    assert judge(window=sealed(faint)).decision == Verdict.PROMOTE
    decision = judge(window=sealed(faint, number=12))
    assert failed(decision) == {"final_window"}
    assert "at opening 12" in decision.reason


def test_without_a_sealed_window_nothing_is_promoted():
    window = sealed(pd.Series(dtype=float, index=LATER[:0]))
    decision = judge(window=window)
    assert failed(decision) == {"final_window"}
    assert "two folds or more, on more history" in decision.reason
    assert window.opened == []


def test_importance_is_reported_and_can_gate():
    strong = sealed(ranks(0.15, 21, LATER))
    reversed_use = evidence(importance={"a": 0.1, "b": 0.3, "c": 0.6})
    reported = judge(reversed_use, champion=incumbent(), champion_ic=ranks(0.03, 3, LATER), window=strong)
    assert reported.decision == Verdict.PROMOTE
    assert next(check for check in reported.checks if check.name == "importance").value == pytest.approx(-1.0)
    gated = judge(
        reversed_use,
        champion=incumbent(),
        champion_ic=ranks(0.03, 3, LATER),
        window=sealed(ranks(0.15, 21, LATER)),
        rules=replace(RULES, min_importance_correlation=0.5),
    )
    assert failed(gated) == {"importance"}


SLOW = RunningCost(row_ms=900.0, bar_ms=9000.0, rows=500, size=200_000_000)


@pytest.mark.parametrize(
    ("gate", "poor", "off"),
    [
        ("turnover", {"backtest": {**evidence().backtest, "turnover_per_day": 25.0}}, "max_turnover"),
        ("importance_moved", {"importance": {"x": 0.5, "y": 0.3, "z": 0.2}}, "max_importance_moved"),
        ("row_latency", {"cost": replace(SLOW, bar_ms=1.0, size=1)}, "max_row_ms"),
        ("bar_latency", {"cost": replace(SLOW, row_ms=1.0, size=1)}, "max_bar_ms"),
        ("model_size", {"cost": replace(SLOW, row_ms=1.0, bar_ms=1.0)}, "max_model_mb"),
    ],
)
def test_a_challenger_that_costs_too_much_or_looks_elsewhere_is_refused(gate, poor, off):
    def against(rules: PromotionRules):
        strong = sealed(ranks(0.15, 21, LATER))
        return judge(
            evidence(**poor), champion=incumbent(), champion_ic=ranks(0.03, 3, LATER), window=strong, rules=rules
        )

    assert failed(against(RULES)) == {gate}
    lenient = against(replace(RULES, **{off: None}))
    (found,) = [check for check in lenient.checks if check.name == gate]
    assert (lenient.decision, found.gating, found.passed) == (Verdict.PROMOTE, False, True)
    assert found.value > 0, "it is reported all the same"
    assert "reported only" in found.detail
    with pytest.raises(ConfigurationError, match=f"{off} is 0; expected a number above 0, or null"):
        PromotionRules(**{off: 0})


def test_what_was_not_measured_forbids_nothing():
    found = {check.name: check for check in judge().checks}
    for name in ("turnover", "importance_moved", "row_latency", "bar_latency", "model_size"):
        assert (found[name].passed, found[name].gating, found[name].value) == (True, False, None)


ASKED = replace(RULES, approval=Approval.REQUIRED)


def test_who_passes_waits_for_an_approval_where_one_is_required():
    waits = judge(rules=ASKED)
    assert waits.decision == Verdict.AWAIT
    assert "passed all" in waits.reason
    assert "waits for an approval, and nothing changes before" in waits.reason
    assert judge(evidence(**BAD), rules=ASKED).decision == Verdict.PROVISIONAL, "who failed need not be approved"


def test_a_model_that_a_person_refused_does_not_come_back():
    refused = replace(Setting(5, 1), refused={"new": "Grace Hopper"})
    again = judge(rules=ASKED, setting=refused)
    assert again.decision == Verdict.REJECT
    assert "Grace Hopper refused this very model" in again.reason
    assert judge(evidence(model_hash="newer"), rules=ASKED, setting=refused).decision == Verdict.AWAIT
    assert judge(setting=refused).decision == Verdict.PROMOTE, "nobody is asked"


def test_wishes_are_reported_and_gate_only_when_asked():
    assert judge().decision == Verdict.PROMOTE
    gated = judge(rules=replace(RULES, gate_on_user_thresholds=True))
    assert failed(gated) == {"user_accuracy", "user_auc", "user_precision"}


def test_limits_that_are_none_do_not_gate():
    poor = evidence(backtest={"sharpe": -1.0, "max_drawdown": 0.9, "deflated_sharpe": 0.0}, net=earnings(-0.001))
    lenient = replace(RULES, min_net_sharpe=None, max_net_drawdown=None, min_deflated_sharpe=None, net_alpha=None)
    assert judge(poor, rules=lenient).decision == Verdict.PROMOTE


BAD = {"skill": ranks(0.0)}


@pytest.mark.parametrize(
    ("champion", "candidate", "simulated", "expected"),
    [
        (None, {}, False, Verdict.PROMOTE),
        (None, BAD, False, Verdict.PROVISIONAL),
        ({"status": ModelStatus.PROVISIONAL}, {}, False, Verdict.PROMOTE),
        ({"status": ModelStatus.PROVISIONAL}, BAD, False, Verdict.PROVISIONAL),
        ({"status": ModelStatus.PROVISIONAL, "source_id": "elsewhere"}, BAD, False, Verdict.PROVISIONAL),
        # Another file name is no way around the champion.
        ({"source_id": "elsewhere"}, {}, False, Verdict.REJECT),
        ({"source_id": "elsewhere"}, BAD, False, Verdict.REJECT),
        ({}, {}, False, Verdict.REJECT),
        ({}, BAD, False, Verdict.REJECT),
        # What was made up never replaces what was not.
        ({}, {}, True, Verdict.REJECT),
        ({"status": ModelStatus.PROVISIONAL}, {}, True, Verdict.REJECT),
        ({"source_id": "elsewhere", "simulated": True}, {}, False, Verdict.PROMOTE),
        ({"source_id": "elsewhere", "simulated": True}, BAD, False, Verdict.PROVISIONAL),
        ({"source_id": "elsewhere", "simulated": True}, BAD, True, Verdict.REJECT),
        ({"model_hash": "new"}, {}, False, Verdict.REJECT),
        ({"model_hash": "new", "status": ModelStatus.PROVISIONAL}, BAD, False, Verdict.REJECT),
        ({"model_hash": "new", "status": ModelStatus.PROVISIONAL}, {}, False, Verdict.PROMOTE),
    ],
)
def test_who_may_replace_whom(champion, candidate, simulated, expected):
    champion = None if champion is None else incumbent(**champion)
    decision = judge(evidence(**candidate), champion=champion, champion_ic=ranks(0.05, 3, LATER), simulated=simulated)
    assert decision.decision == expected


def test_a_made_up_champion_gives_way_to_a_real_one_and_the_reason_says_so():
    made_up = judge(
        evidence(**BAD), champion=incumbent(source_id="elsewhere", simulated=True), champion_ic=ranks(0.5, 3, LATER)
    )
    assert made_up.decision == Verdict.PROVISIONAL
    assert "simulated market" in made_up.reason
    other_way = judge(champion=incumbent(), champion_ic=ranks(-0.5, 3, LATER[:30]), simulated=True)
    assert "must not speak about a real one" in other_way.reason


def test_decisions_are_repeatable_and_say_about_whom_and_when():
    first, second = (judge(champion=incumbent(), champion_ic=ranks(0.0, 3, LATER)) for _ in range(2))
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


@pytest.mark.parametrize(
    "wrong",
    [
        {"alpha": 0.7},
        {"final_alpha": 0.0},
        {"net_alpha": 0.5},
        {"min_oos_days": 1},
        {"min_new_days": 0},
        {"min_deflated_sharpe": 1.5},
    ],
)
def test_rules_that_check_nothing_are_refused(wrong):
    with pytest.raises(ConfigurationError):
        PromotionRules(**wrong)


def test_checks_are_reported_by_their_names_in_order():
    assert [check.name for check in judge(champion=incumbent(), champion_ic=ranks(0.0, 3, LATER)).checks] == list(
        CHECKS
    )


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


def live(decision) -> Check:
    return next(check for check in decision.checks if check.name == "live_evidence")


@pytest.mark.parametrize(
    ("trials", "said", "gating"),
    [
        ((), "has not answered beside the champion in use", False),
        ((make_trial(0.0),), "cannot be told apart from champion version 3 (logistic) on 400 bars", True),
        ((make_trial(-0.4, bars=3),), "cannot be told apart", True),
        ((make_trial(0.4),), "did better than champion version 3 (logistic)", True),
    ],
)
def test_what_nobody_saw_live_or_what_is_undecided_decides_nothing(trials, said, gating):
    decision = judge(evidence(live=trials))
    assert decision.decision == Verdict.PROMOTE
    assert said in live(decision).detail
    assert (live(decision).gating, live(decision).passed) == (gating, True)


def test_who_did_worse_live_replaces_no_champion_not_even_a_provisional_one():
    worse = evidence(live=(make_trial(0.4), make_trial(-0.4)))
    for status in (ModelStatus.PROMOTED, ModelStatus.PROVISIONAL):
        champion = incumbent(status=status)
        days = ranks(0.0, 3, LATER)
        assert judge(champion=champion, champion_ic=days).decision == Verdict.PROMOTE
        decision = judge(worse, champion=champion, champion_ic=days)
        assert (decision.decision, failed(decision)) == (Verdict.REJECT, {"live_evidence"})
        assert "stays in use" in decision.reason
        assert live(decision).value == pytest.approx(make_trial(-0.4).found.worse.p_value)
    # A champion of a made-up market stays in nobody's way.
    made_up = judge(worse, champion=incumbent(simulated=True, status=ModelStatus.PROVISIONAL))
    assert made_up.decision == Verdict.PROVISIONAL


def test_another_candidate_is_taken_where_the_best_did_worse_live():
    best = evidence(model="tried", skill=ranks(0.06), live=(make_trial(-0.4),))
    assert judge(best, evidence()).candidate == "xgboost"
    poor = evidence(model="poor", skill=ranks(0.0))
    assert judge(best, poor).candidate == "poor"
    leaking = evidence(model="leaky", purged={"accuracy": 0.9, "auc": 0.9})
    assert judge(best, leaking).candidate == "tried"


def test_the_level_of_what_was_seen_live_is_that_of_the_rules():
    trial = make_trial(-0.4)
    strict = trial.found.worse.p_value / 2
    assert judge(evidence(live=(trial,)), rules=replace(RULES, live_alpha=strict)).decision == Verdict.PROMOTE
    told = judge(evidence(live=(trial,)), rules=replace(RULES, live_alpha=None))
    assert told.decision == Verdict.PROMOTE
    assert not live(told).gating
    assert "did worse than champion version 3" in live(told).detail
    assert "reported only" in live(told).detail
    with pytest.raises(ConfigurationError, match=r"live_alpha is 0\.7"):
        replace(RULES, live_alpha=0.7)


def test_a_model_keeps_the_figures_that_it_was_measured_with_first():
    first = RunningCosts().added({"a": SLOW})
    again = first.added({"a": replace(SLOW, row_ms=1.0), "b": SLOW})
    assert again.of("a").row_ms == 900.0
    assert list(again.by_model) == ["a", "b"]
    assert again.of("c") is None
    full = RunningCosts({str(number): SLOW for number in range(1000)}).added({"new": SLOW})
    assert (len(full.by_model), full.of("0"), full.of("new")) == (1000, None, SLOW)
