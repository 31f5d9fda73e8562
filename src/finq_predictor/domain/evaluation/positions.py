"""From probabilities to wanted positions: the strategies that trade on paper.

A strategy knows the probabilities, what trading costs and how far prices have moved so far, all as of the bar in which
it decides. It answers with weights of the capital, time x instruments.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.evaluation.trading_rules import BacktestRules
from finq_predictor.domain.registry import Registry

QUANTILE = "quantile"
THRESHOLD = "threshold"
EDGE = "edge"
_FEWEST_MOVES = 20


@dataclass(frozen=True)
class Outlook:
    """What a strategy decides by, time x instruments; it reads no row after the one it decides in.

    Attributes:
        probability: Of a yes; NaN is never acted upon (T, N).
        returns: Of each bar (T, N).
        side_cost: Cost of one traded side as a fraction of its value (T, N).
    """

    probability: Matrix
    returns: Matrix
    side_cost: Matrix


Strategy = Callable[[Outlook, BacktestRules], Matrix]
STRATEGIES: Registry[Strategy] = Registry("strategy")
"""Takes an outlook and the rules; gives the weights that are wanted (T, N)."""


def strategy_for(predictions: pd.DataFrame, rules: BacktestRules) -> str:
    """The strategy by which a market of this size is judged.

    Where there are enough instruments to rank, the best are bought and the worst sold. Where there are not, each is
    traded for itself when what it promises is more than what it costs.

    Args:
        predictions: ``ts``, ``instrument``; one row per prediction of one model or of several.
        rules: How many instruments a ranking needs.
    """
    wide = predictions.drop_duplicates([TS, INSTRUMENT]).groupby(TS).size()
    return QUANTILE if len(wide) and float(wide.median()) >= rules.min_instruments else EDGE


@STRATEGIES.register(QUANTILE)
def best_against_worst(outlook: Outlook, rules: BacktestRules) -> Matrix:
    """Half the capital in the best quantile, half against the worst; nothing where there are too few to rank."""
    probability = outlook.probability
    # Ties share their average rank: a model that says the same of everything ranks nothing and trades nothing.
    known = np.isfinite(probability).sum(axis=1, keepdims=True)
    rank = pd.DataFrame(probability).rank(axis=1).to_numpy()
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(known >= rules.min_instruments, (rank - 0.5) / known, np.nan)
    edge = 1e-12
    long, short = share >= 1.0 - rules.quantile - edge, share <= rules.quantile + edge
    both = long.any(axis=1, keepdims=True) & short.any(axis=1, keepdims=True)
    return np.asarray(0.5 * (_share(long & both) - _share(short & both)))


@STRATEGIES.register(THRESHOLD)
def confident_calls(outlook: Outlook, rules: BacktestRules) -> Matrix:
    """Buy above one probability, sell below another, equal weights up to a maximum."""
    probability = outlook.probability
    sign = (probability > rules.long_above).astype(float) - (probability < rules.short_below)
    active = np.abs(sign).sum(axis=1, keepdims=True)
    return np.asarray(sign * np.minimum(1.0 / np.maximum(active, 1.0), rules.max_weight))


@STRATEGIES.register(EDGE)
def worth_its_cost(outlook: Outlook, rules: BacktestRules) -> Matrix:
    """Each instrument for itself: enter where the expected gain is above the cost, stay while the sign holds.

    The expected gain is ``(2 probability - 1)`` times the mean absolute return of the last bars. A position that is
    there already costs nothing to keep, so that it is only left when the probability changes sides.
    """
    probability, cost = outlook.probability, outlook.side_cost
    seen = pd.DataFrame(np.abs(outlook.returns)).replace(0.0, np.nan)
    move = seen.rolling(rules.move_bars, min_periods=min(_FEWEST_MOVES, rules.move_bars)).mean().to_numpy()
    edge = np.nan_to_num((2.0 * probability - 1.0) * move)
    enters = np.where(np.abs(edge) > 2.0 * rules.edge_over_cost * cost, np.sign(edge), 0.0)
    stance = np.zeros_like(edge)
    held = np.zeros(edge.shape[1])
    for row in range(len(edge)):
        held = np.where(enters[row] != 0.0, enters[row], held * (held * edge[row] > 0.0))
        stance[row] = held
    return np.asarray(stance * min(1.0 / max(edge.shape[1], 1), rules.max_weight))


def _share(chosen: np.ndarray) -> Matrix:
    share: Matrix = chosen / np.maximum(chosen.sum(axis=1, keepdims=True), 1.0)
    return share
