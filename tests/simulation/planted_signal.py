"""What was planted in a market, measured against what happened, without writing its articles."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from finq_predictor.simulation import EquityMarketConfig, FxMarketConfig
from finq_predictor.simulation.currencies import simulate_currencies
from finq_predictor.simulation.factors import BURN_IN, simulate_factors
from finq_predictor.simulation.sessions import fx_hours
from finq_predictor.simulation.stocks import HORIZON, StockPaths, simulate_stocks


@dataclass(frozen=True)
class Measured:
    """A figure over several seeds.

    Attributes:
        mean: Its mean.
        error: Standard error of the mean.
    """

    mean: float
    error: float

    @classmethod
    def of(cls, figures) -> Measured:
        return cls(float(np.mean(figures)), float(np.std(figures, ddof=1) / np.sqrt(len(figures))))


def stocks_of(config: EquityMarketConfig) -> StockPaths:
    return simulate_stocks(config, simulate_factors(config), range(config.instruments))


def equity_ic(config: EquityMarketConfig, rule: EquityMarketConfig | None = None) -> float:
    """Mean daily rank correlation of the expected with the realised return, from the next close over five sessions.

    A return over a benchmark has the same ranks within a day. Of a stock that ends the last price is kept.

    Args:
        config: The market that happens.
        rule: Whose expectations are asked, of the same seed; None asks those of the market itself.
    """
    happened, asked = stocks_of(config), stocks_of(rule or config)
    listed = np.isfinite(happened.adjusted)[:, BURN_IN:]
    prices = pd.DataFrame(happened.adjusted[:, BURN_IN:]).ffill(axis=1).to_numpy()
    score = asked.expected[:, BURN_IN : -1 - HORIZON]
    outcome = prices[:, 1 + HORIZON :] / prices[:, 1:-HORIZON] - 1.0
    known = listed[:, : -1 - HORIZON] & np.isfinite(outcome)
    ranks = [pd.DataFrame(np.where(known, each, np.nan)).rank() for each in (score, outcome)]
    return float(ranks[0].corrwith(ranks[1]).mean())


def fx_ic(config: FxMarketConfig, rule: FxMarketConfig | None = None) -> float:
    """Rank correlation of the expected return of the next hour with the realised one, both in standard deviations of
    that hour; mean over pairs."""
    hours = fx_hours(config.end, config.years)
    happened, asked = simulate_currencies(config, hours), simulate_currencies(rule or config, hours)
    found = []
    for base, quote in map(happened.of, config.pairs):
        usual = np.hypot(happened.deviation[base], happened.deviation[quote])[1:]
        outcome = pd.Series((happened.returns[base] - happened.returns[quote])[1:] / usual)
        score = pd.Series((asked.expected[base] - asked.expected[quote])[:-1] / usual)
        found.append(score.corr(outcome, method="spearman"))
    return float(np.mean(found))


IC = {"equity": equity_ic, "fx": fx_ic}


def planted_ic(market: str, config, seeds) -> Measured:
    """The rank correlation that a market's own expectations reach."""
    return Measured.of([IC[market](replace(config, seed=seed)) for seed in seeds])
