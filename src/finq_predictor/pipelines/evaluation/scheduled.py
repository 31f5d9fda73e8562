"""What is said on a schedule."""

from __future__ import annotations

import pandas as pd

from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.modelling.bundle import ModelBundle
from finq_predictor.domain.modelling.statements import StatedBar, state_bar


def state_newest(
    predictions: pd.DataFrame, champion: ModelBundle, clock: pd.Timestamp, snapshot: str, *, market: Market
) -> StatedBar:
    """Say what the champion says of the newest bar, as the API would say it at this moment.

    Args:
        predictions: Of the last bars.
        champion: The model that made them.
        clock: The moment of the run.
        snapshot: Id of the snapshot that holds the predictions, which have to be stored by then.
        market: The market.
    """
    return state_bar(predictions, champion, market, clock, snapshot)
