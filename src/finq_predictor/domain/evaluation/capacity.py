"""How much capital a strategy bears before its own trades eat what it earns.

What a trade moves its price by grows with the square root of its share of a day's volume, so that the impact per unit
of capital grows with the square root of the capital, while everything else stays. With a net return of ``a`` before
impact, and an impact of ``b`` times the root of the capital, nothing is left at ``(a / b) ** 2``, and most money is
earned at four ninths of that. The law was measured on orders of up to about a tenth of a day's volume; what lies beyond
is an extrapolation, and says so.

References: Toth et al. (2011), Anomalous price impact and the critical nature of liquidity in financial markets;
Almgren, Thum, Hauptmann and Li (2005), Direct estimation of equity market impact.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.domain.evaluation.backtest import PriceGrid, Trades, trading_day
from finq_predictor.domain.evaluation.performance import days_per_year, measures
from finq_predictor.domain.evaluation.trading_rules import BacktestRules
from finq_predictor.domain.market.markets import Market

CAPITALS = (1e5, 3e5, 1e6, 3e6, 1e7, 3e7, 1e8, 3e8, 1e9)
"""From a hundred thousand to a billion."""
MEASURED_SHARE = 0.1
"""Share of a day's volume up to which the impact of trades has been measured."""
LARGE_TRADES = 0.95


@dataclass(frozen=True)
class CapitalBorne:
    """What capital a strategy bears; NaN where it is not known, 0 where nothing is left of it before impact.

    Attributes:
        break_even: Capital at which nothing is left after costs.
        most_profit: Capital at which most money is earned.
        measured: Capital up to which 19 of 20 trades are smaller than a tenth of a day's volume.
    """

    break_even: float = float("nan")
    most_profit: float = float("nan")
    measured: float = float("nan")


def capacity_curve(
    daily: pd.DataFrame, trades: Trades, grid: PriceGrid, rules: BacktestRules, market: Market
) -> pd.DataFrame:
    """Net results by capital.

    Args:
        daily: What was earned by day at ``rules.capital``.
        trades: The same, by bar and instrument.
        grid: Prices and volumes.
        rules: The law of impact.
        market: Its days per year annualise.

    Returns:
        ``capital``, ``net_return`` and ``impact`` (a year, fractions of the capital), ``net_sharpe`` and
        ``large_trades``: the share of a bar's volume that 19 of 20 trades stay below. Without rows where impact is not
        charged, or no volume is known.
    """
    columns = ["capital", "net_return", "impact", "net_sharpe", "large_trades"]
    if rules.impact == 0.0 or grid.liquidity is None or daily.empty:
        return pd.DataFrame(columns=columns, dtype=float)
    bars = pd.Series(trades.impact_cost[trades.span].sum(axis=1), index=grid.ts[trades.span])
    impact = bars.groupby(trading_day(pd.DatetimeIndex(bars.index), market)).sum().to_numpy(float)
    before = daily["net_return"].to_numpy(float) + impact
    days, share = days_per_year(market), _share_of_volume(trades, grid)
    rows = []
    for capital in CAPITALS:
        paid = impact * (capital / rules.capital) ** 0.5
        found = measures(before - paid, days, trials=1)
        rows.append((capital, found["annualised_return"], float(paid.mean() * days), found["sharpe"], share * capital))
    return pd.DataFrame(rows, columns=columns)


def capital_borne(curve: pd.DataFrame) -> CapitalBorne:
    """Read a capacity curve of one model and strategy; unknown where it has no row, or nothing was traded."""
    if curve.empty or not float(curve["impact"].iloc[0]) > 0.0:
        return CapitalBorne()
    first = curve.iloc[0]
    per_root = float(first["impact"]) / float(first["capital"]) ** 0.5
    left = max(float(first["net_return"]) + float(first["impact"]), 0.0)
    break_even = (left / per_root) ** 2
    share = float(first["large_trades"]) / float(first["capital"])
    return CapitalBorne(break_even, break_even * 4.0 / 9.0, MEASURED_SHARE / share if share > 0.0 else float("nan"))


def _share_of_volume(trades: Trades, grid: PriceGrid) -> float:
    """The share of a bar's volume that 19 of 20 trades stay below, per unit of capital; NaN where none is known."""
    assert grid.liquidity is not None
    traded, liquidity = trades.traded[trades.span], grid.liquidity[trades.span]
    known = (traded > 0.0) & (liquidity > 0.0)
    if not known.any():
        return float("nan")
    return float(np.quantile(traded[known] / liquidity[known], LARGE_TRADES))
