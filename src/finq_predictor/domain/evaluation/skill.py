"""What a promotion is judged by: one number per day that no score can earn by luck of its shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import TS
from finq_predictor.domain.errors import DataError
from finq_predictor.domain.evaluation import metrics
from finq_predictor.domain.evaluation.exposures import NEUTRAL_RETURN
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.registry import Registry

COLUMNS = ("probability", "label", "forward_return")


@dataclass(frozen=True)
class SkillMeasure:
    """How skill is measured and spoken of.

    Attributes:
        name: As in the parameters.
        phrase: Completes "Its daily ...".
        axis: Label of a plot.
        digits: Decimals that tell two models apart.
        metric: The metric of the scorecard that says the same in a figure people know.
        daily: Takes rows without NaN, returns one value per UTC day.
        reads: Columns it reads beside those that every measure reads.
        plain: The measure that asks the same of outcomes as they are; empty where it does so itself.
    """

    name: str
    phrase: str
    axis: str
    digits: int
    metric: str
    daily: Callable[[pd.DataFrame], pd.Series]
    reads: tuple[str, ...] = ()
    plain: str = ""


def daily_skill(predictions: pd.DataFrame, name: str, market: Market) -> pd.Series:
    """Skill of one model, one value per UTC day: of what is served, the calibrated probability, at hours it may act.

    ``rank_ic`` ranks the instruments of each bar, so that it needs several of them; ``neutral_rank_ic`` compares the
    same ranks with what is left of the outcomes beyond exposures that many instruments share, see
    :func:`~finq_predictor.domain.evaluation.exposures.neutral_returns`, which is far less noisy. Ranking the hours of
    a day against each other instead would favour any score that follows the price level, even on a random walk: within
    a window, what rose before its end is what a level-like score is low on. ``log_loss`` compares each probability with
    a coin; a probability that was fixed before the outcome cannot gain on a fair one, however it moves.

    Args:
        predictions: ``ts``, ``probability``, ``label``, ``forward_return``, and ``neutral_return`` for
            ``neutral_rank_ic``; rows with NaN, and those in hours that the market masks, are left out.
        name: A key of ``SKILLS``.
        market: The market.

    Returns:
        Index: day. NaN where a day has no value.

    Raises:
        UnknownNameError: If there is no such measure; near misses are suggested.
        DataError: If a column is missing that the measure reads.
    """
    measure = SKILLS[name]
    if missing := [column for column in measure.reads if column not in predictions.columns]:
        raise DataError(
            f"The skill {name!r} reads {', '.join(missing)}, which these predictions do not have; put it beside them "
            "with domain.evaluation.exposures, or choose another skill."
        )
    known = predictions.dropna(subset=[*COLUMNS, *measure.reads])
    daily = measure.daily(known[~market.is_masked(known[TS])])
    return daily.set_axis(pd.DatetimeIndex(daily.index).as_unit("us"))


def _rank_correlation(known: pd.DataFrame) -> pd.Series:
    return metrics.daily_rank_ic(
        known["probability"].to_numpy(float), known["forward_return"].to_numpy(float), metrics.bar_times(known[TS])
    )


def _neutral_rank_correlation(known: pd.DataFrame) -> pd.Series:
    return metrics.daily_rank_against(
        known["probability"].to_numpy(float), known[NEUTRAL_RETURN].to_numpy(float), metrics.bar_times(known[TS])
    )


def _gain_over_a_coin(known: pd.DataFrame) -> pd.Series:
    loss = metrics.daily_log_loss(
        known["label"].to_numpy(float), known["probability"].to_numpy(float), metrics.day_codes(known[TS])
    )
    return float(np.log(2.0)) - loss


SKILLS: Registry[SkillMeasure] = Registry.of(
    "skill measure",
    SkillMeasure(
        "rank_ic",
        "rank correlation with what happened",
        "Rank correlation with outcome",
        4,
        "rank_ic",
        _rank_correlation,
    ),
    SkillMeasure(
        "neutral_rank_ic",
        "rank correlation with what happened beyond common exposures",
        "Rank correlation with neutral outcome",
        4,
        "neutral_rank_ic",
        _neutral_rank_correlation,
        (NEUTRAL_RETURN,),
        "rank_ic",
    ),
    SkillMeasure(
        "log_loss",
        "gain in log loss over a coin",
        "Gain in log loss over a coin, nats",
        5,
        "brier_skill",
        _gain_over_a_coin,
    ),
)
