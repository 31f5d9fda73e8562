"""The words of a promotion: its limits, the evidence, the champion in use, one check, the decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any, ClassVar

import pandas as pd

from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.evaluation.live_trials import Trial
from finq_predictor.domain.evaluation.skill import SKILLS
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.origin import ModelStatus
from finq_predictor.domain.promotion.running_cost import RunningCost


class Verdict(StrEnum):
    """What happens to the best candidate; when it is rejected, the champion stays."""

    PROMOTE = "promote"
    PROVISIONAL = "provisional"
    REJECT = "reject"
    AWAIT = "awaiting approval"


class Approval(StrEnum):
    """Whether a person has to say yes before a candidate that passed is put into use."""

    NONE = "none"
    REQUIRED = "required"


@dataclass(frozen=True)
class PromotionRules:
    """Limits of the gate.

    Attributes:
        skill: What is tested for significance, ``rank_ic``, ``neutral_rank_ic`` or ``log_loss``; see
            ``domain.evaluation.skill``.
        alpha: One-sided level of every test of significance; divided by the number of configurations that were ever
            judged on these days (Bonferroni).
        min_oos_days: Fewer days with a known outcome prove nothing; None takes what the horizon asks for.
        final_alpha: Level of the test on the sealed window, spent over all of its openings.
        max_purged_accuracy: A higher accuracy on the purged split is a leak until a person has looked.
        max_purged_auc: The same for AUC.
        leak_reviewed: Model hash -> who has looked at that very model and found no leak.
        max_ece: Largest expected calibration error.
        min_brier_skill: Smallest Brier skill against the base rate.
        min_net_sharpe: Smallest annualised Sharpe ratio after costs; None reports without gating.
        min_deflated_sharpe: Smallest probability that the Sharpe ratio after costs is more than the best of as many
            worthless configurations would show; None reports without gating.
        net_alpha: Level of the test that more is left after costs than under the best naive rule; None reports
            without gating.
        max_net_drawdown: Largest fall after costs, as a fraction of capital; None reports without gating.
        min_new_days: Days after the training of the champion that a comparison with it needs.
        demotion_alpha: Level of the test that the champion has lost the skill it was promoted for.
        live_alpha: Level at which a candidate is refused because it did worse than the champion in use where both
            answered live; right however often one looks. None reports without gating.
        min_importance_correlation: Smallest rank correlation of importances with the champion's; None reports without
            gating.
        max_importance_moved: Largest share of importance that lies on other features than the champion's; 1 is all of
            it. None reports without gating.
        max_turnover: Largest value traded a day, both sides, in multiples of capital; None reports without gating.
        max_row_ms: Longest time that one row may take, in milliseconds; a model is measured once. None reports without
            gating.
        max_bar_ms: The same of all instruments of one bar.
        max_model_mb: Largest size of the stored model in megabytes; None reports without gating.
        user_accuracy: The user's wish, reported only.
        user_auc: The user's wish, reported only.
        user_precision: The user's wish, reported only.
        gate_on_user_thresholds: Let the user's wishes decide as well.
        approval: ``required`` lets a candidate that passed every check wait until a person approves it; ``none`` puts
            it into use at once.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    skill: str = "rank_ic"
    alpha: float = 0.01
    min_oos_days: int | None = None
    final_alpha: float = 0.05
    max_purged_accuracy: float = 0.58
    max_purged_auc: float = 0.60
    leak_reviewed: Mapping[str, str] = field(default_factory=dict)
    max_ece: float = 0.03
    min_brier_skill: float = -0.002
    min_net_sharpe: float | None = 0.0
    min_deflated_sharpe: float | None = 0.95
    net_alpha: float | None = 0.05
    max_net_drawdown: float | None = 0.30
    min_new_days: int = 60
    demotion_alpha: float = 0.01
    live_alpha: float | None = 0.05
    min_importance_correlation: float | None = None
    max_importance_moved: float | None = 0.98
    max_turnover: float | None = 20.0
    max_row_ms: float | None = 500.0
    max_bar_ms: float | None = 5000.0
    max_model_mb: float | None = 100.0
    user_accuracy: float = 0.55
    user_auc: float = 0.60
    user_precision: float = 0.55
    gate_on_user_thresholds: bool = False
    approval: Approval = Approval.NONE

    def __post_init__(self) -> None:
        """Refuse limits that make a check pointless."""
        SKILLS.require(self.skill)
        for name in ("alpha", "final_alpha", "net_alpha", "demotion_alpha", "live_alpha"):
            level = getattr(self, name)
            if level is not None and not 0.0 < level < 0.5:
                raise ConfigurationError(f"{name} is {level}; a test needs a level between 0 and 0.5.")
        if self.min_oos_days is not None and self.min_oos_days < 2:
            raise ConfigurationError(f"min_oos_days is {self.min_oos_days}; expected at least 2, or null.")
        if self.min_new_days < 2:
            raise ConfigurationError(f"min_new_days is {self.min_new_days}; expected at least 2.")
        if self.min_deflated_sharpe is not None and not 0.0 <= self.min_deflated_sharpe <= 1.0:
            raise ConfigurationError(
                f"min_deflated_sharpe is {self.min_deflated_sharpe}; it is a probability, from 0 to 1."
            )
        for name in ("max_importance_moved", "max_turnover", "max_row_ms", "max_bar_ms", "max_model_mb"):
            limit = getattr(self, name)
            if limit is not None and not limit > 0.0:
                raise ConfigurationError(f"{name} is {limit}; expected a number above 0, or null to report only.")
        for model, person in self.leak_reviewed.items():
            if not str(person).strip():
                raise ConfigurationError(f"leak_reviewed names nobody for the model {model!r}; say who has looked.")


