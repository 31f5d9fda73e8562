"""What happened beyond what many instruments share, for every measure that asks."""

from __future__ import annotations

import pandas as pd

from finq_predictor.domain import columns
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.evaluation.exposures import neutral_returns
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.modelling.origin import TrainingSummary
from finq_predictor.domain.promotion.decision import Incumbent
from finq_predictor.domain.tables import NEUTRAL_OUTCOMES
from finq_predictor.pipelines.evaluation.params import EvaluationParams


def neutralise_outcomes(
    gold: pd.DataFrame,
    silver_bars: pd.DataFrame,
    training_summary: TrainingSummary,
    incumbent: Incumbent | None,
    params: EvaluationParams,
    *,
    market: Market,
) -> pd.DataFrame:
    """Take what instruments share out of what happened.

    Args:
        gold: Gold frame.
        silver_bars: Bars, from which the exposures are estimated.
        training_summary: Over how many bars the models look.
        incumbent: The champion in use, which may look over another number of bars.
        params: Which exposures.
        market: The market.

    Returns:
        ``ts``, ``instrument``, ``horizon``, ``neutral_return``: one row per outcome that is known; none where nothing
        is to be taken out.
    """
    if not params.neutral.exposures:
        return NEUTRAL_OUTCOMES.empty()
    horizons = {training_summary.horizon}
    if incumbent is not None and incumbent.bundle is not None:
        horizons.add(incumbent.bundle.horizon)
    parts = []
    for horizon in sorted(horizons):
        if columns.forward_return(horizon) in gold.columns:
            outcomes = gold[[TS, INSTRUMENT, columns.forward_return(horizon)]]
            outcomes = outcomes.set_axis([TS, INSTRUMENT, "forward_return"], axis=1)
            parts.append(neutral_returns(outcomes, silver_bars, params.neutral, market).assign(horizon=horizon))
    return NEUTRAL_OUTCOMES.typed(pd.concat(parts, ignore_index=True))


def of_horizon(neutral_outcomes: pd.DataFrame, horizon: int) -> pd.DataFrame:
    """The rows of one horizon."""
    return neutral_outcomes[neutral_outcomes["horizon"] == horizon]
