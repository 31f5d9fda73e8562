"""Whether a candidate may become the champion: every check is a number, a limit and a sentence.

The rule of the house: nothing is promoted that does not beat the naive baselines and the champion by more than luck,
that looks like a
leak, that is badly calibrated, or that loses money after costs. What is not good enough may serve only while there is
nothing better,
and then says so (``provisional``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from finq_predictor.domain.bootstrap import bootstrap_mean
from finq_predictor.domain.errors import ConfigurationError, DataError
from finq_predictor.domain.skill import get_skill

PROMOTE, PROVISIONAL, KEEP = "promote", "provisional", "reject"
PROMOTED = "promoted"


@dataclass(frozen=True)
class PromotionRules:
    """Limits of the gate.

    Attributes:
        skill: What is tested for significance, ``rank_ic`` or ``log_loss``; see ``domain.skill``.
        alpha: One-sided level of every test of significance; divided by the number of candidates (Bonferroni).
        n_bootstrap: Resamples per test.
        block_days: Smallest mean block length in days; twice the label horizon, because its labels overlap.
        min_oos_days: Fewer out-of-sample days prove nothing.
        max_purged_accuracy: A higher accuracy on the purged split is a leak until a person has looked.
        max_purged_auc: The same for AUC.
        leak_reviewed: A person has looked, and found no leak.
        max_ece: Largest expected calibration error.
        min_brier_skill: Smallest Brier skill against the base rate.
        min_net_sharpe: Smallest annualised Sharpe ratio after costs; None reports without gating.
        max_net_drawdown: Largest fall after costs, as a fraction of capital; None reports without gating.
        min_importance_correlation: Smallest rank correlation of importances with the champion's; None reports without
            gating.
        user_accuracy: The user's wish, reported only.
        user_auc: The user's wish, reported only.
        user_precision: The user's wish, reported only.
        gate_on_user_thresholds: Let the user's wishes decide as well.
        seed: Of the resampling.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    skill: str = "rank_ic"
    alpha: float = 0.01
    n_bootstrap: int = 2000
    block_days: int = 10
    min_oos_days: int = 120
    max_purged_accuracy: float = 0.58
    max_purged_auc: float = 0.60
    leak_reviewed: bool = False
    max_ece: float = 0.03
    min_brier_skill: float = -0.002
    min_net_sharpe: float | None = 0.0
    max_net_drawdown: float | None = 0.30
    min_importance_correlation: float | None = None
    user_accuracy: float = 0.55
    user_auc: float = 0.60
    user_precision: float = 0.55
    gate_on_user_thresholds: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse limits that make a check pointless."""
        get_skill(self.skill)
        if not 0.0 < self.alpha < 0.5:
            raise ConfigurationError(f"alpha is {self.alpha}; a test needs a level between 0 and 0.5.")
        if self.n_bootstrap < 1.0 / self.alpha:
            raise ConfigurationError(f"{self.n_bootstrap} resamples cannot resolve a level of {self.alpha}.")
        if self.block_days < 1 or self.min_oos_days < 2:
            raise ConfigurationError("block_days must be at least 1 and min_oos_days at least 2.")


@dataclass(frozen=True)
class Evidence:
    """What is known about one candidate.

    Attributes:
        model: Its name.
        model_hash: Equal for equal models.
        skill: Skill by the measure of the rules, one value per day (index: day).
        metrics: Out-of-sample ``accuracy``, ``auc``, ``precision``, ``ece``, ``brier_skill``.
        backtest: Net ``sharpe`` and ``max_drawdown``.
        purged: ``accuracy`` and ``auc`` on purged splits: the higher of leak meter and walk-forward.
        importance: Feature -> importance; empty where the model has none.
    """

    model: str
    model_hash: str
    skill: pd.Series
    metrics: Mapping[str, float]
    backtest: Mapping[str, float]
    purged: Mapping[str, float]
    importance: Mapping[str, float]


@dataclass(frozen=True)
class Incumbent:
    """The champion in use, as stored when it was registered.

    Attributes:
        version: Version in the registry.
        status: ``"promoted"`` or ``"provisional"``.
        model: Its name.
        source_id: Of the data it was trained on.
        simulated: Whether that data was made up.
        model_hash: Equal for equal models.
        oos: Its out-of-sample predictions: ``ts``, ``instrument``, ``probability``, ``forward_return``.
        importance: Feature -> importance.
    """

    version: str
    status: str
    model: str
    source_id: str
    simulated: bool
    model_hash: str
    oos: pd.DataFrame
    importance: Mapping[str, float]


@dataclass(frozen=True)
class Check:
    """One check: what was measured, the limit, and a sentence about it."""

    name: str
    passed: bool
    value: float | None
    threshold: float | None
    detail: str
    gating: bool = True


@dataclass(frozen=True)
class Decision:
    """What happens to the best candidate, and why.

    Attributes:
        decision: ``"promote"``, ``"provisional"`` or ``"reject"`` (the champion stays).
        candidate: The model it is about.
        best_naive: The strongest naive baseline.
        checks: All checks of that candidate.
        reason: Plain sentences.
        others: Checks that failed, by other candidate.
    """

    decision: str
    candidate: str
    best_naive: str
    checks: tuple[Check, ...]
    reason: str
    others: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The decision as JSON-able values."""
        return {
            **asdict(self),
            "checks": [asdict(check) for check in self.checks],
            "others": {k: list(v) for k, v in self.others.items()},
        }


