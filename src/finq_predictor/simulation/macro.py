"""Macro series with the time of their release and later revisions."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import UTC_MICROSECONDS, WALL_MICROSECONDS
from finq_predictor.simulation.config import EquityMarketConfig, FxMarketConfig
from finq_predictor.simulation.factors import BURN_IN, EquityFactors
from finq_predictor.simulation.seeding import stream
from finq_predictor.simulation.sessions import NEW_YORK

COLUMNS = ["series", "period", "value", "released_at"]
MEETING_MONTHS = (1, 3, 5, 6, 7, 9, 11, 12)


def equity_macro(config: EquityMarketConfig, factors: EquityFactors) -> pd.DataFrame:
    """Macro series of an equity market: policy_rate, yields, vix_index, cpi, unemployment, jobless_claims.

    Args:
        config: The market.
        factors: Its common part; vix_index follows its volatility.

    Returns:
        series, period, value (per cent, index points or thousands), released_at; sorted by release. Each series says
        nothing about later returns.
    """
    dates = factors.dates
    draw = stream(config.seed, "macro.usd")
    meetings, rate = _policy_rate(draw, dates)
    daily = _step(meetings, rate, dates)
    slope = _walk(draw, len(dates), 1.0, 0.02, 0.997)
    level = daily + _walk(draw, len(dates), 0.3, 0.03, 0.995)
    noise = np.exp(0.06 * draw.standard_normal(len(dates)))
    fear = 100.0 * 0.0125 * np.sqrt(252.0 * (0.35 + 0.65 * factors.variance[BURN_IN:])) * noise
    after = pd.Series(factors.closes + pd.Timedelta(minutes=15))
    tables = [
        _table("policy_rate", meetings, rate, _at(meetings, 14, 0)),
        _table("yield_2y", dates, level, after),
        _table("yield_10y", dates, level + slope, after),
        _table("vix_index", dates, fear, after),
        *_monthly(draw, dates, {"cpi": _prices(draw, dates), "unemployment": _unemployment(draw, dates)}),
        *_claims(draw, dates),
    ]
    return _sorted(tables)


def fx_macro(config: FxMarketConfig, currencies: Iterable[str], hours: pd.DatetimeIndex) -> pd.DataFrame:
    """Macro series of a currency market: policy_rate, cpi and unemployment of every currency.

    Args:
        config: The market.
        currencies: Currencies of its pairs.
        hours: Hours of the market, UTC.

    Returns:
        series (``policy_rate_usd`` ...), period, value, released_at, sorted by release; unrelated to later returns.
    """
    dates = pd.DatetimeIndex(pd.date_range(hours[0].date(), hours[-1].date(), freq="B")).astype(WALL_MICROSECONDS)
    tables = []
    for currency in currencies:
        draw = stream(config.seed, f"macro.fx.{currency}")
        meetings, rate = _policy_rate(draw, dates)
        suffix = currency.lower()
        tables.append(_table(f"policy_rate_{suffix}", meetings, rate, _at(meetings, 14, 0)))
        values = {f"cpi_{suffix}": _prices(draw, dates), f"unemployment_{suffix}": _unemployment(draw, dates)}
        tables.extend(_monthly(draw, dates, values))
    return _sorted(tables)


def _policy_rate(draw: np.random.Generator, dates: pd.DatetimeIndex) -> tuple[pd.DatetimeIndex, np.ndarray]:
    """Eight meetings a year, on the third Wednesday; steps of a quarter that tend to repeat."""
    months = _months(dates)
    wednesdays = months + pd.to_timedelta((2 - months.day_of_week) % 7 + 14, unit="D")
    meetings = wednesdays[months.month.isin(MEETING_MONTHS) & (wednesdays <= dates[-1])]
    rate, direction, level = np.empty(len(meetings)), 0.0, 1.5 + 0.25 * float(draw.integers(0, 9))
    for number in range(len(meetings)):
        if draw.random() < 0.3:
            direction = _pull(level) or float(draw.choice([-1.0, 0.0, 0.0, 1.0]))
        level = min(max(level + 0.25 * direction, 0.0), 8.0)
        rate[number] = level
    return meetings, rate


def _pull(level: float) -> float:
    """Rates at the edge of what is usual turn back."""
    return 1.0 if level < 0.5 else -1.0 if level > 5.0 else 0.0


def _prices(draw: np.random.Generator, dates: pd.DatetimeIndex) -> np.ndarray:
    months = len(_months(dates))
    inflation = _walk(draw, months, 0.0022, 0.0009, 0.85)
    return np.asarray(250.0 * np.exp(np.cumsum(inflation)))


def _unemployment(draw: np.random.Generator, dates: pd.DatetimeIndex) -> np.ndarray:
    return np.asarray(np.clip(_walk(draw, len(_months(dates)), 4.8, 0.15, 0.97), 2.5, 14.0))


def _monthly(
    draw: np.random.Generator, dates: pd.DatetimeIndex, values: dict[str, np.ndarray]
) -> Iterable[pd.DataFrame]:
    """First estimates in the month after, and a revision a month later."""
    periods = _months(dates)
    for series, final in values.items():
        prices = series.startswith("cpi")
        error = draw.standard_normal(len(final)) * (0.0004 * final if prices else 0.06)
        day = 10 if prices else 4
        for offset, value in ((1, final + error), (2, final)):
            release = periods + pd.DateOffset(months=offset) + pd.Timedelta(days=day)
            release = release + pd.to_timedelta(np.maximum(release.day_of_week - 4, 0) % 3, unit="D")
            yield _table(series, periods, np.round(value, 3 if prices else 1), _at(release, 8, 30))


def _claims(draw: np.random.Generator, dates: pd.DatetimeIndex) -> Iterable[pd.DataFrame]:
    """Weekly claims for unemployment benefit, out on Thursday, revised a week later."""
    saturdays = pd.DatetimeIndex(pd.date_range(dates[0], dates[-1], freq="W-SAT")).astype(WALL_MICROSECONDS)
    final = 230.0 * np.exp(_walk(draw, len(saturdays), 0.0, 0.03, 0.97))
    first = final * (1.0 + 0.01 * draw.standard_normal(len(final)))
    for days, value in ((5, first), (12, final)):
        yield _table("jobless_claims", saturdays, np.round(value, 0), _at(saturdays + pd.Timedelta(days=days), 8, 30))


def _walk(draw: np.random.Generator, size: int, mean: float, step: float, memory: float) -> np.ndarray:
    """A mean-reverting walk: memory near one wanders far."""
    value, path = mean, np.empty(size)
    for number, shock in enumerate(draw.standard_normal(size)):
        value = mean + memory * (value - mean) + step * shock
        path[number] = value
    return path


def _months(dates: pd.DatetimeIndex) -> pd.DatetimeIndex:
    """First days of the months before the last date, from two months before the first date."""
    first = dates[0].replace(day=1) - pd.DateOffset(months=2)
    return pd.DatetimeIndex(pd.date_range(first, dates[-1], freq="MS")).astype(WALL_MICROSECONDS)


def _step(known: pd.DatetimeIndex, values: np.ndarray, dates: pd.DatetimeIndex) -> np.ndarray:
    place = np.searchsorted(known.to_numpy(), dates.to_numpy(), side="right") - 1
    return np.asarray(values[np.clip(place, 0, len(values) - 1)])


def _at(days: pd.DatetimeIndex, hour: int, minute: int) -> pd.Series:
    local = pd.DatetimeIndex(days) + pd.Timedelta(hours=hour, minutes=minute)
    return pd.Series(local.tz_localize(NEW_YORK).tz_convert("UTC").astype(UTC_MICROSECONDS))


def _table(series: str, periods: pd.DatetimeIndex, values: np.ndarray, released: pd.Series) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "series": pd.Series([series] * len(periods), dtype="str"),
            "period": pd.DatetimeIndex(periods).astype(WALL_MICROSECONDS),
            "value": np.round(values, 4),
            "released_at": released.array,
        }
    )


def _sorted(tables: list[pd.DataFrame]) -> pd.DataFrame:
    frame = pd.concat(tables, ignore_index=True)
    return frame.sort_values(["released_at", "series", "period"], ignore_index=True)[COLUMNS]
