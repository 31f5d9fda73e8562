"""What the predictions would have earned: next-bar execution, costs on every traded side, no hindsight.

Execution timing. A probability known at the close of bar t is traded one bar later: at the close of bar t+1
(``execution="close"``) or at its open (``execution="open"``), and held for ``horizon`` bars. With a horizon of h, one
h-th of the capital is renewed at every bar, so h overlapping tranches run side by side. Profit is dated at the close of
the bar in which it is earned; the cost of a trade at the bar in which it is traded. Profits are added, not compounded:
the capital at work is the same every day.

Where predictions are relative to a benchmark, what is net long or short is hedged with it, at a cost: else a strategy
that calls many instruments at once would earn what the market earns and call it skill. What is left of the market is
measured as beta and correlation. Who sells short pays a fee to borrow; who holds currencies over night pays for the
roll-over; who trades much of a day's volume moves the price against himself.

Who trades does not know what comes: every prediction is traded, whether or not its outcome is ever known. An order is
filled only where there is a price; who holds what has none keeps it until the next one. An instrument whose prices
end for good is left at the return of a delisting, dated at the bar after its last price.

References: overlapping portfolios, Jegadeesh and Titman (1993); what a delisting costs, Shumway (1997); square-root
law of market impact, Toth et al. (2011); what it costs to borrow, D'Avolio (2002).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Matrix, Vector
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.errors import DataError
from finq_predictor.domain.evaluation.positions import QUANTILE, STRATEGIES, Outlook
from finq_predictor.domain.evaluation.roll_over import NIGHTS_PER_YEAR, nights_between
from finq_predictor.domain.evaluation.trading_rules import BacktestRules
from finq_predictor.domain.market.markets import Market

SUMMED = ("gross_return", "net_return", "turnover", "benchmark_return")
VOLUME_BARS = 20
AVERAGED = ("exposure", "n_long", "n_short")


@dataclass(frozen=True)
class PriceGrid:
    """Prices and costs as matrices, time x instruments.

    Attributes:
        ts: Close times of the bars, UTC, ascending (T).
        instruments: Names (N).
        returns: Simple return from the last execution price before to that of this bar; 0 where not traded, the return
            of a delisting at the bar after the last price of an instrument that ends (T, N).
        tradable: Whether an order can be filled in this bar (T, N).
        ended: Whether the instrument has ended by this bar (T, N).
        side_cost: Cost of one traded side as a fraction of its value (T, N).
        impact: Cost of one traded side per square root of the share of capital that is traded (T, N).
        liquidity: Value that is traded in a bar, the median of those before, in the currency of the prices (T, N); None
            where no volume is known.
        benchmark: Simple return of the benchmark (T); None where the market has none.
    """

    ts: pd.DatetimeIndex
    instruments: pd.Index
    returns: Matrix
    tradable: np.ndarray[Any, np.dtype[np.bool_]]
    ended: np.ndarray[Any, np.dtype[np.bool_]]
    side_cost: Matrix
    impact: Matrix
    liquidity: Matrix | None = None
    benchmark: Vector | None = None


def make_price_grid(
    bars: pd.DataFrame, rules: BacktestRules, market: Market, benchmark: pd.DataFrame | None = None
) -> PriceGrid:
    """Arrange silver bars for a backtest.

    Args:
        bars: ``ts``, ``instrument``, ``close``, ``open`` and, where known, ``adj_close``, ``bid_open``, ``ask_open``
            (or the same
            of the close). Prices are adjusted by ``adj_close / close`` where that column is present.
        rules: Which price is traded and what it costs.
        market: Whether and after how long instruments end.
        benchmark: ``ts`` and ``close`` of the benchmark; its last price counts where a bar has none.

    Returns:
        The grid. A missing price is not tradable; a position held through it earns the whole move when the price
        returns.
    """
    price_name = rules.execution
    if missing := {TS, INSTRUMENT, "close", price_name} - set(bars.columns):
        raise DataError(f"The bars lack {sorted(missing)}, which a backtest at the next {price_name} needs.")
    rows, ts = _codes(bars[TS])
    columns, instruments = _codes(bars[INSTRUMENT])
    shape = (len(ts), len(instruments))

    def grid(values: pd.Series) -> Matrix:
        matrix = np.full(shape, np.nan)
        matrix[rows, columns] = values.to_numpy(float)
        return matrix

    factor = bars["adj_close"] / bars["close"] if "adj_close" in bars else 1.0
    price = grid(bars[price_name] * factor)
    price[~(price > 0.0)] = np.nan
    held = pd.DataFrame(price).ffill().to_numpy()
    returns = np.zeros(shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        returns[1:] = np.nan_to_num(held[1:] / held[:-1] - 1.0)
    ended = _ended(price, market)
    lost = market.delisting_return if rules.delisting_return is None else rules.delisting_return
    returns[ended & ~np.vstack([np.zeros((1, shape[1]), dtype=bool), ended[:-1]])] = lost or 0.0
    bid, ask = f"bid_{price_name}", f"ask_{price_name}"
    cost = np.full(shape, rules.cost_bp / 1e4)
    if rules.use_quotes and {bid, ask} <= set(bars.columns):
        half_spread = grid((bars[ask] - bars[bid]) / (bars[ask] + bars[bid]))
        cost = np.where(half_spread >= 0.0, half_spread, cost)
    index = pd.DatetimeIndex(ts)
    liquidity = _liquidity(grid(bars["volume"] * bars["close"])) if "volume" in bars else None
    return PriceGrid(
        index,
        pd.Index(instruments),
        returns,
        np.isfinite(price),
        ended,
        cost + (rules.commission_bp + rules.slippage_bp) / 1e4,
        _impact(returns, liquidity, rules),
        liquidity,
        None if benchmark is None else _returns_of(benchmark, index),
    )


def _liquidity(value: Matrix) -> Matrix:
    traded = pd.DataFrame(value).rolling(VOLUME_BARS, min_periods=1).median().shift(1)
    return np.asarray(traded.to_numpy(), dtype=np.float64)


def _impact(returns: Matrix, traded: Matrix | None, rules: BacktestRules) -> Matrix:
    """Impact of the whole capital on each price, by what was traded in the bars before; none is known in the first."""
    if traded is None or rules.impact == 0.0:
        return np.zeros_like(returns)
    spread = pd.DataFrame(returns).rolling(VOLUME_BARS, min_periods=2).std().shift(1)
    with np.errstate(invalid="ignore", divide="ignore"):
        impact = rules.impact * spread.to_numpy() * np.sqrt(rules.capital / traded)
    return np.asarray(np.nan_to_num(impact, posinf=0.0), dtype=np.float64)


def _returns_of(benchmark: pd.DataFrame, ts: pd.DatetimeIndex) -> Vector:
    level = benchmark.set_index(TS)["close"].sort_index().reindex(ts, method="ffill").to_numpy(float)
    returns = np.zeros(len(ts))
    returns[1:] = np.nan_to_num(level[1:] / level[:-1] - 1.0)
    return returns


def _ended(price: Matrix, market: Market) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Bars after the last price of instruments of which none came for as long as it takes to call them ended."""
    size = len(price)
    rows = np.arange(size)[:, None]
    there = np.isfinite(price)
    last = np.where(there.any(axis=0), size - 1 - there[::-1].argmax(axis=0), size)
    gone = (size - 1 - last >= market.ended_after) & (market.delisting_return is not None)
    return np.asarray(gone & (rows > last))


