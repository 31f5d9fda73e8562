"""What a drift test is, which there are, and how values are shared out over the bins of training."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar

import numpy as np

from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.modelling.training_profile import ColumnProfile
from finq_predictor.domain.registry import Registry

SHARE_FLOOR = 1e-4
"""An empty bin counts as this share, so that logarithms stay finite."""
FEWEST_WINDOWS = 6
"""With fewer past windows nothing is judged by them."""


class Subject(StrEnum):
    """What is compared with training."""

    FEATURE = "feature"
    PREDICTION = "prediction"


class Evidence(StrEnum):
    """What can be unlikely about current values, each judged with its own share of the false alarms."""

    DISTRIBUTION = "distribution"
    LEVEL = "level"


class DriftTest(ABC):
    """A measure of how far current values are from training.

    Attributes:
        name: Name in parameters, tables and metrics; its key in ``DRIFT_TESTS``.
        title: Heading of a column.
        meaning: Its full name, which completes "... of current values from training".
        threshold: Above this the difference is large enough to matter, unless the parameters say otherwise.
        source: Author and year.
        measures: What it is computed for.
        alarms: What it rings for: above the threshold, an unlikely difference is drift.
        evidence: What has to be unlikely for it to ring.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    meaning: ClassVar[str]
    threshold: ClassVar[float]
    source: ClassVar[str]
    measures: ClassVar[frozenset[Subject]] = frozenset(Subject)
    alarms: ClassVar[frozenset[Subject]] = frozenset()
    evidence: ClassVar[Evidence] = Evidence.DISTRIBUTION

    @abstractmethod
    def statistic(self, reference: ColumnProfile, current: np.ndarray) -> float:
        """Measure the difference.

        Args:
            reference: The column in training.
            current: N current values; NaN is missing.

        Returns:
            0 for no difference, larger for more; NaN when there is nothing to compare.
        """


_HERE = __name__.rpartition(".")[0]
DRIFT_TESTS: Registry[type[DriftTest]] = Registry(
    "drift test",
    lazy={
        "ks": f"{_HERE}.ks:KolmogorovSmirnov",
        "psi": f"{_HERE}.psi:PopulationStability",
        "js": f"{_HERE}.jensen_shannon:JensenShannon",
        "kl": f"{_HERE}.kullback_leibler:KullbackLeibler",
        "level": f"{_HERE}.level:Level",
    },
)
"""The drift tests by name: one file, one class, one line; tables, page and metrics show them in this order."""


@dataclass(frozen=True)
class DriftRules:
    """When a difference from training is an alarm.

    Attributes:
        false_discovery_rate: Expected share of false alarms among the features that alarm, and the chance of any where
            nothing drifted; the predictions have the same chance of their own.
        level_share: Share of it that the level may use up; the distribution has the rest.
        thresholds: Above which value of a drift test an unlikely difference is drift, by name of the test; a test that
            is not named keeps its own.

    Raises:
        ConfigurationError: If the rate or the share is not between 0 and 1, or a threshold not above 0.
        UnknownNameError: If a threshold is given for a test that does not exist.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    false_discovery_rate: float = 0.05
    level_share: float = 0.5
    thresholds: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("false_discovery_rate", "level_share"):
            if not 0.0 < (share := getattr(self, name)) < 1.0:
                raise ConfigurationError(f"{name} is {share}; expected a number between 0 and 1.")
        DRIFT_TESTS.require(*self.thresholds)
        for name, threshold in self.thresholds.items():
            if not threshold > 0.0:
                raise ConfigurationError(f"The threshold of {name} is {threshold}; expected a number above 0.")

    def budget(self, evidence: Evidence) -> float:
        """The part of the false alarms that may come from one kind of evidence; the parts sum to the whole."""
        share = self.level_share if evidence is Evidence.LEVEL else 1.0 - self.level_share
        return self.false_discovery_rate * share


DEFAULT_RULES = DriftRules()


def measuring(subject: Subject) -> list[DriftTest]:
    """The tests that are computed for a subject, in the order of the registry."""
    return [test() for test in DRIFT_TESTS.values() if subject in test.measures]


def limits(subject: Subject, thresholds: Mapping[str, float], evidence: Evidence | None = None) -> dict[str, float]:
    """Above which value each test that rings for a subject does so.

    Args:
        subject: What is compared.
        thresholds: Values by name of the test that replace the test's own.
        evidence: Only tests that go by this; None takes all.

    Returns:
        Threshold by name, in the order of the registry.
    """
    ringing = [test for test in DRIFT_TESTS.values() if subject in test.alarms and evidence in (None, test.evidence)]
    return {test.name: thresholds.get(test.name, test.threshold) for test in ringing}


def shares_in_training(reference: ColumnProfile) -> np.ndarray:
    """Return the shares of all rows per training bin and, last, of missing ones; they sum to 1."""
    known = np.asarray(reference.shares if reference.shares else (0.0,), dtype="float64")
    return np.append(known * (1.0 - reference.missing_share), reference.missing_share)


def shares_now(reference: ColumnProfile, values: np.ndarray) -> np.ndarray:
    """Return the same shares of current values; NaN values are missing, and without values all shares are NaN."""
    if len(values) == 0:
        return np.full(len(reference.edges) + 2, np.nan)
    missing = float(np.isnan(values).mean())
    return np.append(reference.shares_of(values) * (1.0 - missing), missing)


def floored(shares: np.ndarray) -> np.ndarray:
    """Lift shares to ``SHARE_FLOOR`` and let them sum to 1 again."""
    lifted: np.ndarray = np.maximum(shares, SHARE_FLOOR)
    lifted = lifted / lifted.sum()
    return lifted
