"""The checks of a promotion: each is a number, a limit and a sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.domain.evaluation.bootstrap import bootstrap_mean
from finq_predictor.domain.evaluation.skill import SKILLS
from finq_predictor.domain.promotion.terms import Check, Evidence, Incumbent, PromotionRules
from finq_predictor.domain.registry import Registry


@dataclass(frozen=True)
class Case:
    """What a check looks at.

    Attributes:
        candidate: The candidate that is judged.
        naive_name: The strongest naive baseline.
        naive: Its daily skill; NaN counts as no skill.
        rival: The promoted champion of the same data, if any.
        rival_skill: Its daily skill.
        level: Chance of promoting without skill that is accepted, shared out over all candidates.
        rules: The limits.
    """

    candidate: Evidence
    naive_name: str
    naive: pd.Series
    rival: Incumbent | None
    rival_skill: pd.Series | None
    level: float
    rules: PromotionRules


CHECKS: Registry[Callable[[Case], Check]] = Registry("check of a promotion")
"""The checks by name, in the order in which they are reported; one that gates forbids a promotion."""


def check_candidate(case: Case) -> tuple[Check, ...]:
    """All checks of one candidate, in the order of the registry."""
    return tuple(check(case) for check in CHECKS.values())


def failures(checks: Sequence[Check]) -> tuple[Check, ...]:
    """The checks that forbid a promotion."""
    return tuple(check for check in checks if check.gating and not check.passed)


def mean_skill(values: pd.Series) -> float:
    """Mean of a daily skill; a day without a value counts as none."""
    return float(values.fillna(0.0).mean()) if len(values) else 0.0


@CHECKS.register("enough_days")
def _enough_days(case: Case) -> Check:
    candidate, rules = case.candidate, case.rules
    days = int(candidate.skill.notna().sum())
    passed = days >= rules.min_oos_days
    detail = f"{candidate.model} was tested on {days} days it had not seen; at least {rules.min_oos_days} are needed."
    return Check("enough_days", passed, float(days), float(rules.min_oos_days), detail)


@CHECKS.register("has_skill")
def _beats_nothing(case: Case) -> Check:
    candidate, rules, level = case.candidate, case.rules, case.level
    p_value = p_value_of_mean(candidate.skill.dropna(), rules)
    measure = SKILLS[rules.skill]
    relation = "more than luck explains" if p_value <= level else "which luck can explain"
    detail = (
        f"Its daily {measure.phrase} is {mean_skill(candidate.skill):+.{measure.digits}f}, {relation} "
        f"(chance under no skill {p_value:.4f}, limit {level:.4f})."
    )
    return Check("has_skill", p_value <= level, p_value, level, detail)


@CHECKS.register("beats_naive")
def _beats_naive(case: Case) -> Check:
    candidate, rules, level = case.candidate, case.rules, case.level
    mine = candidate.skill.dropna()
    # A baseline that says the same of everything ranks nothing: no skill, which is zero.
    difference = mine - case.naive.reindex(mine.index).fillna(0.0)
    p_value = p_value_of_mean(difference, rules)
    measure = SKILLS[rules.skill]
    relation = "beats" if p_value <= level else "does not beat"
    detail = (
        f"{candidate.model} {relation} the best naive rule, {case.naive_name}: the difference in daily "
        f"{measure.phrase} is {mean_skill(difference):+.{measure.digits}f} on {len(difference)} days "
        f"(chance under no difference {p_value:.4f}, limit {level:.4f})."
    )
    return Check("beats_naive", p_value <= level, p_value, level, detail)


@CHECKS.register("leak_alarm")
def _no_leak(case: Case) -> Check:
    candidate, rules = case.candidate, case.rules
    accuracy, auc = candidate.purged.get("accuracy", np.nan), candidate.purged.get("auc", np.nan)
    alarm = accuracy > rules.max_purged_accuracy or auc > rules.max_purged_auc
    known = np.isfinite(accuracy) and np.isfinite(auc)
    measured = (
        f"accuracy {accuracy:.3f} (alarm above {rules.max_purged_accuracy}) and AUC {auc:.3f} (alarm above "
        f"{rules.max_purged_auc})"
    )
    if not known:
        detail = "The leak meter was not read, so a leak cannot be excluded."
    elif not alarm:
        detail = f"No sign of a leak: on the purged split {measured}."
    elif rules.leak_reviewed:
        detail = f"Better than honest markets allow, but a person has looked and found no leak: {measured}."
    else:
        detail = f"Too good to be true: {measured}. A person must look for a leak and then set leak_reviewed."
    passed = bool(known and (not alarm or rules.leak_reviewed))
    return Check("leak_alarm", passed, _finite(auc), rules.max_purged_auc, detail)


@CHECKS.register("calibration")
def _calibrated(case: Case) -> Check:
    candidate, rules = case.candidate, case.rules
    ece = candidate.metrics.get("ece", np.nan)
    passed = bool(ece <= rules.max_ece)
    relation = "mean what they say" if passed else "do not mean what they say"
    detail = (
        f"Its probabilities {relation}: they miss the observed frequency by {100 * ece:.1f} points on average "
        f"(limit {100 * rules.max_ece:.1f})."
    )
    return Check("calibration", passed, _finite(ece), rules.max_ece, detail)


@CHECKS.register("brier_skill")
def _brier(case: Case) -> Check:
    candidate, rules = case.candidate, case.rules
    skill = candidate.metrics.get("brier_skill", np.nan)
    passed = bool(skill >= rules.min_brier_skill)
    relation = "are no worse than" if passed else "are worse than"
    detail = (
        f"Its probabilities {relation} always quoting the base rate: Brier skill {100 * skill:+.2f} % (limit "
        f"{100 * rules.min_brier_skill:+.2f} %)."
    )
    return Check("brier_skill", passed, _finite(skill), rules.min_brier_skill, detail)


@CHECKS.register("net_sharpe")
def _earns(case: Case) -> Check:
    candidate, rules = case.candidate, case.rules
    sharpe = candidate.backtest.get("sharpe", np.nan)
    limit = rules.min_net_sharpe
    passed = limit is None or bool(sharpe > limit)
    said = "not measurable, as it never held a position" if np.isnan(sharpe) else f"{sharpe:+.2f}"
    bound = "reported only" if limit is None else f"more than {limit:.2f} is asked"
    verb = "earns" if sharpe > 0.0 else "does not earn"
    detail = f"After costs its long-short portfolio {verb} money: the Sharpe ratio is {said} ({bound})."
    return Check("net_sharpe", passed, _finite(sharpe), limit, detail, gating=limit is not None)


@CHECKS.register("net_drawdown")
def _drawdown(case: Case) -> Check:
    candidate, rules = case.candidate, case.rules
    fall = candidate.backtest.get("max_drawdown", np.nan)
    limit = rules.max_net_drawdown
    passed = limit is None or bool(fall <= limit)
    bound = "reported only" if limit is None else f"limit {100 * limit:.0f} %"
    detail = f"Its largest fall from a high after costs is {100 * fall:.1f} % of capital ({bound})."
    return Check("net_drawdown", passed, _finite(fall), limit, detail, gating=limit is not None)


@CHECKS.register("beats_champion")
def _beats_champion(case: Case) -> Check:
    candidate, rival, rules, level = case.candidate, case.rival, case.rules, case.level
    if rival is None or case.rival_skill is None:
        detail = "There is no promoted champion from the same data to beat."
        return Check("beats_champion", True, None, level, detail, gating=False)
    mine, theirs = candidate.skill.dropna().align(case.rival_skill.dropna(), join="inner")
    name = f"champion version {rival.version} ({rival.model})"
    if len(mine) < rules.min_oos_days:
        detail = f"Only {len(mine)} days are common with {name}; {rules.min_oos_days} are needed for a comparison."
        return Check("beats_champion", False, None, level, detail)
    difference = mine - theirs
    p_value = p_value_of_mean(difference, rules)
    measure = SKILLS[rules.skill]
    relation = "is better than" if p_value <= level else "is not better than"
    detail = (
        f"{candidate.model} {relation} {name}: the difference in daily {measure.phrase} is "
        f"{mean_skill(difference):+.{measure.digits}f} on {len(difference)} common days "
        f"(chance under no difference {p_value:.4f}, limit {level:.4f})."
    )
    return Check("beats_champion", p_value <= level, p_value, level, detail)


@CHECKS.register("importance")
def _importance(case: Case) -> Check:
    candidate, rival, rules = case.candidate, case.rival, case.rules
    limit = rules.min_importance_correlation
    common = sorted(set(candidate.importance) & set(rival.importance)) if rival else []
    if rival is None or len(common) < 3:
        detail = "There is no champion whose use of the features could be compared."
        return Check("importance", True, None, limit, detail, gating=False)
    mine = pd.Series(dict(candidate.importance))[common].rank()
    theirs = pd.Series(dict(rival.importance))[common].rank()
    correlation = float(mine.corr(theirs)) if mine.nunique() > 1 and theirs.nunique() > 1 else 0.0
    passed = limit is None or correlation >= limit
    bound = "reported only" if limit is None else f"at least {limit:.2f} is asked"
    detail = (
        f"Its use of the {len(common)} common features agrees with the champion's at a rank correlation of "
        f"{correlation:.2f} ({bound})."
    )
    return Check("importance", passed, correlation, limit, detail, gating=limit is not None)


@CHECKS.register("user_accuracy")
def _wished_accuracy(case: Case) -> Check:
    return _wish(case, "accuracy", "accuracy", case.rules.user_accuracy)


@CHECKS.register("user_auc")
def _wished_auc(case: Case) -> Check:
    return _wish(case, "auc", "AUC", case.rules.user_auc)


@CHECKS.register("user_precision")
def _wished_precision(case: Case) -> Check:
    return _wish(case, "precision", "precision", case.rules.user_precision)


def _wish(case: Case, name: str, title: str, limit: float) -> Check:
    value, gating = case.candidate.metrics.get(name, np.nan), case.rules.gate_on_user_thresholds
    bound = "asked for" if gating else "wished for, reported only"
    detail = f"Its {title} is {value:.3f}; {limit:.2f} is {bound}."
    return Check(f"user_{name}", bool(value >= limit), _finite(value), limit, detail, gating)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def p_value_of_mean(daily: pd.Series, rules: PromotionRules) -> float:
    """One-sided p-value that the mean of a daily series is not above zero; 1 where there is nothing to test.

    Reference: stationary block bootstrap of Politis and Romano (1994).
    """
    found = bootstrap_mean(daily, min_block=rules.block_days, n_resamples=rules.n_bootstrap, seed=rules.seed)
    return float(found.p_value) if np.isfinite(found.p_value) else 1.0