def run_backtest(
    predictions: pd.DataFrame,
    grid: PriceGrid,
    market: Market,
    horizon: int,
    rules: BacktestRules,
    strategy: str = QUANTILE,
) -> pd.DataFrame:
    """Trade one model's predictions.

    Args:
        predictions: ``ts``, ``instrument``, ``probability``, one row per decision; each ``ts`` is the time of a bar.
        grid: Prices of the same market.
        market: Its bar size says how bars are summed to days.
        horizon: Holding period in bars.
        rules: Positions and costs.
        strategy: A key of ``STRATEGIES``.

    Returns:
        One row per day from the first to the last possible position: ``ts`` (the day), ``gross_return``,
        ``net_return`` (fractions of capital), ``turnover`` (traded value over capital, both sides, hedge included),
        ``exposure`` (mean gross, without the hedge), ``n_long``, ``n_short`` (means), ``benchmark_return`` (NaN where
        the market has no benchmark).

    Raises:
        DataError: If a prediction has no bar, or no prediction is given.
    """
    return daily_results(trade(predictions, grid, market, horizon, rules, strategy), grid, market)


def daily_results(trades: Trades, grid: PriceGrid, market: Market) -> pd.DataFrame:
    """What was traded, by day, as :func:`run_backtest` gives it."""
    gross = trades.profit.sum(axis=1) + trades.hedge_profit
    cost = trades.cost.sum(axis=1) + trades.hedge_cost
    held = trades.held
    bars = pd.DataFrame(
        {
            "gross_return": gross,
            "net_return": gross - cost,
            "turnover": trades.turnover,
            "exposure": np.abs(held).sum(axis=1),
            "n_long": (held > 0.0).sum(axis=1).astype(float),
            "n_short": (held < 0.0).sum(axis=1).astype(float),
            "benchmark_return": np.nan if grid.benchmark is None else grid.benchmark,
        },
        index=grid.ts,
    ).iloc[trades.span]
    return _by_day(bars, market)


