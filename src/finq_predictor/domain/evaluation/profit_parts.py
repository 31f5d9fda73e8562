"""Where a profit came from and what ate it: by year, sector and side, and the costs by their kind."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Array
from finq_predictor.domain.columns import INSTRUMENT, SECTOR, TS
from finq_predictor.domain.evaluation.backtest import PriceGrid, Trades, trading_day
from finq_predictor.domain.evaluation.trading_rules import BacktestRules
from finq_predictor.domain.market.markets import Market

HEDGE, REST = "hedge", "rest"


class PartKind(StrEnum):
    """By what a profit is divided; the parts of each but ``cost`` add up to the whole."""

    YEAR = "year"
    SECTOR = "sector"
    SIDE = "side"
    COST = "cost"


def newest_sectors(bars: pd.DataFrame) -> pd.Series | None:
    """The sector of each instrument, as its newest bar says; None where bars have none."""
    if SECTOR not in bars:
        return None
    return bars.dropna(subset=[SECTOR]).sort_values(TS, kind="stable").groupby(INSTRUMENT)[SECTOR].last()


def divide_profit(
    trades: Trades, grid: PriceGrid, sectors: pd.Series | None, rules: BacktestRules, market: Market
) -> pd.DataFrame:
    """Divide what was earned over the whole test.

    Args:
        trades: What was traded.
        grid: Prices of the same market.
        sectors: Of each instrument; None where none is known, and nothing is divided by them then.
        rules: What trading costs.
        market: By which day a bar counts.

    Returns:
        ``dimension``, ``part``, ``gross_return`` and ``net_return``, fractions of the capital. The hedge is a part of
        its own of sectors and sides. The parts of ``cost`` have no gross return, and their net returns add up to what
        all costs took.
    """
    span = trades.span
    gross, net = trades.profit[span], (trades.profit - trades.cost)[span]
    hedge_gross = trades.hedge_profit[span]
    hedge_net = hedge_gross - trades.hedge_cost[span]
    years = trading_day(grid.ts[span], market).year
    side = np.where(trades.before[span] != 0.0, trades.before[span], trades.held[span])
    hedged = {HEDGE: (float(hedge_gross.sum()), float(hedge_net.sum()))} if grid.benchmark is not None else {}

    def of_years(bars: Array) -> pd.Series:
        return pd.Series(bars).groupby(years).sum()

    by_year = pd.concat([of_years(gross.sum(axis=1) + hedge_gross), of_years(net.sum(axis=1) + hedge_net)], axis=1)
    parts: dict[PartKind, Mapping[str, tuple[float, float]]] = {
        PartKind.YEAR: {str(year): (float(row[0]), float(row[1])) for year, row in by_year.iterrows()},
        PartKind.SIDE: {
            name: (float(gross[chosen].sum()), float(net[chosen].sum()))
            for name, chosen in (("long", side > 0.0), ("short", side < 0.0))
        }
        | hedged,
        PartKind.COST: {name: (0.0, 0.0 - paid) for name, paid in _costs(trades, rules).items()},
    }
    if sectors is not None and len(sectors):
        named = pd.Index(grid.instruments).map(sectors).fillna(REST)
        table = pd.DataFrame({"gross": gross.sum(axis=0), "net": net.sum(axis=0)}).groupby(np.asarray(named)).sum()
        found = {str(name): (float(row.gross), float(row.net)) for name, row in table.iterrows()}
        parts[PartKind.SECTOR] = found | hedged
    rows = [(kind.value, part, *both) for kind, found in parts.items() for part, both in found.items()]
    return pd.DataFrame(rows, columns=["dimension", "part", "gross_return", "net_return"])


def _costs(trades: Trades, rules: BacktestRules) -> dict[str, float]:
    span = trades.span
    traded, impact = float(trades.traded[span].sum()), float(trades.impact_cost[span].sum())
    commission, slippage = traded * rules.commission_bp / 1e4, traded * rules.slippage_bp / 1e4
    return {
        "half the spread": float(trades.trading_cost[span].sum()) - impact - commission - slippage,
        "commission": commission,
        "slippage": slippage,
        "impact": impact,
        "borrowing": float(trades.borrowing[span].sum()),
        "roll-over": float(trades.roll_over[span].sum()),
        "hedge": float(trades.hedge_cost[span].sum()),
    }