@dataclass(frozen=True)
class Setting:
    """What a decision stands under, besides its limits.

    Attributes:
        days_of_label: Days over which a label reaches; values of so many neighbouring days are not independent.
        judged: Configurations that were ever judged on these days, those of this run included; at least 1.
        refused: Hash of a model -> who refused it, of those that a person did.
    """

    days_of_label: int
    judged: int
    refused: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class NaiveRule:
    """What a naive rule is worth on the same days.

    Attributes:
        skill: Its daily skill; NaN counts as no skill.
        net: Its daily return after costs under the strategy of the gate; it earns nothing where it does not trade.
    """

    skill: pd.Series
    net: pd.Series


@dataclass(frozen=True)
class FinalWindow:
    """What was found in the sealed window when it was opened for one candidate.

    Attributes:
        model: The candidate.
        number: Which opening it was, over all configurations that were ever tried on these days; from 1.
        level: Level of its test.
        skill: The candidate's skill, one value per day.
        reason: Why it was opened.
    """

    model: str
    number: int
    level: float
    skill: pd.Series
    reason: str


@dataclass(frozen=True)
class Opening:
    """The same as a decision remembers it.

    Attributes:
        model: The candidate.
        number: Which opening it was.
        level: Level of its test.
        first: First day, ISO 8601.
        last: Last day.
        days: Days with a value.
        skill: Mean skill.
        p_value: Chance under no skill.
        reason: Why it was opened.
    """

    model: str
    number: int
    level: float
    first: str
    last: str
    days: int
    skill: float
    p_value: float
    reason: str


@dataclass(frozen=True)
class Evidence:
    """What is known about one candidate.

    Attributes:
        model: Its name.
        model_hash: Equal for equal models.
        skill: Skill by the measure of the rules, one value per day (index: day).
        metrics: Out-of-sample ``accuracy``, ``auc``, ``precision``, ``ece``, ``brier_skill``.
        backtest: Net ``sharpe``, ``deflated_sharpe`` and ``max_drawdown``.
        net: Return after costs under the strategy of the gate, one value per day.
        flat: Whether it says the same of everything, as where calibration found nothing to go by.
        purged: ``accuracy`` and ``auc`` on purged splits: the higher of leak meter and walk-forward.
        importance: Feature -> importance; empty where the model has none.
        live: What was found where this very model answered beside the champion in use; empty where it never did.
        cost: What it takes to answer with it; None where that was not measured.
    """

    model: str
    model_hash: str
    skill: pd.Series
    metrics: Mapping[str, float]
    backtest: Mapping[str, float]
    net: pd.Series
    flat: bool
    purged: Mapping[str, float]
    importance: Mapping[str, float]
    live: tuple[Trial, ...] = ()
    cost: RunningCost | None = None


@dataclass(frozen=True)
class Holder:
    """The model that is in use.

    Attributes:
        version: Version in the registry.
        status: Its standing.
        model: Its name.
        source_id: Of the data it was trained on.
        simulated: Whether that data was made up.
        model_hash: Equal for equal models.
    """

    version: str
    status: ModelStatus
    model: str
    source_id: str
    simulated: bool
    model_hash: str


@dataclass(frozen=True)
class Incumbent(Holder):
    """The model that is in use with its evidence, as stored when it was registered.

    Attributes:
        oos: Its out-of-sample predictions: ``ts``, ``instrument``, ``probability``, ``forward_return``.
        importance: Feature -> importance.
        bundle: The model itself; None where it cannot be loaded any more.
    """

    oos: pd.DataFrame
    importance: Mapping[str, float]
    bundle: ModelBundle | None = None

    @property
    def holder(self) -> Holder:
        """The same without the evidence."""
        return Holder(**{field.name: getattr(self, field.name) for field in fields(Holder)})


@dataclass(frozen=True)
class Record:
    """How the champion has done since it was trained, scored by its own bundle.

    Attributes:
        skill: Its skill on days whose labels begin after those it was trained on.
        promised: Its daily skill out of sample when it was registered.
        unknown: Why it could not be scored; empty where it was.
    """

    skill: pd.Series
    promised: pd.Series
    unknown: str = ""


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
        market: Name of the market.
        decision: The verdict.
        candidate: The model it is about.
        best_naive: The strongest naive baseline.
        checks: All checks of that candidate.
        reason: Plain sentences.
        others: Checks that failed, by other candidate.
        incumbent: The model that was in use at that moment; None if there was none.
        decided_as_of: Close of the last bar that was known, ISO 8601 in UTC.
        judged: Configurations that were ever judged on these days, those of this run included.
        opening: What was found in the sealed window; None while it stays sealed.
        demoted: Why the champion in use is no longer promoted; empty where its standing is what it was.
        log_head: Hash of the last record of the log of decisions at that moment; empty before the first.
        at: When it was decided, ISO 8601 in UTC; empty where nobody looked at a clock.
    """

    market: str
    decision: Verdict
    candidate: str
    best_naive: str
    checks: tuple[Check, ...]
    reason: str
    others: Mapping[str, tuple[str, ...]]
    incumbent: Holder | None
    decided_as_of: str
    judged: int = 1
    opening: Opening | None = None
    demoted: str = ""
    log_head: str = ""
    at: str = ""

    def about(self, model: str) -> Verdict:
        """The verdict on a candidate; those that were not chosen are rejected."""
        return self.decision if model == self.candidate else Verdict.REJECT