@dataclass(frozen=True)
class Trades:
    """What was held and what came of it, bar by bar; all as fractions of the capital.

    Attributes:
        before: Held into each bar (T, N).
        held: Held after it (T, N).
        profit: What was earned in it on what was held into it (T, N).
        traded: Bought and sold in it, a positive value (T, N).
        trading_cost: Of what was bought and sold in it, its impact included (T, N).
        impact_cost: That part of it by which large trades move prices (T, N).
        borrowing: Fee for what was sold short (T, N).
        roll_over: Fee for what was held over night (T, N).
        hedge_profit: What the hedge with the benchmark earned (T).
        hedge_cost: What trading the hedge cost (T).
        turnover: Value traded, both sides, hedge included (T).
        span: The bars from the first to the last possible position.
    """

    before: Matrix
    held: Matrix
    profit: Matrix
    traded: Matrix
    trading_cost: Matrix
    impact_cost: Matrix
    borrowing: Matrix
    roll_over: Matrix
    hedge_profit: Vector
    hedge_cost: Vector
    turnover: Vector
    span: slice

    @property
    def cost(self) -> Matrix:
        """All that trading and holding an instrument cost (T, N); the hedge is not in it."""
        return self.trading_cost + self.borrowing + self.roll_over


def trade(
    predictions: pd.DataFrame,
    grid: PriceGrid,
    market: Market,
    horizon: int,
    rules: BacktestRules,
    strategy: str = QUANTILE,
) -> Trades:
    """Trade one model's predictions, and keep of each instrument what came of it; arguments as :func:`run_backtest`.

    Raises:
        DataError: If a prediction has no bar, or no prediction is given.
    """
    probability = prediction_matrix(predictions, grid)
    decided = STRATEGIES[strategy](Outlook(probability, grid.returns, grid.side_cost), rules)
    decided[market.is_masked(grid.ts)] = 0.0
    return trade_weights(
        decided, grid, market, horizon, rules, slice(*_span(predictions, grid, horizon, rules.entry_lag))
    )


def trade_weights(
    decided: Matrix, grid: PriceGrid, market: Market, horizon: int, rules: BacktestRules, span: slice
) -> Trades:
    """Trade weights that were decided at the close of each bar, whoever decided them.

    Args:
        decided: Shares of the capital, above 0 to buy and below to sell (T, N).
        grid: Prices of the same market.
        market: Its bars per year say what a year of borrowing is.
        horizon: Bars that each decision is held for; of each, one ``horizon``-th of the capital.
        rules: What trading costs.
        span: The bars from the first to the last possible position.
    """
    held = _hold(decided, grid, horizon, rules)
    before = np.vstack([np.zeros((1, held.shape[1])), held[:-1]])
    traded = np.abs(held - before)
    hedge_profit, hedge_cost, turnover = np.zeros(len(held)), np.zeros(len(held)), traded.sum(axis=1)
    if grid.benchmark is not None:
        hedge = -held.sum(axis=1)
        hedged = np.concatenate([[0.0], hedge[:-1]])
        changed = np.abs(hedge - hedged)
        hedge_profit, hedge_cost, turnover = hedged * grid.benchmark, changed * rules.hedge_bp / 1e4, turnover + changed
    impact_cost = traded * grid.impact * np.sqrt(traded)
    return Trades(
        before,
        held,
        before * grid.returns,
        traded,
        traded * grid.side_cost + impact_cost,
        impact_cost,
        np.maximum(-before, 0.0) * (rules.borrow_bp / 1e4 / market.bars_per_year),
        _roll_over(before, grid.ts, market, rules),
        hedge_profit,
        hedge_cost,
        turnover,
        span,
    )


