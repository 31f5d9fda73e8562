"""The index of the simulated market, made from its members."""

from __future__ import annotations

import numpy as np
import pandas as pd

from finq_predictor.simulation.factors import EquityFactors
from finq_predictor.simulation.seeding import stream

START = 1000.0


def index_bars(totals: np.ndarray, factors: EquityFactors, seed: int) -> pd.DataFrame:
    """Make a capital-weighted index of all stocks that trade on two sessions in a row.

    Args:
        totals: (T, 5) sums over members, see ``kernels.add_members``, without the burn-in.
        factors: The market, for its sessions.
        seed: Seed of the market, for the extremes of the day.

    Returns:
        T rows: date, open, high, low, close (price index), adj_close (total return, equal to close on the last
        session), volume, known_at.
    """
    before, opened, closed, paid, volume = totals.T
    traded = before > 0
    base = np.where(traded, before, 1.0)
    price = np.where(traded, closed / base, 1.0)
    night = np.where(traded, opened / base, 1.0)
    total = np.where(traded, (closed + paid) / base, 1.0)
    close = START * np.cumprod(price)
    wealth = np.cumprod(total)
    opens = np.concatenate([[START], close[:-1]]) * night
    session = np.log(close / opens)
    bridge = 0.75 * (0.009**2) * factors.variance[-len(close) :]
    uniforms = stream(seed, "equity.index").random((2, len(close)))
    up = 0.5 * (session + np.sqrt(session**2 - 2.0 * bridge * np.log1p(-uniforms[0])))
    down = 0.5 * (session - np.sqrt(session**2 - 2.0 * bridge * np.log1p(-uniforms[1])))
    open_, close_ = np.round(opens, 2), np.round(close, 2)
    return pd.DataFrame(
        {
            "date": factors.dates,
            "open": open_,
            "high": np.maximum(np.round(opens * np.exp(up), 2), np.maximum(open_, close_)),
            "low": np.minimum(np.round(opens * np.exp(down), 2), np.minimum(open_, close_)),
            "close": close_,
            "adj_close": np.round(close[-1] * wealth / wealth[-1], 6),
            "volume": volume,
            "known_at": factors.closes,
        }
    )
