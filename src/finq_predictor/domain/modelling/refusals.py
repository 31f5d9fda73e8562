"""Why a probability is shown but not acted upon: one rule for each reason, each with a flag of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Array, Flags, Vector
from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.modelling.conformal import PValues
from finq_predictor.domain.modelling.domain_guard import Placed

OVERRIDDEN = "features_overridden"
"""Flag of an answer from features that a client gave: it is nothing that the market's own bars say."""
UNKNOWN_NEWS = (
    "incomplete: it is not known what was written up to this bar, which the model reads; score the articles (kedro run "
    "--pipelines=sentiment) or look whether they still come in"
)


class ConformalUse(StrEnum):
    """What becomes of a prediction set that does not hold one answer."""

    REPORT = "report"
    ACT = "act"


@dataclass(frozen=True)
class AbstentionRules:
    """When a probability is shown but not acted upon.

    Attributes:
        min_confidence: Abstain below this confidence, in [0, 1].
        max_missing_share: Abstain when more than this share of an instrument's features is missing, in [0, 1].
        coverage: Share of the outcomes that prediction sets shall hold, above 0 and below 1.
        conformal: Whether a set that does not hold one answer is only reported (``report``) or abstains (``act``).
        guard_false_alarms: Share of rows like those of the training that the domain guard may refuse, in [0, 1); 0
            switches off that it looks where a row lies.
        max_model_age_bars: Abstain when the model was trained on nothing of so many bars before; none takes what the
            market says, half a year.

    Raises:
        ConfigurationError: If a rule lies outside of what it can be.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    min_confidence: float = 0.0
    max_missing_share: float = 0.5
    coverage: float = 0.9
    conformal: ConformalUse = ConformalUse.REPORT
    guard_false_alarms: float = 0.01
    max_model_age_bars: int | None = None

    def __post_init__(self) -> None:
        for name in ("min_confidence", "max_missing_share"):
            value = getattr(self, name)
            if not 0.0 <= value <= 1.0:
                raise ConfigurationError(f"{name} is {value}; expected a number from 0 to 1.")
        if not 0.0 < self.coverage < 1.0:
            raise ConfigurationError(
                f"coverage is {self.coverage}; expected a number above 0 and below 1, such as 0.9."
            )
        if not 0.0 <= self.guard_false_alarms < 1.0:
            raise ConfigurationError(
                f"guard_false_alarms is {self.guard_false_alarms}; expected a number from 0 (off) to below 1."
            )
        if self.conformal not in set(ConformalUse):
            raise ConfigurationError(f"conformal is {self.conformal!r}; expected {' or '.join(ConformalUse)}.")
        if self.max_model_age_bars is not None and self.max_model_age_bars < 1:
            raise ConfigurationError(f"max_model_age_bars is {self.max_model_age_bars}; expected 1 or more, or none.")


class Limits(NamedTuple):
    """What a model knows of rows beyond their probability (n each).

    Attributes:
        p_values: How well each answer fits to what was held out.
        placed: Where they lie, seen from the training.
        age_bars: Bars that closed between the last one trained on and the row's own; 0 where it lies before.
        most_age_bars: What the market allows.
    """

    p_values: PValues
    placed: Placed
    age_bars: Vector
    most_age_bars: int


@dataclass(frozen=True)
class Facts:
    """What is known of n rows when it is decided whether to act upon them.

    Attributes:
        ts: Closes of their bars.
        missing: Features that are missing.
        features: Features that there are.
        unknown_news: Whether the model reads news of which nothing is known.
        confidence: 2 |probability - 0.5|; NaN without a probability.
        masked: Whether the market masks their hour.
        limits: What the model knows of them; None where it is not asked.
    """

    ts: pd.Series
    missing: Array
    features: int
    unknown_news: Flags
    confidence: Vector
    masked: Flags
    limits: Limits | None


class Rule(NamedTuple):
    """One reason not to act.

    Attributes:
        flag: Its name in answers.
        holds: For which rows it holds (n).
        why: The sentence about one row.
    """

    flag: str
    holds: Callable[[Facts, AbstentionRules], Flags]
    why: Callable[[Facts, AbstentionRules, int], str]


def refuse(facts: Facts, rules: AbstentionRules) -> tuple[Array, Array]:
    """Why rows are not acted upon.

    Args:
        facts: What is known of n rows.
        rules: The limits.

    Returns:
        The reason of the first rule that holds for each row, None where none does; the flags of all that hold,
        separated by spaces (n strings each, as objects).
    """
    count = len(facts.confidence)
    reasons, flags = np.full(count, None, dtype=object), np.full(count, "", dtype=object)
    for rule in RULES:
        for row in np.flatnonzero(rule.holds(facts, rules)).tolist():
            if reasons[row] is None:
                reasons[row], flags[row] = rule.why(facts, rules, row), rule.flag
            else:
                flags[row] += f" {rule.flag}"
    return reasons, flags


def _by_limits(
    flag: str,
    holds: Callable[[Limits, Facts, AbstentionRules], Flags],
    why: Callable[[Limits, AbstentionRules, int], str],
) -> Rule:
    """A rule about what the model knows of rows, which holds for none where the model is not asked."""

    def held(facts: Facts, rules: AbstentionRules) -> Flags:
        if facts.limits is None:
            return np.zeros(len(facts.confidence), dtype=np.bool_)
        return holds(facts.limits, facts, rules)

    def said(facts: Facts, rules: AbstentionRules, row: int) -> str:
        return "" if facts.limits is None else why(facts.limits, rules, row)

    return Rule(flag, held, said)


def _is_old(limits: Limits, _: Facts, rules: AbstentionRules) -> Flags:
    old: Flags = limits.age_bars > _most_age(limits, rules)
    return old


def _why_old(limits: Limits, rules: AbstentionRules, row: int) -> str:
    return (
        f"model too old: {int(limits.age_bars[row])} bars closed since the last one it was trained on, at most "
        f"{_most_age(limits, rules)}; train again"
    )


def _most_age(limits: Limits, rules: AbstentionRules) -> int:
    return rules.max_model_age_bars or limits.most_age_bars


def _is_rare(share: Vector, rules: AbstentionRules) -> Flags:
    # Two measures share what may be refused by mistake.
    rare: Flags = share <= rules.guard_false_alarms / 2.0
    return rare


def _why_out_of_range(limits: Limits, _: AbstentionRules, row: int) -> str:
    placed = limits.placed
    return (
        f"out of range: {placed.outside[row]:.0%} of the features lie outside of the range of the training, as in "
        f"{placed.outside_share[row]:.2%} of the rows held out"
    )


def _why_unlike(limits: Limits, _: AbstentionRules, row: int) -> str:
    placed = limits.placed
    return (
        f"unlike training: the features taken together lie {placed.distance[row]:.1f} times as far from the middle as "
        f"those of the training, as in {placed.distance_share[row]:.2%} of the rows held out"
    )


def _is_undecided(limits: Limits, facts: Facts, rules: AbstentionRules) -> Flags:
    if rules.conformal != ConformalUse.ACT:
        return np.zeros(len(facts.confidence), dtype=np.bool_)
    yes, no = limits.p_values.sets(rules.coverage)
    undecided: Flags = (yes == no) & ~np.isnan(facts.confidence)
    return undecided


def _why_undecided(limits: Limits, rules: AbstentionRules, row: int) -> str:
    both = limits.p_values.sets(rules.coverage)[0][row]
    return f"undecided: the prediction set of {rules.coverage:.0%} holds {'both answers' if both else 'no answer'}"


def _why_masked(facts: Facts, _: AbstentionRules, row: int) -> str:
    hour = pd.Timestamp(facts.ts.iloc[row]).tz_convert("UTC").hour
    return f"masked hour: prices at {hour:02d}:00 UTC are not traded on, spreads are wide at roll-over"


RULES: tuple[Rule, ...] = (
    # A probability that is made from what was written says nothing where that is not known at the bar itself.
    Rule("unknown_news", lambda facts, _: facts.unknown_news, lambda _, __, ___: UNKNOWN_NEWS),
    Rule(
        "missing_features",
        lambda facts, rules: facts.missing > rules.max_missing_share * facts.features,
        lambda facts, _, row: (
            f"missing features: {int(facts.missing[row])} of {facts.features} are not known at this bar"
        ),
    ),
    Rule(
        "no_probability",
        lambda facts, _: np.isnan(facts.confidence),
        lambda _, __, ___: "the model gives no probability for these features",
    ),
    Rule(
        "low_confidence",
        lambda facts, rules: facts.confidence < rules.min_confidence,
        lambda facts, rules, row: (
            f"low confidence: {facts.confidence[row]:.4f} is below the minimum {rules.min_confidence:g}"
        ),
    ),
    Rule("masked_hour", lambda facts, _: facts.masked, _why_masked),
    _by_limits("model_too_old", _is_old, _why_old),
    _by_limits(
        "out_of_range", lambda limits, _, rules: _is_rare(limits.placed.outside_share, rules), _why_out_of_range
    ),
    _by_limits("unlike_training", lambda limits, _, rules: _is_rare(limits.placed.distance_share, rules), _why_unlike),
    _by_limits("undecided", _is_undecided, _why_undecided),
)
"""The rules in the order in which they give the reason."""
