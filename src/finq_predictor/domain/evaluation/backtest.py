"""What the predictions would have earned: next-bar execution, costs on every traded side, no hindsight.

Execution timing. A probability known at the close of bar t is traded one bar later: at the close of bar t+1
(``execution="close"``) or at its open (``execution="open"``), and held for ``horizon`` bars. With a horizon of h, one
h-th of the capital is renewed at every bar, so h overlapping tranches run side by side. Profit is dated at the close of
the bar in which it is earned; the cost of a trade at the bar in which it is traded. Profits are added, not compounded:
the capital at work is the same every day.

Who trades does not know what comes: every prediction is traded, whether or not its outcome is ever known. An order is
filled only where there is a price; who holds what has none keeps it until the next one. An instrument whose prices
end for good is left at the return of a delisting, dated at the bar after its last price.

References: overlapping portfolios, Jegadeesh and Titman (1993); what a delisting costs, Shumway (1997).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.errors import ConfigurationError, DataError
from finq_predictor.domain.evaluation.performance import summarise
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.tables import BACKTEST, BACKTEST_SUMMARY

QUANTILE = "quantile"
THRESHOLD = "threshold"
STRATEGIES = (QUANTILE, THRESHOLD)
SUMMED = ("gross_return", "net_return", "turnover")
AVERAGED = ("exposure", "n_long", "n_short")


@dataclass(frozen=True)
class BacktestRules:
    """How predictions are turned into positions, and what trading costs.

    Attributes:
        execution: ``"close"`` or ``"open"``: the price of the next bar at which orders are filled.
        entry_lag: Bars between the decision and the fill; at least 1.
        quantile: Share of the instruments that is bought at the top and sold at the bottom.
        min_instruments: Fewer predictions than this at one time give no ranking and no long-short position.
        long_above: The threshold strategy buys above this probability.
        short_below: The threshold strategy sells below this probability.
        max_weight: Largest share of capital in one instrument under the threshold strategy.
        cost_bp: Commission and half the spread per traded side, in basis points, where there are no quotes.
        slippage_bp: Added to every traded side, in basis points.
        use_quotes: Charge half the quoted spread instead of ``cost_bp`` where bid and ask are known.
        masked_hours_utc: Decisions in these hours open no position (roll-over).
        delisting_return: What a holder gets beyond the last price of an instrument that ends; None takes the market's.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    execution: str = "close"
    entry_lag: int = 1
    quantile: float = 0.1
    min_instruments: int = 5
    long_above: float = 0.6
    short_below: float = 0.4
    max_weight: float = 0.1
    cost_bp: float = 5.0
    slippage_bp: float = 1.0
    use_quotes: bool = True
    masked_hours_utc: tuple[int, ...] = ()
    delisting_return: float | None = None

    def __post_init__(self) -> None:
        """Refuse rules that look ahead or cannot be traded."""
        if self.execution not in ("close", "open"):
            raise ConfigurationError(f"execution is {self.execution!r}; expected 'close' or 'open'.")
        if self.entry_lag < 1:
            raise ConfigurationError(
                f"entry_lag is {self.entry_lag}; a decision at a close can be filled in the next bar at best."
            )
        if not 0.0 < self.quantile <= 0.5:
            raise ConfigurationError(f"quantile is {self.quantile}; expected more than 0 and at most 0.5.")
        if self.short_below > self.long_above:
            raise ConfigurationError(f"short_below {self.short_below} is above long_above {self.long_above}.")
        if min(self.cost_bp, self.slippage_bp) < 0.0:
            raise ConfigurationError(f"cost_bp {self.cost_bp} and slippage_bp {self.slippage_bp} must not be negative.")
        if self.delisting_return is not None and self.delisting_return < -1.0:
            raise ConfigurationError(
                f"delisting_return is {self.delisting_return}; nothing loses more than all of it, -1."
            )


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
    """

    ts: pd.DatetimeIndex
    instruments: pd.Index
    returns: Matrix
    tradable: np.ndarray[Any, np.dtype[np.bool_]]
    ended: np.ndarray[Any, np.dtype[np.bool_]]
    side_cost: Matrix


def make_price_grid(bars: pd.DataFrame, rules: BacktestRules, market: Market) -> PriceGrid:
    """Arrange silver bars for a backtest.

    Args:
        bars: ``ts``, ``instrument``, ``close``, ``open`` and, where known, ``adj_close``, ``bid_open``, ``ask_open``
            (or the same
            of the close). Prices are adjusted by ``adj_close / close`` where that column is present.
        rules: Which price is traded and what it costs.
        market: Whether and after how long instruments end.

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
    return PriceGrid(
        pd.DatetimeIndex(ts), pd.Index(instruments), returns, np.isfinite(price), ended, cost + rules.slippage_bp / 1e4
    )


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
        strategy: ``"quantile"`` or ``"threshold"``.

    Returns:
        One row per day from the first to the last possible position: ``ts`` (the day), ``gross_return``,
        ``net_return`` (fractions of
        capital), ``turnover`` (traded value over capital, both sides), ``exposure`` (mean gross), ``n_long``,
        ``n_short`` (means).

    Raises:
        DataError: If a prediction has no bar, or no prediction is given.
    """
    decided = _decide_weights(_prediction_matrix(predictions, grid), grid.ts, rules, strategy)
    held = _hold(decided, grid, horizon, rules.entry_lag)
    first, last = _span(predictions, grid, horizon, rules.entry_lag)
    before = np.vstack([np.zeros((1, held.shape[1])), held[:-1]])
    traded = np.abs(held - before)
    gross = (before * grid.returns).sum(axis=1)
    bars = pd.DataFrame(
        {
            "gross_return": gross,
            "net_return": gross - (traded * grid.side_cost).sum(axis=1),
            "turnover": traded.sum(axis=1),
            "exposure": np.abs(held).sum(axis=1),
            "n_long": (held > 0.0).sum(axis=1).astype(float),
            "n_short": (held < 0.0).sum(axis=1).astype(float),
        },
        index=grid.ts,
    ).iloc[first:last]
    return _by_day(bars, market)


def _codes(values: pd.Series) -> tuple[np.ndarray[Any, Any], pd.Index]:
    codes, uniques = pd.factorize(values, sort=True)
    return codes, pd.Index(uniques)


def _prediction_matrix(predictions: pd.DataFrame, grid: PriceGrid) -> Matrix:
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


def _decide_weights(probability: Matrix, ts: pd.DatetimeIndex, rules: BacktestRules, strategy: str) -> Matrix:
    if strategy == QUANTILE:
        long, short = _quantile_sides(probability, rules)
        weights = 0.5 * (_share(long) - _share(short))
    elif strategy == THRESHOLD:
        sign = (probability > rules.long_above).astype(float) - (probability < rules.short_below)
        active = np.abs(sign).sum(axis=1, keepdims=True)
        weights = sign * np.minimum(1.0 / np.maximum(active, 1.0), rules.max_weight)
    else:
        raise ConfigurationError(f"Unknown strategy {strategy!r}; known: {', '.join(STRATEGIES)}.")
    if rules.masked_hours_utc:
        weights[np.isin(ts.hour, rules.masked_hours_utc)] = 0.0
    return np.asarray(weights, dtype=np.float64)


def _quantile_sides(probability: Matrix, rules: BacktestRules) -> tuple[Matrix, Matrix]:
    # Ties share their average rank: a model that says the same of everything ranks nothing and trades nothing.
    known = np.isfinite(probability).sum(axis=1, keepdims=True)
    rank = pd.DataFrame(probability).rank(axis=1).to_numpy()
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(known >= rules.min_instruments, (rank - 0.5) / known, np.nan)
    edge = 1e-12
    long, short = share >= 1.0 - rules.quantile - edge, share <= rules.quantile + edge
    both = long.any(axis=1, keepdims=True) & short.any(axis=1, keepdims=True)
    return (long & both).astype(float), (short & both).astype(float)


def _share(chosen: Matrix) -> Matrix:
    share: Matrix = chosen / np.maximum(chosen.sum(axis=1, keepdims=True), 1.0)
    return share


def _hold(decided: Matrix, grid: PriceGrid, horizon: int, lag: int) -> Matrix:
    """What is held after each bar: wanted positions where there is a price, else what was held before."""
    entered = np.zeros_like(decided)
    entered[lag:] = decided[:-lag] * grid.tradable[lag:]
    wanted = entered.copy()
    for age in range(1, horizon):
        wanted[age:] += entered[:-age]
    changed = np.where(grid.tradable, np.arange(len(wanted))[:, None], -1)
    since = np.maximum.accumulate(changed, axis=0)
    held = np.where(since >= 0, np.take_along_axis(wanted, since.clip(min=0), axis=0), 0.0)
    return np.where(grid.ended, 0.0, held) / horizon


def _span(predictions: pd.DataFrame, grid: PriceGrid, horizon: int, lag: int) -> tuple[int, int]:
    first, last = grid.ts.get_indexer(pd.DatetimeIndex([predictions[TS].min(), predictions[TS].max()]))
    return int(first) + lag, min(int(last) + lag + horizon, len(grid.ts) - 1) + 1


def _by_day(bars: pd.DataFrame, market: Market) -> pd.DataFrame:
    day = bars.index.floor("D")
    if market.bar_minutes < 1440:
        # The last hours of a Sunday open Monday's session; alone they would count as a day of their own.
        day = day.where(day.day_of_week != 6, day + pd.Timedelta(days=1))
    how = dict.fromkeys(SUMMED, "sum") | dict.fromkeys(AVERAGED, "mean")
    return bars.groupby(day).agg(how).rename_axis(TS).reset_index()


def backtest_models(
    oos: pd.DataFrame,
    bars: pd.DataFrame,
    market: Market,
    horizon: int,
    rules: BacktestRules,
    trials: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Trade every model under every strategy.

    Args:
        oos: ``ts``, ``instrument``, ``model``, ``probability``.
        bars: Silver bars of the same market.
        market: The market.
        horizon: Holding period in bars.
        rules: Positions and costs.
        trials: True number of configurations tried.

    Returns:
        Daily results with ``model`` and ``strategy``, and the measures with ``model``, ``strategy``, ``measure``,
        ``gross``, ``net``.
    """
    since = oos[TS].min()
    grid = make_price_grid(bars.loc[bars[TS] >= since], rules, market)
    daily, summary = [], []
    for model, predictions in oos.groupby("model", sort=True):
        for strategy in STRATEGIES:
            result = run_backtest(predictions, grid, market, horizon, rules, strategy)
            named = {"model": str(model), "strategy": strategy}
            daily.append(result.assign(**named))
            summary.append(summarise(result, market, trials).assign(**named))
    return (
        BACKTEST.typed(pd.concat(daily, ignore_index=True)),
        BACKTEST_SUMMARY.typed(pd.concat(summary, ignore_index=True)),
    )
