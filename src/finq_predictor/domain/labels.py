"""What is to be predicted; the only module that looks forward."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Matrix
from finq_predictor.domain.columns import INSTRUMENT, TS, forward_return, label, label_end
from finq_predictor.domain.errors import ConfigurationError, DataError
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.panel import BENCHMARK_CLOSE, Panel


def make_labels(panel: Panel, market: Market, horizons: Iterable[int]) -> pd.DataFrame:
    """Label every bar with what followed it.

    The decision at bar t is entered at the close of bar ``t + market.entry_lag`` and left ``h`` bars later. Bars are
    the rows of the panel: the first bar after a week-end is the next bar. Where the market has a benchmark, its simple
    return over the same bars is subtracted.

    Args:
        panel: Bars, and ``benchmark_close`` where the market has a benchmark.
        market: The market.
        horizons: Bars from entry to exit.

    Returns:
        ``ts, instrument``, then per horizon ``forward_return_h`` (simple return; NaN where the entry, the exit or the
        benchmark has no price), ``label_h`` (1.0 when it is above zero, else 0.0; NaN where unknown), ``label_end_h``
        (time of the exit bar; NaT where it lies after the panel). One row wherever an instrument has a close, sorted.

    Raises:
        DataError: If the benchmark is missing.
        ConfigurationError: If a horizon is not positive.
    """
    benchmark = panel.fields.get(BENCHMARK_CLOSE)
    if market.has_benchmark and benchmark is None:
        raise DataError(f"Labels of {market.name} are relative to a benchmark, and the panel has none; deliver one.")
    close = panel.fields["close"]
    row, column = np.nonzero(np.isfinite(close))
    names = np.array(panel.instruments, dtype=object)
    columns: dict[str, object] = {TS: panel.ts[row], INSTRUMENT: pd.array(names[column], dtype="str")}
    for horizon in horizons:
        if horizon < 1:
            raise ConfigurationError(f"A label horizon of {horizon} bars looks at nothing; expected 1 or more.")
        outcome = _forward(close, market.entry_lag, horizon)
        if market.has_benchmark and benchmark is not None:
            outcome = outcome - _forward(benchmark, market.entry_lag, horizon)
        values = outcome[row, column]
        columns[forward_return(horizon)] = values
        columns[label(horizon)] = np.where(np.isnan(values), np.nan, (values > 0.0).astype(np.float64))
        columns[label_end(horizon)] = _exit_times(panel.ts, market.entry_lag + horizon)[row]
    return pd.DataFrame(columns)


def _forward(price: Matrix, lag: int, horizon: int) -> Matrix:
    result = np.full(price.shape, np.nan)
    last = len(price) - lag - horizon
    if last > 0:
        result[:last] = price[lag + horizon :] / price[lag : lag + last] - 1.0
    return result


def _exit_times(ts: pd.DatetimeIndex, bars: int) -> pd.DatetimeIndex:
    later = ts[bars:]
    return later.append(pd.DatetimeIndex([pd.NaT] * (len(ts) - len(later))).tz_localize("UTC").as_unit(ts.unit))