def decide(
    candidates: Sequence[Evidence],
    naive: Mapping[str, pd.Series],
    incumbent: Incumbent | None,
    incumbent_skill: pd.Series | None,
    source_id: str,
    simulated: bool,
    rules: PromotionRules,
) -> Decision:
    """Judge all candidates and decide about the best.

    Args:
        candidates: At least one.
        naive: Naive baseline -> its daily skill; NaN counts as no skill.
        incumbent: The champion, if any.
        incumbent_skill: Its daily skill.
        source_id: Where the candidates' data comes from; champions of other sources are not compared.
        simulated: Whether that data was made up; a champion of a made-up market never speaks about a real one.
        rules: The limits.

    Returns:
        The decision. The candidates are judged in the order of their skill; the first that passes every check is
        promoted.

    Raises:
        DataError: If there is no candidate, or no naive baseline to beat.
    """
    if not candidates or not naive:
        raise DataError(f"A decision needs candidates and naive baselines; given {len(candidates)} and {len(naive)}.")
    ranked = sorted(candidates, key=lambda each: (-_mean(each.skill), each.model))
    best_naive = max(sorted(naive), key=lambda name: _mean(naive[name]))
    level = rules.alpha / len(ranked)
    rival = incumbent if incumbent is not None and _is_rival(incumbent, source_id) else None
    judged = {
        each.model: check_candidate(each, best_naive, naive[best_naive], rival, incumbent_skill, level, rules)
        for each in ranked
    }
    passing = [each for each in ranked if not failures(judged[each.model])]
    chosen = passing[0] if passing else _least_suspect(ranked, judged)
    checks = judged[chosen.model]
    verdict, reason = _verdict(chosen, checks, incumbent, source_id, simulated)
    others = {
        name: tuple(check.detail for check in failures(them)) for name, them in judged.items() if name != chosen.model
    }
    return Decision(verdict, chosen.model, best_naive, checks, reason, others)


def check_candidate(
    candidate: Evidence,
    naive_name: str,
    naive_ic: pd.Series,
    rival: Incumbent | None,
    rival_ic: pd.Series | None,
    level: float,
    rules: PromotionRules,
) -> tuple[Check, ...]:
    """All checks of one candidate, in the order in which they are reported."""
    return (
        _enough_days(candidate, rules),
        _beats_nothing(candidate, level, rules),
        _beats_naive(candidate, naive_name, naive_ic, level, rules),
        _no_leak(candidate, rules),
        _calibrated(candidate, rules),
        _brier(candidate, rules),
        _earns(candidate, rules),
        _drawdown(candidate, rules),
        _beats_champion(candidate, rival, rival_ic, level, rules),
        _importance(candidate, rival, rules),
        *_wishes(candidate, rules),
    )


def failures(checks: Sequence[Check]) -> tuple[Check, ...]:
    """The checks that forbid a promotion."""
    return tuple(check for check in checks if check.gating and not check.passed)


def _is_rival(incumbent: Incumbent, source_id: str) -> bool:
    return incumbent.status == PROMOTED and incumbent.source_id == source_id


def _least_suspect(ranked: Sequence[Evidence], judged: Mapping[str, tuple[Check, ...]]) -> Evidence:
    clean = [each for each in ranked if all(check.name != "leak_alarm" for check in failures(judged[each.model]))]
    return (clean or list(ranked))[0]


