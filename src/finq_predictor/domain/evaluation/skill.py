"""What a promotion is judged by: one number per day that no score can earn by luck of its shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import TS
from finq_predictor.domain.errors import UnknownNameError
from finq_predictor.domain.evaluation import metrics

COLUMNS = ("score", "probability", "label", "forward_return")


@dataclass(frozen=True)
class SkillMeasure:
    """How skill is measured and spoken of.

    Attributes:
        name: As in the parameters.
        phrase: Completes "Its daily ...".
        axis: Label of a plot.
        digits: Decimals that tell two models apart.
    """

    name: str
    phrase: str
    axis: str
    digits: int


SKILLS = {
    measure.name: measure
    for measure in (
        SkillMeasure("rank_ic", "rank correlation with what happened", "Rank correlation with outcome", 4),
        SkillMeasure("log_loss", "gain in log loss over a coin", "Gain in log loss over a coin, nats", 5),
    )
}


def get_skill(name: str) -> SkillMeasure:
    """Look a measure up by name.

    Raises:
        UnknownNameError: If there is no such measure; near misses are suggested.
    """
    try:
        return SKILLS[name]
    except KeyError:
        raise UnknownNameError("skill measure", name, SKILLS) from None


def daily_skill(predictions: pd.DataFrame, name: str) -> pd.Series:
    """Skill of one model, one value per UTC day.

    ``rank_ic`` ranks the instruments of each bar, so that it needs several of them. Ranking the hours of a day against
    each other instead would favour any score that follows the price level, even on a random walk: within a window,
    what rose before its end is what a level-like score is low on. ``log_loss`` compares each probability with a coin;
    a probability that was fixed before the outcome cannot gain on a fair one, however it moves.

    Args:
        predictions: ``ts``, ``score``, ``probability``, ``label``, ``forward_return``; rows with NaN are left out.
        name: A key of ``SKILLS``.

    Returns:
        Index: day. NaN where a day has no value.
    """
    measure = get_skill(name)
    known = predictions.dropna(subset=[*COLUMNS])
    if measure.name == "rank_ic":
        daily = metrics.daily_rank_ic(
            known["score"].to_numpy(float), known["forward_return"].to_numpy(float), metrics.bar_times(known[TS])
        )
    else:
        loss = metrics.daily_log_loss(
            known["label"].to_numpy(float), known["probability"].to_numpy(float), metrics.day_codes(known[TS])
        )
        daily = float(np.log(2.0)) - loss
    return daily.set_axis(pd.DatetimeIndex(daily.index).as_unit("us"))
