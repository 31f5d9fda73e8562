"""What a portfolio manager asks of one strategy, in figures: earned, how surely, on what capital, is it just beta."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from finq_predictor.domain.evaluation.capacity import CapitalBorne, capital_borne
from finq_predictor.domain.evaluation.factors import ALPHA
from finq_predictor.domain.evaluation.feature_validation.hac import errors_wide, hac_test
from finq_predictor.domain.evaluation.performance import days_per_year
from finq_predictor.domain.market.markets import Market

UNKNOWN = float("nan")


@dataclass(frozen=True)
class NetWorth:
    """One model under one strategy; NaN where it is not known.

    Attributes:
        earned: Return a year after costs, a fraction of the capital.
        low: Lower end of its interval, by errors that hold when days depend on each other.
        high: Upper end.
        overfitting: Probability that the best of the models that were traded is only the best of the past.
        loss: How often the best of half of the days lost in the other half.
        models: How many models it was the best of.
        capital: What capital it bears.
        alpha: Return a year that follows no factor.
        alpha_t: Of it.
        alpha_p: Two-sided chance of such an alpha where there is none.
        market: Name of the factor that is the market itself; empty where nothing was asked.
        beta: Exposure to it.
        beta_t: Of it.
        explained: Share of the variance that all factors explain.
        days: Days that the regression rests on.
    """

    earned: float = UNKNOWN
    low: float = UNKNOWN
    high: float = UNKNOWN
    overfitting: float = UNKNOWN
    loss: float = UNKNOWN
    models: int = 0
    capital: CapitalBorne = field(default_factory=CapitalBorne)
    alpha: float = UNKNOWN
    alpha_t: float = UNKNOWN
    alpha_p: float = UNKNOWN
    market: str = ""
    beta: float = UNKNOWN
    beta_t: float = UNKNOWN
    explained: float = UNKNOWN
    days: int = 0

    @property
    def figures(self) -> dict[str, float]:
        """Name -> what is known, as it is tracked."""
        found = {
            "earned": self.earned,
            "earned.low": self.low,
            "earned.high": self.high,
            "overfitting": self.overfitting,
            "capital.break_even": self.capital.break_even,
            "capital.most_profit": self.capital.most_profit,
            "capital.measured": self.capital.measured,
            "alpha": self.alpha,
            "alpha.t": self.alpha_t,
            "beta_to_factor": self.beta,
            "explained_by_factors": self.explained,
        }
        return {name: value for name, value in found.items() if np.isfinite(value)}


def value_strategy(
    net: pd.Series,
    capacity: pd.DataFrame,
    attribution: pd.DataFrame,
    overfitting: pd.DataFrame,
    held_days: int,
    market: Market,
    level: float = 0.95,
) -> NetWorth:
    """Answer for one model under one strategy.

    Args:
        net: Daily returns after costs.
        capacity: Its capacity curve; may be empty.
        attribution: Its regression on factors; may be empty.
        overfitting: The row of the strategy; may be empty.
        held_days: Days that a position is held.
        market: Its days per year annualise.
        level: Of the interval.
    """
    days = days_per_year(market)
    values = net.to_numpy(float)
    test = hac_test(values, held_days) if len(values) else None
    width = errors_wide(len(values), held_days, level) if len(values) > 2 else UNKNOWN
    mean, error = (float(test.mean[0]), float(test.error[0])) if test is not None else (UNKNOWN, UNKNOWN)
    choice = overfitting.iloc[0] if len(overfitting) else {}
    factors = attribution.set_index("factor") if len(attribution) else pd.DataFrame()
    alpha = factors.loc[ALPHA] if len(factors) else {}
    others = [name for name in factors.index if name != ALPHA]
    beta = factors.loc[others[0]] if others else {}
    return NetWorth(
        earned=mean * days,
        low=(mean - width * error) * days,
        high=(mean + width * error) * days,
        overfitting=float(choice.get("probability", UNKNOWN)),
        loss=float(choice.get("loss", UNKNOWN)),
        models=int(choice.get("models", 0)),
        capital=capital_borne(capacity),
        alpha=float(alpha.get("exposure", UNKNOWN)),
        alpha_t=float(alpha.get("t", UNKNOWN)),
        alpha_p=float(alpha.get("p_value", UNKNOWN)),
        market=others[0] if others else "",
        beta=float(beta.get("exposure", UNKNOWN)),
        beta_t=float(beta.get("t", UNKNOWN)),
        explained=float(alpha.get("r2", UNKNOWN)),
        days=int(alpha.get("days", 0)),
    )