def _codes(values: pd.Series) -> tuple[np.ndarray[Any, Any], pd.Index]:
    codes, uniques = pd.factorize(values, sort=True)
    return codes, pd.Index(uniques)


def prediction_matrix(predictions: pd.DataFrame, grid: PriceGrid) -> Matrix:
    """Probabilities as a matrix (T, N), NaN where nothing was said.

    Raises:
        DataError: If a prediction has no bar, or no prediction is given.
    """
    if predictions.empty:
        raise DataError("There is no prediction to trade.")
    rows = grid.ts.get_indexer(pd.DatetimeIndex(predictions[TS]))
    columns = grid.instruments.get_indexer(pd.Index(predictions[INSTRUMENT]))
    if (homeless := (rows < 0) | (columns < 0)).any():
        example = predictions.loc[homeless, [TS, INSTRUMENT]].iloc[0]
        raise DataError(
            f"{int(homeless.sum())} predictions have no bar, such as {example[INSTRUMENT]} at {example[TS]}; "
            "predictions and bars must come from the same run."
        )
    matrix = np.full((len(grid.ts), len(grid.instruments)), np.nan)
    matrix[rows, columns] = predictions["probability"].to_numpy(float)
    return matrix


def _roll_over(before: Matrix, ts: pd.DatetimeIndex, market: Market, rules: BacktestRules) -> Matrix:
    if rules.roll_over_bp == 0.0:
        return np.zeros_like(before)
    # Who trades at the open of a bar holds from there to the open of the next.
    filled = ts - market.bar if rules.execution == "open" else ts
    return np.abs(before) * (nights_between(filled) * rules.roll_over_bp / 1e4 / NIGHTS_PER_YEAR)[:, None]


def _hold(decided: Matrix, grid: PriceGrid, horizon: int, rules: BacktestRules) -> Matrix:
    """What is held after each bar: wanted positions where there is a price, else what was held before."""
    lag = rules.entry_lag
    entered = np.zeros_like(decided)
    entered[lag:] = decided[:-lag] * grid.tradable[lag:]
    wanted = entered.copy()
    for age in range(1, horizon):
        wanted[age:] += entered[:-age]
    if rules.no_trade_band > 0.0 or rules.max_turnover is not None:
        return _held_calmly(wanted / horizon, grid, rules)
    changed = np.where(grid.tradable, np.arange(len(wanted))[:, None], -1)
    since = np.maximum.accumulate(changed, axis=0)
    held = np.where(since >= 0, np.take_along_axis(wanted, since.clip(min=0), axis=0), 0.0)
    return np.where(grid.ended, 0.0, held) / horizon


def _held_calmly(wanted: Matrix, grid: PriceGrid, rules: BacktestRules) -> Matrix:
    """The same where small changes are not traded, and no bar trades more than is allowed."""
    held, now = np.zeros_like(wanted), np.zeros(wanted.shape[1])
    for row, target in enumerate(wanted):
        change = np.where(grid.tradable[row], target - now, 0.0)
        change[(np.abs(change) < rules.no_trade_band) & (target != 0.0)] = 0.0
        total = float(np.abs(change).sum())
        if rules.max_turnover is not None and total > rules.max_turnover:
            change *= rules.max_turnover / total
        now = np.where(grid.ended[row], 0.0, now + change)
        held[row] = now
    return held


def _span(predictions: pd.DataFrame, grid: PriceGrid, horizon: int, lag: int) -> tuple[int, int]:
    first, last = grid.ts.get_indexer(pd.DatetimeIndex([predictions[TS].min(), predictions[TS].max()]))
    return int(first) + lag, min(int(last) + lag + horizon, len(grid.ts) - 1) + 1


def trading_day(ts: pd.DatetimeIndex, market: Market) -> pd.DatetimeIndex:
    """The day that a bar counts to, by its close."""
    day = ts.floor("D")
    if market.bar_minutes < 1440:
        # The last hours of a Sunday open Monday's session; alone they would count as a day of their own.
        day = day.where(day.day_of_week != 6, day + pd.Timedelta(days=1))
    return day


def _by_day(bars: pd.DataFrame, market: Market) -> pd.DataFrame:
    days = bars.groupby(trading_day(pd.DatetimeIndex(bars.index), market))
    daily = pd.concat([days[list(SUMMED)].sum(min_count=1), days[list(AVERAGED)].mean()], axis=1)
    return daily.rename_axis(TS).reset_index()
