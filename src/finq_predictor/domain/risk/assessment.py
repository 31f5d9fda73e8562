"""The risk of a series of daily returns, by every rule and scenario, beside that of holding all instruments alike."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from finq_predictor.domain.risk.coverage import judge_coverage
from finq_predictor.domain.risk.stress import Scenario, shocks, worst_of_market, worst_stretches
from finq_predictor.domain.risk.tail import FEWEST, LEVELS, TAIL_RULES
from finq_predictor.domain.tables import STRESS, TAIL_RISK


def assess_tails(portfolios: Mapping[str, pd.Series]) -> pd.DataFrame:
    """Value at risk and expected shortfall by every rule, and what the days said of each.

    Args:
        portfolios: Name -> daily returns.

    Returns:
        One row per portfolio, rule and level; without rows of a portfolio that never moved or has too few days.
    """
    rows = []
    for name, returns in portfolios.items():
        if len(returns) <= FEWEST or not float(returns.std()) > 1e-15:
            continue
        for rule, tell in TAIL_RULES.items():
            for level in LEVELS:
                # A day is added that has not been: its forecast is the one for tomorrow.
                told = tell(pd.Series(np.append(returns.to_numpy(float), 0.0)), level)
                past = told.var[:-1]
                known = np.isfinite(past)
                test = judge_coverage((returns.to_numpy(float) < -past)[known], level)
                rows.append(
                    {
                        "portfolio": name,
                        "rule": rule,
                        "level": level,
                        "var": float(told.var[-1]),
                        "shortfall": float(told.shortfall[-1]),
                        "days": test.days,
                        "exceeded": test.exceeded,
                        "expected": test.days * (1.0 - level),
                        "kupiec_p": test.kupiec_p,
                        "independence_p": test.independence_p,
                        "joint_p": test.joint_p,
                    }
                )
    return TAIL_RISK.typed(pd.DataFrame(rows)) if rows else TAIL_RISK.empty()


def assess_stress(
    portfolios: Mapping[str, pd.Series], market: pd.Series, betas: Mapping[str, float], exposures: Mapping[str, float]
) -> pd.DataFrame:
    """The worst stretches of each portfolio and of the market, and moves that are laid down beforehand.

    Args:
        portfolios: Name -> daily returns, indexed by day.
        market: Daily returns of the market as a whole, indexed by day.
        betas: Name -> exposure to the market.
        exposures: Name -> mean gross value held, a fraction of the capital.
    """
    rows = []
    for name, returns in portfolios.items():
        if not len(returns) or not float(returns.std() or 0.0) > 1e-15:
            continue
        scenarios: list[Scenario] = [
            *worst_stretches(returns),
            *worst_of_market(returns, market),
            *shocks(betas.get(name, float("nan")), float(returns.std()), exposures.get(name, 0.0)),
        ]
        rows += [{"portfolio": name, **scenario.__dict__} for scenario in scenarios]
    return STRESS.typed(pd.DataFrame(rows)) if rows else STRESS.empty()
