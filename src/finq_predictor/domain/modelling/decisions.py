"""From probabilities to decisions: what is predicted, how surely, and when to abstain; for the API and the batch."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.features import FeatureSet
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.panel import NEWS_FIELDS

UNKNOWN_NEWS = (
    "incomplete: it is not known what was written up to this bar, which the model reads; score the articles (kedro run "
    "--pipelines=sentiment) or look whether they still come in"
)


class Action(StrEnum):
    """What a decision says to do with a probability."""

    PREDICT = "predict"
    ABSTAIN = "abstain"


@dataclass(frozen=True)
class AbstentionRules:
    """When a probability is shown but not acted upon.

    Attributes:
        min_confidence: Abstain below this confidence, in [0, 1].
        max_missing_share: Abstain when more than this share of an instrument's features is missing, in [0, 1].

    Raises:
        ConfigurationError: If a rule lies outside [0, 1].
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    min_confidence: float = 0.0
    max_missing_share: float = 0.5

    def __post_init__(self) -> None:
        for name in ("min_confidence", "max_missing_share"):
            value = getattr(self, name)
            if not 0.0 <= value <= 1.0:
                raise ConfigurationError(f"{name} is {value}; expected a number from 0 to 1.")


def decide_rows(
    features: pd.DataFrame, scored: pd.DataFrame, feature_set: FeatureSet, rules: AbstentionRules, market: Market
) -> pd.DataFrame:
    """Turn scored rows into decisions.

    Args:
        features: ``ts``, ``instrument`` and the features of n rows; NaN means missing.
        scored: ``score`` and ``probability`` of the same rows in the same order; NaN where the model gives none.
        feature_set: The features that the model reads.
        rules: When to abstain.
        market: Nothing is decided in the hours that it masks.

    Returns:
        One row each, in the order given: ``ts``, ``instrument``, ``score``, calibrated ``probability``, ``prediction``
        (boolean, NA without a probability), ``confidence`` = 2 |probability - 0.5|, ``decision`` (see :class:`Action`)
        and ``reason`` (why it abstains, else None).
    """
    probability = scored["probability"].to_numpy(dtype=np.float64)
    confidence = np.abs(probability - 0.5) * 2.0
    lacks = features[list(feature_set.names)].isna()
    reasons = _reasons(lacks.sum(axis=1).to_numpy(), len(feature_set.names), confidence, rules)
    if news := feature_set.closest_to(NEWS_FIELDS):
        # A probability that is made from what was written says nothing where that is not known at the bar itself.
        reasons[lacks[list(news)].all(axis=1).to_numpy()] = UNKNOWN_NEWS
    for row in np.flatnonzero(market.is_masked(features[TS])):
        if reasons[row] is None:
            hour = pd.Timestamp(features[TS].iloc[row]).tz_convert("UTC").hour
            reasons[row] = f"masked hour: prices at {hour:02d}:00 UTC are not traded on, spreads are wide at roll-over"
    prediction = pd.array(probability > 0.5, dtype="boolean")
    prediction[np.isnan(probability)] = pd.NA
    return pd.DataFrame(
        {
            TS: features[TS].array,
            INSTRUMENT: features[INSTRUMENT].array,
            "score": scored["score"].to_numpy(dtype=np.float64),
            "probability": probability,
            "prediction": prediction,
            "confidence": confidence,
            "decision": [(Action.PREDICT if reason is None else Action.ABSTAIN).value for reason in reasons],
            "reason": pd.Series(reasons, dtype=object),
        }
    )


def _reasons(missing: Any, total: int, confidence: Any, rules: AbstentionRules) -> Any:
    """Why each row abstains, as objects (n,); None where it does not. The first rule that holds gives the reason."""
    reasons = np.full(len(confidence), None, dtype=object)
    lacking = missing > rules.max_missing_share * total
    for row in np.flatnonzero(lacking):
        reasons[row] = f"missing features: {int(missing[row])} of {total} are not known at this bar"
    reasons[~lacking & np.isnan(confidence)] = "the model gives no probability for these features"
    for row in np.flatnonzero(~lacking & (confidence < rules.min_confidence)):
        reasons[row] = f"low confidence: {confidence[row]:.4f} is below the minimum {rules.min_confidence:g}"
    return reasons
