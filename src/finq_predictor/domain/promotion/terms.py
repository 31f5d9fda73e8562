"""The words of a promotion: its limits, the evidence, the champion in use, one check, the decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any, ClassVar

import pandas as pd

from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.evaluation.skill import SKILLS
from finq_predictor.domain.modelling.origin import ModelStatus


class Verdict(StrEnum):
    """What happens to the best candidate; when it is rejected, the champion stays."""

    PROMOTE = "promote"
    PROVISIONAL = "provisional"
    REJECT = "reject"


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
        SKILLS.require(self.skill)
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
    """

    oos: pd.DataFrame
    importance: Mapping[str, float]

    @property
    def holder(self) -> Holder:
        """The same without the evidence."""
        return Holder(**{field.name: getattr(self, field.name) for field in fields(Holder)})


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

    def about(self, model: str) -> Verdict:
        """The verdict on a candidate; those that were not chosen are rejected."""
        return self.decision if model == self.candidate else Verdict.REJECT