def _verdict(
    chosen: Evidence, checks: Sequence[Check], incumbent: Incumbent | None, source_id: str, simulated: bool
) -> tuple[str, str]:
    failed = failures(checks)
    if incumbent is None:
        return _verdict_without_champion(chosen, checks, "As there is no champion yet, it serves", "")
    holder = f"champion version {incumbent.version} ({incumbent.model}, {incumbent.status})"
    foreign = incumbent.source_id != source_id
    aside = f" The {holder} was trained on other data ({incumbent.source_id}) and is not comparable." if foreign else ""
    if incumbent.model_hash == chosen.model_hash and not foreign and (incumbent.status == PROMOTED or failed):
        short = f" It is still provisional: {_sentences(failed)}" if incumbent.status != PROMOTED else ""
        return KEEP, f"{chosen.model} is the very model that is already {holder}; nothing changes.{short}"
    made_up = foreign and incumbent.simulated and not simulated
    if failed and incumbent.status == PROMOTED and not made_up:
        return KEEP, f"{chosen.model} is not promoted; {holder} stays in use. {_sentences(failed)}{aside}"
    if made_up:
        aside = f" The {holder} comes from a simulated market and must not speak about this one."
    return _verdict_without_champion(chosen, checks, f"It replaces {holder}", aside)


def _verdict_without_champion(chosen: Evidence, checks: Sequence[Check], instead: str, aside: str) -> tuple[str, str]:
    failed = failures(checks)
    if not failed:
        gating = sum(check.gating for check in checks)
        return PROMOTE, (
            f"{chosen.model} is promoted: it passed all {gating} checks. {_detail(checks, 'beats_naive')} "
            f"{_detail(checks, 'net_sharpe')}{aside}"
        )
    return PROVISIONAL, (
        f"{chosen.model} is not promoted: do not trade on it. {_sentences(failed)} {instead} as a provisional "
        f"champion, and "
        f"every answer says so; the first candidate that passes replaces it.{aside}"
    )


def _sentences(checks: Sequence[Check]) -> str:
    return " ".join(check.detail for check in checks)


def _detail(checks: Sequence[Check], name: str) -> str:
    return next(check.detail for check in checks if check.name == name)


def _mean(values: pd.Series) -> float:
    return float(values.fillna(0.0).mean()) if len(values) else 0.0


def _enough_days(candidate: Evidence, rules: PromotionRules) -> Check:
    days = int(candidate.skill.notna().sum())
    passed = days >= rules.min_oos_days
    detail = f"{candidate.model} was tested on {days} days it had not seen; at least {rules.min_oos_days} are needed."
    return Check("enough_days", passed, float(days), float(rules.min_oos_days), detail)


def _beats_nothing(candidate: Evidence, level: float, rules: PromotionRules) -> Check:
    p_value = p_value_of_mean(candidate.skill.dropna(), rules)
    measure = get_skill(rules.skill)
    relation = "more than luck explains" if p_value <= level else "which luck can explain"
    detail = (
        f"Its daily {measure.phrase} is {_mean(candidate.skill):+.{measure.digits}f}, {relation} "
        f"(chance under no skill {p_value:.4f}, limit {level:.4f})."
    )
    return Check("has_skill", p_value <= level, p_value, level, detail)


def _beats_naive(candidate: Evidence, name: str, naive: pd.Series, level: float, rules: PromotionRules) -> Check:
    mine = candidate.skill.dropna()
    # A baseline that says the same of everything ranks nothing: no skill, which is zero.
    difference = mine - naive.reindex(mine.index).fillna(0.0)
    p_value = p_value_of_mean(difference, rules)
    measure = get_skill(rules.skill)
    relation = "beats" if p_value <= level else "does not beat"
    detail = (
        f"{candidate.model} {relation} the best naive rule, {name}: the difference in daily {measure.phrase} is "
        f"{_mean(difference):+.{measure.digits}f} on {len(difference)} days "
        f"(chance under no difference {p_value:.4f}, limit {level:.4f})."
    )
    return Check("beats_naive", p_value <= level, p_value, level, detail)


def _no_leak(candidate: Evidence, rules: PromotionRules) -> Check:
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


def _calibrated(candidate: Evidence, rules: PromotionRules) -> Check:
    ece = candidate.metrics.get("ece", np.nan)
    passed = bool(ece <= rules.max_ece)
    relation = "mean what they say" if passed else "do not mean what they say"
    detail = (
        f"Its probabilities {relation}: they miss the observed frequency by {100 * ece:.1f} points on average "
        f"(limit {100 * rules.max_ece:.1f})."
    )
    return Check("calibration", passed, _finite(ece), rules.max_ece, detail)


