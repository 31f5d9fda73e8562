"""The paper book: what acting upon signals would have earned after costs, by window, and where that came from.

It trades as the backtest does and by its rules: a signal of one bar is filled in the next, positions of one side weigh
the same, every traded side costs, and what is held is worth what prices say at the newest bar. Nothing else is known to
it. The capital is the same every day, so that profits add up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import TS
from finq_predictor.domain.evaluation.backtest import PriceGrid, Trades, make_price_grid, trade, trading_day
from finq_predictor.domain.evaluation.performance import days_per_year, max_drawdown, measures
from finq_predictor.domain.evaluation.positions import strategy_for
from finq_predictor.domain.evaluation.profit_parts import HEDGE, REST, newest_sectors
from finq_predictor.domain.evaluation.realised import FEWEST_DAYS, judge
from finq_predictor.domain.evaluation.signal_record import Dimension, Figure, Reading
from finq_predictor.domain.evaluation.trading_rules import BacktestRules
from finq_predictor.domain.evaluation.windows import LONGEST, WINDOWS
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.modelling.refusals import AbstentionRules

SHOWN = 5
"""So many of the instruments that earned most, and of those that lost most, have a name; the rest is one part."""
_PARTS_OF_A_DAY = 4
_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class TradingTerms:
    """How a market is traded on paper.

    Attributes:
        strategy: A key of ``STRATEGIES``; empty lets the number of instruments decide.
        rules: Positions and costs.
        abstention: What is not acted upon.
    """

    strategy: str
    rules: BacktestRules
    abstention: AbstentionRules = field(default_factory=AbstentionRules)

    @classmethod
    def usual(cls, market: Market) -> TradingTerms:
        """Those of a market for which nothing was agreed."""
        return cls("", BacktestRules(entry_lag=max(1, market.entry_lag)))


@dataclass(frozen=True)
class PaperBook:
    """A book as it stands at the newest bar.

    Attributes:
        strategy: How it was traded.
        pieces: ``day``, ``instrument``, ``sector``, ``side``, ``hours`` and ``net_return``, a fraction of the capital:
            one row for each instrument and bar in which anything was earned or paid.
        days: The days on which it held something, or something was said, ascending.
    """

    strategy: str
    pieces: pd.DataFrame
    days: pd.DatetimeIndex


def keep_book(
    statements: pd.DataFrame,
    bars: pd.DataFrame,
    benchmark: pd.DataFrame | None,
    horizon: int,
    terms: TradingTerms,
    market: Market,
) -> PaperBook | None:
    """Trade on signals, up to the newest bar.

    Args:
        statements: ``ts``, ``instrument``, ``probability``, ``decision``, and the other columns of
            :func:`~finq_predictor.domain.evaluation.realised.judge`; what is not to be acted upon, or was known when
            it was said, is not traded.
        bars: Silver bars.
        benchmark: Of the market, where it has one.
        horizon: Bars that a position is held.
        terms: How is traded.
        market: The market.

    Returns:
        The book; None where no signal lies within the longest window.

    Raises:
        DataError: If a signal has no bar.
    """
    newest = bars[TS].max()
    acted = statements[judge(statements).isin(["matured", "waiting", "ties"]) & (statements[TS] <= newest)]
    acted = acted[acted[TS] > newest - LONGEST]
    if acted.empty:
        return None
    # Strategies learn how far prices usually move from the bars before.
    since = acted[TS].min() - terms.rules.move_bars * market.bar * 2
    kept = bars[bars[TS] >= since]
    grid = make_price_grid(kept, terms.rules, market, benchmark)
    strategy = terms.strategy or strategy_for(acted, terms.rules)
    trades = trade(acted, grid, market, horizon, terms.rules, strategy)
    spoken = statements.loc[(statements[TS] > newest - LONGEST) & (statements[TS] <= newest), TS]
    busy = grid.ts[(trades.before != 0.0).any(axis=1) | grid.ts.isin(spoken)]
    days = trading_day(busy, market).unique().sort_values()
    return PaperBook(strategy, _pieces(trades, grid, newest_sectors(kept), market), pd.DatetimeIndex(days))


def book_readings(book: PaperBook, as_of: pd.Timestamp, capital: float, market: Market) -> tuple[Reading, ...]:
    """Read a book by window.

    Args:
        book: The book.
        as_of: The newest bar.
        capital: In US dollars.
        market: Its days per year annualise.

    Returns:
        For each window with a day of the book: ``days``, ``pnl`` in US dollars, ``drawdown`` as a share of the capital,
        the parts of the profit (``attribution``), and ``sharpe``, annualised, where there are ``FEWEST_DAYS`` days and
        profits differ from day to day.
    """
    return tuple(reading for window in WINDOWS for reading in _of_window(book, as_of, window, capital, market))


def _of_window(book: PaperBook, as_of: pd.Timestamp, window: str, capital: float, market: Market) -> Iterator[Reading]:
    # A day counts to a window when it began within it: what is earned between two bars is dated at the second.
    last = trading_day(pd.DatetimeIndex([as_of]), market)[0]
    days = book.days[(book.days > last - WINDOWS[window]) & (book.days <= last)]
    if days.empty:
        return
    pieces = book.pieces[book.pieces["day"].isin(days)]
    daily = pieces.groupby("day")["net_return"].sum().reindex(days, fill_value=0.0).to_numpy(float)
    yield Reading(Figure.DAYS, float(len(days)), window)
    yield Reading(Figure.PNL, capital * float(daily.sum()), window)
    yield Reading(Figure.DRAWDOWN, max_drawdown(daily), window)
    sharpe = measures(daily, days_per_year(market), trials=1)["sharpe"] if len(days) >= FEWEST_DAYS else np.nan
    if np.isfinite(sharpe):
        yield Reading(Figure.SHARPE, float(sharpe), window)
    for dimension, parts in _divided(pieces).items():
        for part, earned in parts.items():
            yield Reading(Figure.ATTRIBUTION, capital * earned, window, str(part), dimension.value)


def _divided(pieces: pd.DataFrame) -> Mapping[Dimension, Mapping[str, float]]:
    """Of each dimension that the pieces have, what each part earned."""
    found = {}
    for dimension in Dimension:
        named = pieces[dimension.value]
        if named.isna().all():
            continue
        earned = pieces["net_return"].groupby(named.fillna(REST)).sum()
        if dimension is Dimension.INSTRUMENT:
            earned = _outstanding(earned)
        found[dimension] = {str(part): float(value) for part, value in earned.items()}
    return found


def _outstanding(earned: pd.Series) -> pd.Series:
    """Those that earned most and least by name, the hedge by name, and what is left as one part."""
    hedge = earned[earned.index == HEDGE]
    ranked = earned.drop(HEDGE, errors="ignore").sort_values(ascending=False, kind="stable")
    if len(ranked) <= 2 * SHOWN:
        return pd.concat([ranked, hedge])
    rest = pd.Series({REST: ranked.iloc[SHOWN:-SHOWN].sum()})
    return pd.concat([ranked.iloc[:SHOWN], ranked.iloc[-SHOWN:], rest, hedge])


def _pieces(trades: Trades, grid: PriceGrid, sectors: pd.Series | None, market: Market) -> pd.DataFrame:
    span = trades.span
    net = (trades.profit - trades.cost)[span]
    before, held = trades.before[span], trades.held[span]
    rows, columns = np.nonzero(net)
    # What is paid for a trade counts to the side that is left, and out of nothing to the side that is entered.
    sign = np.where(before[rows, columns] != 0.0, before[rows, columns], held[rows, columns])
    names = pd.Series(grid.instruments[columns], dtype="object")
    named = None if sectors is None else names.map(sectors).to_numpy(object)
    sides = np.where(sign > 0.0, "long", "short")
    traded = _table(grid, rows + span.start, names, sides, named, net[rows, columns], market)
    if grid.benchmark is None:
        return traded
    hedge = (trades.hedge_profit - trades.hedge_cost)[span]
    at = np.flatnonzero(hedge)
    what = pd.Series([HEDGE] * len(at), dtype="object")
    hedged = _table(grid, at + span.start, what, what, None if sectors is None else what, hedge[at], market)
    return pd.concat([traded, hedged], ignore_index=True) if len(hedged) else traded


def _table(
    grid: PriceGrid,
    rows: np.ndarray,
    names: pd.Series,
    sides: object,
    sectors: object,
    net: np.ndarray,
    market: Market,
) -> pd.DataFrame:
    ts = grid.ts[rows]
    hours = 24 // _PARTS_OF_A_DAY
    began = (ts - market.bar).hour // hours * hours
    within_a_day = market.bar < _DAY
    return pd.DataFrame(
        {
            "day": trading_day(ts, market),
            Dimension.INSTRUMENT.value: names,
            Dimension.SECTOR.value: pd.Series(sectors, index=range(len(ts)), dtype="object"),
            Dimension.SIDE.value: pd.Series(sides, dtype="object"),
            Dimension.HOURS.value: pd.Series(
                [f"{hour:02d}-{hour + hours:02d}" for hour in began] if within_a_day else None,
                index=range(len(ts)),
                dtype="object",
            ),
            "net_return": net,
        }
    )
