"""Is it time to train again? Reasons from what monitoring measured, each with its figure and its limit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field

from finq_predictor.domain.evaluation.realised import Figure


class ReasonKind(StrEnum):
    """What speaks for another training."""

    DRIFT = "drift"
    AGE = "age"
    SCORE = "score"
    ASKED = "asked"


class RetrainLimits(BaseModel):
    """When another training is asked for.

    The first three limits are wishes of the requirement. Honest models of markets lie below them nearly always, so that
    they ask for a training once a pause for as long as they stand; give about .505, or null, where that is not wanted.

    Attributes:
        least_hit_rate: Realised accuracy of the champion below this is a reason; null looks away. Honest models of
            daily shares have .50 to .53, so that the wish of .55 is a reason at nearly every look.
        least_auc: The same of the area under the ROC curve; honest models have .50 to .54.
        least_precision: The same of the precision; about the share of winners, .48 to .53.
        drifted_share: More than this share of the features has drifted.
        drifted_predictions: Whether drifted predictions are a reason.
        most_age_bars: Bars since the last one trained on; null takes what the market allows.
        pause_hours: For so long after a training began no other one is asked for by itself.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    least_hit_rate: float | None = Field(default=0.55, ge=0, le=1)
    least_auc: float | None = Field(default=0.60, ge=0, le=1)
    least_precision: float | None = Field(default=0.55, ge=0, le=1)
    drifted_share: float = Field(default=0.25, ge=0, le=1)
    drifted_predictions: bool = True
    most_age_bars: int | None = Field(default=None, gt=0)
    pause_hours: float = Field(default=24.0, ge=0)


@dataclass(frozen=True)
class Reason:
    """One reason to train again.

    Attributes:
        kind: What speaks for it.
        text: One sentence for people.
        figure: What was measured; None where somebody asked.
        limit: What it is held against.
    """

    kind: ReasonKind
    text: str
    figure: float | None = None
    limit: float | None = None


@dataclass(frozen=True)
class RetrainVerdict:
    """Whether to train again.

    Attributes:
        market: Name of the market.
        model: Name and version of the champion that was judged.
        reasons: What speaks for it; none where nothing does.
        held_back: Why nothing is asked for all the same; empty where nothing holds it back.
        pause_hours: For so long after a training began no other one is asked for.
    """

    market: str
    model: str
    reasons: tuple[Reason, ...] = ()
    held_back: str = ""
    pause_hours: float = 0.0

    @property
    def asks(self) -> bool:
        """Whether another training is asked for."""
        return bool(self.reasons) and not self.held_back


def reasons_to_retrain(
    drift: pd.DataFrame,
    age_bars: float,
    most_age_bars: int,
    realised: Mapping[str, Figure],
    limits: RetrainLimits,
) -> tuple[Reason, ...]:
    """Hold what was measured against the limits.

    Args:
        drift: See the table ``drift``.
        age_bars: Bars that closed since the last one that the champion was trained on.
        most_age_bars: What the market allows, where the limits do not say.
        realised: Figures of the champion's score-card by name; one without a value says nothing.
        limits: The limits.

    Returns:
        Reasons: drift, age, then scores.
    """
    return (
        *_drifted(drift, limits),
        *_aged(age_bars, limits.most_age_bars or most_age_bars),
        *_scored(realised, limits),
    )


def stale_layers(freshness: pd.DataFrame) -> str:
    """Why another training would learn nothing new: layers that are too old; empty where all are fresh.

    Args:
        freshness: See the table ``freshness``.
    """
    # Predictions are made anew by the training itself.
    old = freshness.loc[freshness["stale"] & (freshness["layer"] != "predictions"), "layer"]
    return f"{' and '.join(old)} would be the same: too old" if len(old) else ""


def _drifted(drift: pd.DataFrame, limits: RetrainLimits) -> Iterator[Reason]:
    features = drift[drift["kind"] == "feature"]
    share = float(features["drifted"].mean()) if len(features) else 0.0
    if share > limits.drifted_share:
        names = features.loc[features["drifted"], "name"].tolist()
        shown = ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")
        yield Reason(
            ReasonKind.DRIFT,
            f"{len(names)} of {len(features)} features have drifted: {shown}",
            share,
            limits.drifted_share,
        )
    predictions = drift[drift["kind"] == "prediction"]
    if limits.drifted_predictions and bool(predictions["drifted"].any()):
        yield Reason(ReasonKind.DRIFT, "the predictions have drifted")


def _aged(age_bars: float, most: int) -> Iterator[Reason]:
    if age_bars > most:
        text = f"{age_bars:.0f} bars closed since the last one that was trained on"
        yield Reason(ReasonKind.AGE, text, float(age_bars), float(most))


def _scored(realised: Mapping[str, Figure], limits: RetrainLimits) -> Iterator[Reason]:
    wanted = {
        "hit_rate": ("accuracy", limits.least_hit_rate),
        "auc": ("AUC", limits.least_auc),
        "precision": ("precision", limits.least_precision),
    }
    for name, (word, least) in wanted.items():
        figure = realised.get(name)
        if least is not None and figure is not None and figure.value is not None and figure.value < least:
            yield Reason(ReasonKind.SCORE, f"realised {word} is {figure.value:.3f}", figure.value, least)
