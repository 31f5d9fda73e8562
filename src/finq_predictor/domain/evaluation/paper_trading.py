"""All models under all strategies: what each earned by day, in all, by its parts, and by capital."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from finq_predictor.domain.columns import TS
from finq_predictor.domain.evaluation.backtest import daily_results, make_price_grid, trade
from finq_predictor.domain.evaluation.capacity import capacity_curve
from finq_predictor.domain.evaluation.factors import attribute, factor_returns
from finq_predictor.domain.evaluation.overfitting import estimate_overfitting
from finq_predictor.domain.evaluation.performance import summarise
from finq_predictor.domain.evaluation.positions import STRATEGIES
from finq_predictor.domain.evaluation.profit_parts import divide_profit, newest_sectors
from finq_predictor.domain.evaluation.trading_rules import BacktestRules
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.tables import (
    ATTRIBUTION,
    BACKTEST,
    BACKTEST_SUMMARY,
    CAPACITY,
    FACTOR_RETURNS,
    OVERFITTING,
    PROFIT_PARTS,
)


class PaperTrading(NamedTuple):
    """What trading on paper gave; every table has ``model`` and ``strategy`` but the last.

    Attributes:
        daily: One row per day.
        summary: One row per measure, before and after costs.
        parts: One row per part of the profit, and per kind of cost.
        capacity: One row per capital.
        factors: Daily returns of the factors of the market, a column each.
    """

    daily: pd.DataFrame
    summary: pd.DataFrame
    parts: pd.DataFrame
    capacity: pd.DataFrame
    factors: pd.DataFrame


def trade_models(
    oos: pd.DataFrame,
    bars: pd.DataFrame,
    market: Market,
    horizon: int,
    rules: BacktestRules,
    trials: int,
    benchmark: pd.DataFrame | None = None,
) -> PaperTrading:
    """Trade every model under every strategy.

    Args:
        oos: ``ts``, ``instrument``, ``model``, ``probability``.
        bars: Silver bars of the same market.
        market: The market.
        horizon: Holding period in bars.
        rules: Positions and costs.
        trials: True number of configurations tried.
        benchmark: ``ts`` and ``close``; hedges what is net long or short where the market has one.
    """
    kept = bars.loc[bars[TS] >= oos[TS].min()]
    grid, sectors = make_price_grid(kept, rules, market, benchmark), newest_sectors(kept)
    found: dict[str, list[pd.DataFrame]] = {name: [] for name in ("daily", "summary", "parts", "capacity")}
    for model, predictions in oos.groupby("model", sort=True):
        for strategy in STRATEGIES:
            trades = trade(predictions, grid, market, horizon, rules, strategy)
            daily = daily_results(trades, grid, market)
            tables = {
                "daily": daily,
                "summary": summarise(daily, market, trials),
                "parts": divide_profit(trades, grid, sectors, rules, market),
                "capacity": capacity_curve(daily, trades, grid, rules, market),
            }
            for name, table in tables.items():
                found[name].append(table.assign(model=str(model), strategy=strategy))
    whole = {name: pd.concat(tables, ignore_index=True) for name, tables in found.items()}
    return PaperTrading(
        BACKTEST.typed(whole["daily"]),
        BACKTEST_SUMMARY.typed(whole["summary"]),
        PROFIT_PARTS.typed(whole["parts"]),
        CAPACITY.typed(whole["capacity"]),
        FACTOR_RETURNS.typed(factor_returns(grid, kept, market)),
    )


def attribute_models(daily: pd.DataFrame, factors: pd.DataFrame, horizon_days: int, market: Market) -> pd.DataFrame:
    """Divide the net result of every model and strategy into alpha and what followed factors."""
    tables = [
        attribute(rows, factors, horizon_days, market).assign(model=str(model), strategy=str(strategy))
        for (model, strategy), rows in daily.groupby(["model", "strategy"], sort=True)
    ]
    return ATTRIBUTION.typed(pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True))


def overfitting_of(daily: pd.DataFrame) -> pd.DataFrame:
    """How likely the best model of each strategy is only the best of the past; who never traded does not count."""
    rows = []
    for strategy, table in daily.groupby("strategy", sort=True):
        wide = table.pivot(index=TS, columns="model", values="net_return").fillna(0.0)
        rows.append({"strategy": str(strategy), **estimate_overfitting(wide.to_numpy(float)).__dict__})
    return OVERFITTING.typed(pd.DataFrame(rows))