def _brier(candidate: Evidence, rules: PromotionRules) -> Check:
    skill = candidate.metrics.get("brier_skill", np.nan)
    passed = bool(skill >= rules.min_brier_skill)
    relation = "are no worse than" if passed else "are worse than"
    detail = (
        f"Its probabilities {relation} always quoting the base rate: Brier skill {100 * skill:+.2f} % (limit "
        f"{100 * rules.min_brier_skill:+.2f} %)."
    )
    return Check("brier_skill", passed, _finite(skill), rules.min_brier_skill, detail)


def _earns(candidate: Evidence, rules: PromotionRules) -> Check:
    sharpe = candidate.backtest.get("sharpe", np.nan)
    limit = rules.min_net_sharpe
    passed = limit is None or bool(sharpe > limit)
    said = "not measurable, as it never held a position" if np.isnan(sharpe) else f"{sharpe:+.2f}"
    bound = "reported only" if limit is None else f"more than {limit:.2f} is asked"
    verb = "earns" if sharpe > 0.0 else "does not earn"
    detail = f"After costs its long-short portfolio {verb} money: the Sharpe ratio is {said} ({bound})."
    return Check("net_sharpe", passed, _finite(sharpe), limit, detail, gating=limit is not None)


def _drawdown(candidate: Evidence, rules: PromotionRules) -> Check:
    fall = candidate.backtest.get("max_drawdown", np.nan)
    limit = rules.max_net_drawdown
    passed = limit is None or bool(fall <= limit)
    bound = "reported only" if limit is None else f"limit {100 * limit:.0f} %"
    detail = f"Its largest fall from a high after costs is {100 * fall:.1f} % of capital ({bound})."
    return Check("net_drawdown", passed, _finite(fall), limit, detail, gating=limit is not None)


def _beats_champion(
    candidate: Evidence, rival: Incumbent | None, rival_ic: pd.Series | None, level: float, rules: PromotionRules
) -> Check:
    if rival is None or rival_ic is None:
        detail = "There is no promoted champion from the same data to beat."
        return Check("beats_champion", True, None, level, detail, gating=False)
    mine, theirs = candidate.skill.dropna().align(rival_ic.dropna(), join="inner")
    name = f"champion version {rival.version} ({rival.model})"
    if len(mine) < rules.min_oos_days:
        detail = f"Only {len(mine)} days are common with {name}; {rules.min_oos_days} are needed for a comparison."
        return Check("beats_champion", False, None, level, detail)
    difference = mine - theirs
    p_value = p_value_of_mean(difference, rules)
    measure = get_skill(rules.skill)
    relation = "is better than" if p_value <= level else "is not better than"
    detail = (
        f"{candidate.model} {relation} {name}: the difference in daily {measure.phrase} is "
        f"{_mean(difference):+.{measure.digits}f} on {len(difference)} common days "
        f"(chance under no difference {p_value:.4f}, limit {level:.4f})."
    )
    return Check("beats_champion", p_value <= level, p_value, level, detail)


def _importance(candidate: Evidence, rival: Incumbent | None, rules: PromotionRules) -> Check:
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


def _wishes(candidate: Evidence, rules: PromotionRules) -> list[Check]:
    wanted = {"accuracy": rules.user_accuracy, "auc": rules.user_auc, "precision": rules.user_precision}
    checks = []
    for name, limit in wanted.items():
        value = candidate.metrics.get(name, np.nan)
        bound = "asked for" if rules.gate_on_user_thresholds else "wished for, reported only"
        detail = f"Its {'AUC' if name == 'auc' else name} is {value:.3f}; {limit:.2f} is {bound}."
        checks.append(
            Check(f"user_{name}", bool(value >= limit), _finite(value), limit, detail, rules.gate_on_user_thresholds)
        )
    return checks


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def p_value_of_mean(daily: pd.Series, rules: PromotionRules) -> float:
    """One-sided p-value that the mean of a daily series is not above zero; 1 where there is nothing to test.

    Reference: stationary block bootstrap of Politis and Romano (1994).
    """
    found = bootstrap_mean(daily, min_block=rules.block_days, n_resamples=rules.n_bootstrap, seed=rules.seed)
    return float(found.p_value) if np.isfinite(found.p_value) else 1.0
