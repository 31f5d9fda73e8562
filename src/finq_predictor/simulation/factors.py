"""What moves all stocks together: the market, its sectors and their volatility."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.simulation.companies import SECTORS
from finq_predictor.simulation.config import EquityMarketConfig
from finq_predictor.simulation.ends import YEAR
from finq_predictor.simulation.seeding import stream, student_t
from finq_predictor.simulation.sessions import equity_sessions
from finq_predictor.simulation.strength import strength_path

BURN_IN = 300
MARKET_VOLATILITY = 0.0098
SECTOR_VOLATILITY = 0.0055
PREMIUM = 0.00028
JUMP_CHANCE, JUMP_MEAN, JUMP_SPREAD = 0.004, -0.02, 0.02


@dataclass(frozen=True)
class EquityFactors:
    """The common part of an equity market; T counts burn-in days and sessions.

    Attributes:
        dates: Sessions without the burn-in, without zone.
        closes: Their closes, UTC.
        market: (T,) market return without premium; mean zero given the past.
        sectors: (11, T) sector returns; mean zero given the past.
        variance: (T,) variance of the market return over its long-run value, known one day before.
        strength: (3, T) what the planted weights are worth on a day.
    """

    dates: pd.DatetimeIndex
    closes: pd.DatetimeIndex
    market: np.ndarray
    sectors: np.ndarray
    variance: np.ndarray
    strength: np.ndarray

    @property
    def days(self) -> int:
        """Burn-in days and sessions together."""
        return int(self.market.size)


def simulate_factors(config: EquityMarketConfig) -> EquityFactors:
    """Draw the common factors of an equity market.

    The market has volatility clusters, fat tails, a leverage effect and rare jumps, mostly downwards; the sectors
    share half of the market's volatility clusters.
    """
    from finq_predictor.simulation.kernels import gjr_path

    dates, closes = equity_sessions(config.end, config.years)
    days = BURN_IN + len(dates)
    draw = stream(config.seed, "equity.market")
    innovations, variance = gjr_path(student_t(draw, 6.0, days), 0.0, 0.19, 0.89)
    jumped = draw.random(days) < JUMP_CHANCE
    jumps = np.where(jumped, JUMP_MEAN + JUMP_SPREAD * draw.standard_normal(days), 0.0) - JUMP_CHANCE * JUMP_MEAN
    draw = stream(config.seed, "equity.sectors")
    sectors = np.empty((len(SECTORS), days))
    for row in sectors:
        own, _ = gjr_path(student_t(draw, 6.0, days), 0.05, 0.03, 0.92)
        row[:] = SECTOR_VOLATILITY * own * np.sqrt(np.sqrt(variance))
    strength = strength_path(config.planting, stream(config.seed, "equity.strength"), days, YEAR, BURN_IN)
    return EquityFactors(dates, closes, MARKET_VOLATILITY * innovations + jumps, sectors, variance, strength)
