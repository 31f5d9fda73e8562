"""From probabilities to decisions: what is predicted, how surely, and when to abstain; for the API and the batch."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Array
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.features import FeatureSet
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.modelling.conformal import NO, YES, ConformalDecision
from finq_predictor.domain.modelling.refusals import UNKNOWN_NEWS, AbstentionRules, Facts, Limits, refuse
from finq_predictor.domain.panel import NEWS_FIELDS

ALSO = ("p_yes", "p_no", "prediction_set", "coverage", "conformal_decision", "flags")
"""What a decision says beside the probability and whether to act upon it."""


class Action(StrEnum):
    """What a decision says to do with a probability."""

    PREDICT = "predict"
    ABSTAIN = "abstain"


def decide_rows(
    features: pd.DataFrame,
    scored: pd.DataFrame,
    feature_set: FeatureSet,
    rules: AbstentionRules,
    market: Market,
    limits: Limits | None = None,
) -> pd.DataFrame:
    """Turn scored rows into decisions.

    Args:
        features: ``ts``, ``instrument`` and the features of n rows; NaN means missing.
        scored: ``score`` and ``probability`` of the same rows in the same order; NaN where the model gives none.
        feature_set: The features that the model reads.
        rules: When to abstain.
        market: Nothing is decided in the hours that it masks.
        limits: What the model knows of the same rows beyond that; None leaves the sets unknown and the guard out.

    Returns:
        One row each, in the order given: ``ts``, ``instrument``, ``score``, calibrated ``probability``, ``prediction``
        (boolean, NA without a probability), ``confidence`` = 2 |probability - 0.5|, ``decision`` (see :class:`Action`)
        and ``reason`` (why it abstains, else None); then ``p_yes`` and ``p_no`` (how well each answer fits to what
        was held out), ``prediction_set`` (the answers in the set, separated by a space; None without a probability),
        ``coverage`` (what the set promises), ``conformal_decision`` (see
        :class:`~finq_predictor.domain.modelling.conformal.ConformalDecision`; None without a probability) and
        ``flags`` (of every rule that holds, separated by spaces).
    """
    probability = scored["probability"].to_numpy(dtype=np.float64)
    confidence = np.abs(probability - 0.5) * 2.0
    lacks = features[list(feature_set.names)].isna()
    news = feature_set.closest_to(NEWS_FIELDS)
    facts = Facts(
        ts=features[TS],
        missing=lacks.sum(axis=1).to_numpy(),
        features=len(feature_set.names),
        unknown_news=lacks[list(news)].all(axis=1).to_numpy() if news else np.zeros(len(lacks), dtype=np.bool_),
        confidence=confidence,
        masked=np.asarray(market.is_masked(features[TS]), dtype=np.bool_),
        limits=limits,
    )
    reasons, flags = refuse(facts, rules)
    prediction = pd.array(probability > 0.5, dtype="boolean")
    prediction[np.isnan(probability)] = pd.NA
    held, said = _sets(limits, rules, probability)
    nothing = np.full(len(probability), np.nan)
    return pd.DataFrame(
        {
            TS: features[TS].array,
            INSTRUMENT: features[INSTRUMENT].array,
            "score": scored["score"].to_numpy(dtype=np.float64),
            "probability": probability,
            "prediction": prediction,
            "confidence": confidence,
            "decision": pd.Series(np.where(flags == "", Action.PREDICT.value, Action.ABSTAIN.value), dtype=object),
            "reason": pd.Series(reasons, dtype=object),
            "p_yes": nothing if limits is None else limits.p_values.yes,
            "p_no": nothing if limits is None else limits.p_values.no,
            "prediction_set": pd.Series(held, dtype=object),
            "coverage": rules.coverage,
            "conformal_decision": pd.Series(said, dtype=object),
            "flags": pd.Series(flags, dtype=object),
        }
    )


_SETS = np.array(["", NO, YES, f"{YES} {NO}"], dtype=object)


def _sets(limits: Limits | None, rules: AbstentionRules, probability: Array) -> tuple[Array, Array]:
    """The answers in the set of each row and what it says (n objects each); None where nothing is known."""
    held, said = (np.full(len(probability), None, dtype=object) for _ in range(2))
    if limits is not None:
        known = ~np.isnan(probability)
        yes, no = limits.p_values.sets(rules.coverage)
        held[known] = _SETS[2 * yes[known] + no[known]]
        said[known] = ConformalDecision.UNDECIDED.value
        said[known & yes & ~no], said[known & no & ~yes] = ConformalDecision.YES.value, ConformalDecision.NO.value
    return held, said


__all__ = ["ALSO", "UNKNOWN_NEWS", "AbstentionRules", "Action", "decide_rows"]
