"""The checks of a promotion: each is a number, a limit and a sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.domain.evaluation.arm_comparison import Verdict as Outcome
from finq_predictor.domain.evaluation.mean_test import POWER, days_needed, mean_above_zero
from finq_predictor.domain.evaluation.skill import SKILLS
from finq_predictor.domain.promotion import challenger_checks
from finq_predictor.domain.promotion.terms import (
    Check,
    Evidence,
    FinalWindow,
    Incumbent,
    NaiveRule,
    PromotionRules,
    Record,
    Setting,
)
from finq_predictor.domain.registry import Registry


@dataclass(frozen=True)
class Case:
    """What a check looks at.

    Attributes:
        candidate: The candidate that is judged.
        naive_name: The strongest naive baseline.
        naive: The naive baselines by name.
        rival: The promoted champion that has to be beaten, if any.
        record: How that has done since it was trained.
        final: What was found in the sealed window; None while it is sealed for this candidate.
        final_days: Days of the sealed window, on which a comparison with the champion is possible once it is open.
        setting: What the decision stands under.
        rules: The limits.
    """

    candidate: Evidence
    naive_name: str
    naive: Mapping[str, NaiveRule]
    rival: Incumbent | None
    record: Record | None
    final: FinalWindow | None
    final_days: pd.DatetimeIndex
    setting: Setting
    rules: PromotionRules

    @property
    def level(self) -> float:
        """Chance of promoting without skill that is accepted, shared out over all that was judged on these days."""
        return self.rules.alpha / max(self.setting.judged, 1)

    def p_value(self, daily: pd.Series) -> float:
        """Chance of such a mean, or a higher one, if the true one is not above zero."""
        return mean_above_zero(daily, self.setting.days_of_label).p_value

    def in_sight(self, daily: pd.Series) -> str:
        """Completes a sentence: how large the true mean must be to be found in four such histories of five."""
        least = mean_above_zero(daily, self.setting.days_of_label).detectable(self.level, POWER)
        return (
            f"; {least:+.{SKILLS[self.rules.skill].digits}f} would show four times in five"
            if np.isfinite(least)
            else ""
        )


LIVE_LEVEL = 0.05
"""Level by which it is told how a candidate did live where nothing forbids it to be worse."""
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
    needed = days_needed(case.setting.days_of_label) if rules.min_oos_days is None else rules.min_oos_days
    detail = (
        f"{candidate.model} said something that can be judged on {days} of the {len(candidate.skill)} days that it was "
        f"tested on and had not seen; at least {needed} are needed."
    )
    return Check("enough_days", days >= needed, float(days), float(needed), detail)


@CHECKS.register("has_skill")
def _beats_nothing(case: Case) -> Check:
    candidate, rules, level = case.candidate, case.rules, case.level
    p_value = case.p_value(candidate.skill)
    measure = SKILLS[rules.skill]
    relation = "more than luck explains" if p_value <= level else "which luck can explain"
    detail = (
        f"Its daily {measure.phrase} is {mean_skill(candidate.skill):+.{measure.digits}f}, {relation} "
        f"(chance under no skill {p_value:.4f}, limit {level:.4f}{case.in_sight(candidate.skill)})."
    )
    return Check("has_skill", p_value <= level, p_value, level, detail)


@CHECKS.register("beats_naive")
def _beats_naive(case: Case) -> Check:
    candidate, rules, level = case.candidate, case.rules, case.level
    mine = candidate.skill.dropna()
    # A baseline that says the same of everything ranks nothing: no skill, which is zero.
    difference = mine - case.naive[case.naive_name].skill.reindex(mine.index).fillna(0.0)
    p_value = case.p_value(difference)
    measure = SKILLS[rules.skill]
    relation = "beats" if p_value <= level else "does not beat"
    detail = (
        f"{candidate.model} {relation} the best naive rule, {case.naive_name}: the difference in daily "
        f"{measure.phrase} is {mean_skill(difference):+.{measure.digits}f} on {len(difference)} days "
        f"(chance under no difference {p_value:.4f}, limit {level:.4f}{case.in_sight(difference)})."
    )
    return Check("beats_naive", p_value <= level, p_value, level, detail)


@CHECKS.register("leak_alarm")
def _no_leak(case: Case) -> Check:
    candidate, rules = case.candidate, case.rules
    accuracy, auc = candidate.purged.get("accuracy", np.nan), candidate.purged.get("auc", np.nan)
    alarm = accuracy > rules.max_purged_accuracy or auc > rules.max_purged_auc
    person = rules.leak_reviewed.get(candidate.model_hash, "")
    known = np.isfinite(accuracy) and np.isfinite(auc)
    measured = (
        f"accuracy {accuracy:.3f} (alarm above {rules.max_purged_accuracy}) and AUC {auc:.3f} (alarm above "
        f"{rules.max_purged_auc})"
    )
    if not known:
        detail = "The leak meter was not read, so a leak cannot be excluded."
    elif not alarm:
        detail = f"No sign of a leak: on the purged split {measured}."
    elif person:
        detail = f"Better than honest markets allow, but {person} has looked and found no leak in it: {measured}."
    else:
        detail = (
            f"Too good to be true: {measured}. A person must look for a leak and then put a name beside this very "
            f"model: leak_reviewed.{candidate.model_hash}."
        )
    passed = bool(known and (not alarm or person))
    return Check("leak_alarm", passed, _finite(auc), rules.max_purged_auc, detail)


@CHECKS.register("says_something")
def _says_something(case: Case) -> Check:
    flat = case.candidate.flat
    detail = (
        f"{case.candidate.model} gives every row the same probability: calibration found nothing to go by, "
        "and there is nothing that could be served."
        if flat
        else "What it would serve differs from row to row."
    )
    return Check("says_something", not flat, None, None, detail)


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


@CHECKS.register("deflated_sharpe")
def _deflated(case: Case) -> Check:
    value, limit = case.candidate.backtest.get("deflated_sharpe", np.nan), case.rules.min_deflated_sharpe
    passed = limit is None or bool(value >= limit)
    bound = "reported only" if limit is None else f"at least {limit:.2f} is asked"
    said = "not measurable" if np.isnan(value) else f"{value:.2f}"
    tried = case.setting.judged
    configurations = "one configuration was" if tried == 1 else f"{tried} configurations were"
    detail = (
        f"The probability that its Sharpe ratio after costs is more than luck would show at best is {said} "
        f"({bound}); {configurations} judged on these days."
    )
    return Check("deflated_sharpe", passed, _finite(value), limit, detail, gating=limit is not None)


@CHECKS.register("net_beats_naive")
def _net_beats_naive(case: Case) -> Check:
    candidate, limit = case.candidate, case.rules.net_alpha
    nets = {name: rule.net.reindex(candidate.net.index).fillna(0.0) for name, rule in case.naive.items()}
    best = max(sorted(nets), key=lambda name: mean_skill(nets[name]))
    difference = candidate.net - nets[best]
    p_value = case.p_value(difference)
    passed = limit is None or p_value <= limit
    bound = "reported only" if limit is None else f"limit {limit:.3f}"
    verb = "earns more" if p_value <= (limit or 0.05) else "does not earn reliably more"
    detail = (
        f"After costs it {verb} than the best naive rule, {best}, by {1e4 * mean_skill(difference):+.2f} "
        f"basis points of capital a day (chance under no difference {p_value:.4f}, {bound})."
    )
    return Check("net_beats_naive", passed, p_value, limit, detail, gating=limit is not None)


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
    candidate, rival, record, rules, level = case.candidate, case.rival, case.record, case.rules, case.level
    if rival is None or record is None:
        return Check("beats_champion", True, None, level, "There is no promoted champion to beat.", gating=False)
    name = f"champion version {rival.version} ({rival.model})"
    if record.unknown:
        detail = f"It cannot be compared with {name}: {record.unknown}"
        return Check("beats_champion", False, None, level, detail)
    theirs = record.skill.dropna()
    mine = candidate.skill.dropna()
    if case.final is not None:
        mine = pd.concat([mine, case.final.skill.dropna()])
        mine = mine[~mine.index.duplicated()].sort_index()
    reach = mine.index if case.final is not None else mine.index.union(case.final_days)
    common = theirs.index.intersection(reach)
    if len(common) < rules.min_new_days:
        detail = (
            f"It waits: {len(common)} days with a known outcome have passed since {name} was trained; a comparison on "
            f"days that neither has seen needs {rules.min_new_days}. To begin afresh, keep the market in a data_root "
            "of its own."
        )
        return Check("beats_champion", False, None, level, detail)
    if case.final is None:
        detail = f"It is compared with {name} on {len(common)} days when the sealed window is opened."
        return Check("beats_champion", True, None, level, detail, gating=False)
    difference = mine[common] - theirs[common]
    p_value = case.p_value(difference)
    measure = SKILLS[rules.skill]
    relation = "is better than" if p_value <= level else "is not better than"
    detail = (
        f"{candidate.model} {relation} {name} on the {len(difference)} days since that was trained: the difference in "
        f"daily {measure.phrase} is {mean_skill(difference):+.{measure.digits}f} "
        f"(chance under no difference {p_value:.4f}, limit {level:.4f}{case.in_sight(difference)})."
    )
    return Check("beats_champion", p_value <= level, p_value, level, detail)


@CHECKS.register("live_evidence")
def _not_worse_live(case: Case) -> Check:
    limit, trials = case.rules.live_alpha, case.candidate.live
    if not trials:
        detail = "It has not answered beside the champion in use, or no outcome of that is known; nothing speaks of it."
        return Check("live_evidence", True, None, limit, detail, gating=False)
    # Whoever tries a model under two names is told by the worse of them.
    trial = min(trials, key=lambda each: each.found.worse.p_value)
    found, name = trial.found, f"champion version {trial.champion_version} ({trial.champion_model})"
    worse = found.worse.p_value <= (limit or LIVE_LEVEL)
    if worse:
        said = f"did worse than {name}"
    elif found.verdict is Outcome.BETTER:
        said = f"did better than {name}"
    else:
        said = f"cannot be told apart from {name}"
    bound = "reported only" if limit is None else f"limit {limit:.4f}"
    detail = (
        f"Where both answered live, {case.candidate.model} {said} on {found.bars:,} bars: what it did there has at "
        f"most a chance of {found.worse.p_value:.4f} if it were no worse ({bound}), and of {found.better.p_value:.4f} "
        "if it were no better, however often one looks."
    )
    return Check("live_evidence", not (limit and worse), found.worse.p_value, limit, detail, gating=limit is not None)


@CHECKS.register("final_window")
def _holds_in_the_final_window(case: Case) -> Check:
    final, measure = case.final, SKILLS[case.rules.skill]
    if final is None and not len(case.final_days):
        detail = (
            "No day with a known outcome was sealed, so that nothing shows whether its skill lasts: train with two "
            "folds or more, on more history."
        )
        return Check("final_window", False, None, None, detail)
    if final is None:
        detail = "The last days of the history stay sealed until a candidate has passed everything before them."
        return Check("final_window", True, None, None, detail, gating=False)
    p_value = case.p_value(final.skill)
    passed = p_value <= final.level
    verb = "holds" if passed else "does not hold"
    detail = (
        f"Its skill {verb} on the {int(final.skill.notna().sum())} days that were sealed: {measure.phrase} "
        f"{mean_skill(final.skill):+.{measure.digits}f} (chance under no skill {p_value:.4f}, limit {final.level:.4f} "
        f"at opening {final.number})."
    )
    return Check("final_window", passed, p_value, final.level, detail)


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


for _name, _check in (
    ("importance_moved", challenger_checks.importance_moved),
    ("turnover", challenger_checks.turnover),
    ("row_latency", challenger_checks.row_latency),
    ("bar_latency", challenger_checks.bar_latency),
    ("model_size", challenger_checks.model_size),
):
    CHECKS.register(_name)(_check)


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
