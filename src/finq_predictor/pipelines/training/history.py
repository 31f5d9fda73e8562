"""How much history a training window is worth, when labels that overlap are counted once."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Positions
from finq_predictor.domain.evaluation.metrics import day_codes
from finq_predictor.pipelines.training.plan import Plan
from finq_predictor.pipelines.training.samples import Samples, label_blocks

logger = logging.getLogger(__name__)

YEAR = pd.Timedelta(days=365.25)


@dataclass(frozen=True)
class History:
    """What some rows have seen.

    Attributes:
        blocks: Stretches of days as long as a label that have rows: so many witnesses there are at most, however many
            rows, bars and instruments.
        years: Years of such blocks; a gap in the data is none.
    """

    blocks: int
    years: float


def effective_history(samples: Samples, rows: Positions, plan: Plan) -> History:
    """Count what some rows have seen.

    Args:
        samples: Rows of the market; how many days make a year is taken from them.
        rows: Positions of those that are counted, labelled.
        plan: The training.
    """
    ts = samples.keys["ts"]
    days = len(np.unique(day_codes(ts)))
    span = max((ts.max() - ts.min()) / YEAR, days / 366.0)
    known = len(np.unique(day_codes(ts.iloc[rows])))
    blocks = len(np.unique(label_blocks(ts.iloc[rows], plan.label_bars, plan.market.bar_minutes)))
    return History(blocks, round(known / (days / span), 2))


def told(first: History, last: History, plan: Plan) -> None:
    """Say how much history the walk-forward begins and ends with, and warn where it begins with too little."""
    least = plan.params.min_effective_years
    logger.info(
        "walk-forward: %.1f effective years (%d label blocks) before the first test, %.1f (%d) before the last",
        first.years,
        first.blocks,
        last.years,
        last.blocks,
    )
    if first.years < least:
        logger.warning(
            "The first training window of %s is worth %.1f years, in %d blocks of a label; expected %g or more. "
            "Fits on less follow the regime they have seen. Bring a longer history, or raise min_train_fraction.",
            plan.market.name,
            first.years,
            first.blocks,
            least,
        )
