"""What is to be predicted; the only module that looks forward."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Matrix, Positions
from finq_predictor.domain.columns import INSTRUMENT, TS, forward_return, label, label_end
from finq_predictor.domain.errors import ConfigurationError, DataError
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.panel import BENCHMARK_CLOSE, Panel


def make_labels(panel: Panel, market: Market, horizons: Iterable[int]) -> pd.DataFrame:
    """Label every bar with what followed it.

    The decision at bar t is entered at the close of bar ``t + market.entry_lag`` and left ``h`` bars later. Bars are
    those of the calendar: the first bar after a week-end is the next one, and a bar that is missing from the panel is
    counted all the same. Where the market has a benchmark, its simple return over the same time is subtracted.

    Who holds an instrument that has no price at the exit waits. It is left at its next price; if there is none for
    ``market.ended_after`` bars it has ended, and what is got for it is ``market.delisting_return`` beyond its last
    price, so that the last bars of a company that fails are learned from and traded like all others. Where instruments
    do not end (``delisting_return`` is None) an exit without a price gives no label.

    Args:
        panel: Bars, and ``benchmark_close`` where the market has a benchmark.
        market: The market.
        horizons: Bars from entry to exit.

    Returns:
        ``ts, instrument``, then per horizon ``forward_return_h`` (simple return; NaN where the entry, the exit or the
        benchmark has no price), ``label_h`` (1.0 when it is above zero, 0.0 when it is below; NaN where it is unknown
        or a tie, which is neither), ``label_end_h`` (when the outcome is known: time of the exit bar, of the later
        price, or of the bar that shows that there will be none; NaT where it lies after the panel). One row wherever an
        instrument has a close and is a member, see ``Panel.universe``, sorted; whoever leaves the index has prices on.

    Raises:
        DataError: If the benchmark is missing.
        ConfigurationError: If a horizon is not positive.

    Reference for what a delisting costs: Shumway (1997), The Delisting Bias in CRSP Data.
    """
    benchmark = panel.fields.get(BENCHMARK_CLOSE)
    if market.has_benchmark and benchmark is None:
        raise DataError(f"Labels of {market.name} are relative to a benchmark, and the panel has none; deliver one.")
    row, column = np.nonzero(panel.universe)
    names = np.array(panel.instruments, dtype=object)
    columns: dict[str, object] = {TS: panel.ts[row], INSTRUMENT: pd.array(names[column], dtype="str")}
    path = _Path.of(panel, market)
    for horizon in horizons:
        if horizon < 1:
            raise ConfigurationError(f"A label horizon of {horizon} bars looks at nothing; expected 1 or more.")
        values, ends = path.outcomes(row, column, market, horizon, benchmark)
        columns[forward_return(horizon)] = values
        columns[label(horizon)] = np.where(np.isnan(values) | (values == 0.0), np.nan, (values > 0.0).astype(float))
        columns[label_end(horizon)] = _times(panel.ts, ends)
    return pd.DataFrame(columns)


@dataclass(frozen=True)
class _Path:
    """Prices on the clock of the calendar.

    Attributes:
        close: (T, N) prices; NaN where there is none.
        number: (T,) number of each bar on the calendar's clock, increasing; a gap is a bar that is missing.
        before: (T, N) row of the last price up to a row; -1 where there was none.
        after: (T, N) row of the next price from a row on; T where there is none.
    """

    close: Matrix
    number: Positions
    before: Positions
    after: Positions

    @classmethod
    def of(cls, panel: Panel, market: Market) -> _Path:
        close = panel.fields["close"]
        steps = np.maximum(market.sessions.bars_between(panel.ts, market.bar), 1)
        rows = np.arange(len(close))[:, None]
        there = np.isfinite(close)
        before = np.maximum.accumulate(np.where(there, rows, -1), axis=0)
        after = np.minimum.accumulate(np.where(there, rows, len(close))[::-1], axis=0)[::-1]
        return cls(close, np.concatenate([[0], np.cumsum(steps)])[: len(close)], before, after)

    def outcomes(
        self, row: Positions, column: Positions, market: Market, horizon: int, benchmark: Matrix | None
    ) -> tuple[np.ndarray, Positions]:
        """Outcome of the decision at each cell, NaN where unknown, and the row at which it is known (T: not yet)."""
        size = len(self.close)
        entry, entered = self._rows_of(self.number[row] + market.entry_lag)
        leave, _ = self._rows_of(self.number[row] + market.entry_lag + horizon)
        exact = self._rows_of(self.number[row] + market.entry_lag + horizon)[1]
        seen = leave.clip(max=size - 1)
        price, end = self.close[seen, column], np.where(leave < size, leave, size)
        price = np.where(exact, price, np.nan)
        paid_until = end.copy()
        if market.delisting_return is not None:
            price, end, paid_until = self._waited(price, end, leave, column, market)
        bought = np.where(entered, self.close[entry.clip(max=size - 1), column], np.nan)
        values = price / bought - 1.0
        if benchmark is not None and market.has_benchmark:
            level = benchmark[:, 0]
            values = values - (level[paid_until.clip(max=size - 1)] / level[entry.clip(max=size - 1)] - 1.0)
        values[end >= size] = np.nan
        return values, end

    def _rows_of(self, number: Positions) -> tuple[Positions, np.ndarray]:
        """First row at or after each number, T where there is none, and whether it is that very bar."""
        rows = np.searchsorted(self.number, number)
        exact = np.append(self.number, -1)[rows] == number
        return rows, exact

    def _waited(
        self, price: np.ndarray, end: Positions, leave: Positions, column: Positions, market: Market
    ) -> tuple[np.ndarray, Positions, Positions]:
        """Prices, rows at which they are known and rows up to which the benchmark runs, for holders who had to wait."""
        size = len(self.close)
        price, end, until = price.copy(), end.copy(), end.copy()
        late = np.flatnonzero(np.isnan(price) & (leave < size))
        last = self.before[leave[late], column[late]]
        back = self.after[leave[late], column[late]]
        numbers = np.append(self.number, np.iinfo(np.int64).max)
        came_back = numbers[back] - self.number[last.clip(min=0)] <= market.ended_after
        some = late[came_back]
        price[some], end[some], until[some] = self.close[back[came_back], column[some]], *(back[came_back],) * 2
        gone, last = late[~came_back], last[~came_back]
        price[gone] = self.close[last, column[gone]] * (1.0 + (market.delisting_return or 0.0))
        shown, _ = self._rows_of(self.number[last] + market.ended_after)
        end[gone] = np.maximum(shown, leave[gone])
        return price, end, until


def _times(ts: pd.DatetimeIndex, rows: Positions) -> pd.DatetimeIndex:
    """Times of rows; NaT for those after the last."""
    nat = pd.DatetimeIndex([pd.NaT]).tz_localize("UTC").as_unit(ts.unit)
    return ts.append(nat)[rows.clip(max=len(ts))]
