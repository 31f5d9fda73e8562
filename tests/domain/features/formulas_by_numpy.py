"""Formulas of features evaluated a second time: whole windows at once, with NumPy and SciPy, without our kernels."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.lib.stride_tricks import sliding_window_view
from scipy import stats

from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.panel import Panel

Values = np.ndarray
ZONES = {"Tokyo": "Asia/Tokyo", "London": "Europe/London", "New_York": "America/New_York"}
LEAST = 3


def evaluate(formula: str, panel: Panel) -> Values:
    """What a formula says, bars x instruments."""
    tree = _Flags().visit(ast.parse(formula, mode="eval"))
    code = compile(ast.fix_missing_locations(tree), formula, "eval")
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # windows that hold nothing
        found = eval(code, {"__builtins__": {}}, _Words(panel))
    return np.broadcast_to(np.asarray(found, dtype=np.float64), (len(panel.ts), len(panel.instruments)))


class _Flags(ast.NodeTransformer):
    """A comparison is 1 or 0, and not known where a side is not; the name of a series is text."""

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        self.generic_visit(node)
        return ast.Call(ast.Name("flag", ast.Load()), [node, node.left, node.comparators[0]], [])

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if ast.unparse(node.func).startswith("macro"):
            return ast.Call(node.func, [ast.Constant(ast.unparse(node.args[0]))], [])
        return self.generic_visit(node)


def windows(x: Values, n: int) -> Values:
    """The last n values at every bar, the oldest first; (T, N, n)."""
    x = np.atleast_2d(x)
    return sliding_window_view(np.vstack([np.full((n - 1, x.shape[1]), np.nan), x]), n, axis=0)


def over(how: Callable[[Values], Values]) -> Callable[[Values, int], Values]:
    """A function of a window, not known where more than a fifth of it is missing."""

    def function(x: Values, n: int) -> Values:
        seen = windows(x, n)
        enough = np.isfinite(seen).sum(axis=2) >= 0.8 * n - 1e-9
        return np.where(enough, how(seen), np.nan)

    return function


def lag(x: Values, n: int) -> Values:
    return windows(x, n + 1)[:, :, 0]


def weighted(x: Values, weights: Values) -> Values:
    seen = windows(x, len(weights))
    known = np.isfinite(seen)
    mass = (known * weights[::-1]).sum(axis=2)
    mean = np.nansum(seen * weights[::-1], axis=2) / mass
    return np.where(mass >= 0.8 * weights.sum(), mean, np.nan)


def paired(how: Callable[[Values, Values], Values]) -> Callable[[Values, Values, int], Values]:
    def function(x: Values, y: Values, n: int) -> Values:
        one, two = windows(x, n), windows(np.broadcast_to(y, x.shape), n)
        both = np.isfinite(one + two)
        enough = both.sum(axis=2) >= 0.8 * n - 1e-9
        a, b = np.where(both, one, np.nan), np.where(both, two, np.nan)
        a, b = (side - np.nanmean(side, axis=2, keepdims=True) for side in (a, b))
        return np.where(enough, how(a, b), np.nan)

    return function


def fitted(x: Values, n: int, squared: bool) -> Values:
    time = np.broadcast_to(np.arange(len(x), dtype=float)[:, None], x.shape)
    if not squared:
        return paired(lambda a, b: np.nansum(a * b, 2) / np.nansum(b * b, 2))(x, time, n)
    return corr(x, time, n) ** 2


def residual(x: Values, n: int) -> Values:
    time = np.broadcast_to(np.arange(len(x), dtype=float)[:, None], x.shape)

    def how(a: Values, b: Values) -> Values:
        return a[:, :, -1] - np.nansum(a * b, 2) / np.nansum(b * b, 2) * b[:, :, -1]

    return paired(how)(x, time, n)


def rises(x: Values, n: int) -> Values:
    return over(lambda seen: np.nanmean(seen, axis=2))(np.where(np.isnan(x), np.nan, x > lag(x, 1)), n)


def standing(x: Values, n: int) -> Values:
    seen, now = windows(x, n), x[:, :, None]
    count = np.isfinite(seen).sum(axis=2)
    rank = (seen < now).sum(axis=2) + ((seen == now).sum(axis=2) + 1) / 2
    return np.where((count >= 0.8 * n - 1e-9) & np.isfinite(x), rank / count, np.nan)


def place_of_max(x: Values, n: int) -> Values:
    # Places are counted from the first bar that is known.
    seen = windows(x, n)
    first = np.argmax(np.isfinite(seen), axis=2)
    place = over(lambda seen: np.argmax(np.where(np.isnan(seen), -np.inf, seen), axis=2).astype(float))(x, n)
    return place - first + 1.0


def quantile(x: Values, n: int, share: float) -> Values:
    return over(lambda seen: np.nanquantile(seen, share, axis=2))(x, n)


def moment(x: Values, n: int, power: int) -> Values:
    def how(seen: Values) -> Values:
        away = seen - np.nanmean(seen, axis=2, keepdims=True)
        return np.nanmean(np.abs(away) if power == 1 else away**power, axis=2)

    return over(how)(x, n)


def since_max(x: Values, n: int) -> Values:
    return over(lambda seen: np.argmax(np.where(np.isnan(seen), -np.inf, seen)[:, :, ::-1], axis=2).astype(float))(x, n)


def at_max(x: Values, y: Values, n: int) -> Values:
    since = since_max(y, n)
    place = n - 1 - np.nan_to_num(since).astype(int)
    found = np.take_along_axis(windows(x, n), place[:, :, None], axis=2)[:, :, 0]
    return np.where(np.isnan(since), np.nan, found)


def below(x: Values, n: int, weight: Values | None = None) -> Values:
    weight = np.ones_like(x) if weight is None else weight
    seen, loads, now = windows(x, n), windows(weight, n), x[:, :, None]
    known = np.isfinite(seen + loads)
    share = (seen < now) + 0.5 * (seen == now)
    found = np.where(known, share * loads, 0.0).sum(2) / np.where(known, loads, 0.0).sum(2)
    return np.where((known.sum(2) >= 0.8 * n - 1e-9) & np.isfinite(x), found, np.nan)


def near(x: Values, width: Values, n: int, weight: Values) -> Values:
    seen, loads = windows(x, n), windows(weight, n)
    known = np.isfinite(seen + loads)
    inside = np.abs(seen - x[:, :, None]) <= width[:, :, None]
    found = np.where(known & inside, loads, 0.0).sum(2) / np.where(known, loads, 0.0).sum(2)
    return np.where((known.sum(2) >= 0.8 * n - 1e-9) & np.isfinite(x + width), found, np.nan)


def drawdown(seen: Values) -> Values:
    peak = np.maximum.accumulate(np.where(np.isnan(seen), -np.inf, seen), axis=2)
    return np.nanmin(np.where(np.isnan(seen), np.nan, seen / peak - 1.0), axis=2)


def top(x: Values, n: int, k: int) -> Values:
    ordered = over(lambda seen: np.sort(np.where(np.isnan(seen), -np.inf, seen), axis=2)[:, :, -k:].mean(axis=2))
    return ordered(x, n)


def following(x: Values, code: Values, n: int, kinds: int) -> Values:
    seen, codes = windows(x, n), windows(lag(code, 1), n)
    alike = (codes == code[:, :, None]) & np.isfinite(seen)
    count = alike.sum(axis=2)
    return np.where(count >= 0.8 * n / kinds, np.where(alike, seen, 0.0).sum(axis=2) / count, np.nan)


def ranked(x: Values) -> Values:
    def row(values: Values) -> Values:
        known = np.isfinite(values)
        if known.sum() < LEAST:
            return np.full_like(values, np.nan)
        rank = np.full_like(values, np.nan)
        rank[known] = (stats.rankdata(values[known]) - 1) / (known.sum() - 1) - 0.5
        return rank

    return np.apply_along_axis(row, 1, x)


mean = over(lambda seen: np.nanmean(seen, axis=2))
std = over(lambda seen: np.nanstd(seen, axis=2, ddof=1))
cov = paired(lambda a, b: np.nansum(a * b, 2) / (np.isfinite(a).sum(2) - 1))
corr = paired(lambda a, b: np.nansum(a * b, 2) / np.sqrt(np.nansum(a * a, 2) * np.nansum(b * b, 2)))
slope_on = paired(lambda a, b: np.nansum(a * b, 2) / np.nansum(b * b, 2))
WITHOUT_BARS: dict[str, Any] = {
    "pi": np.pi,
    "flag": lambda flag, x, y: np.where(np.isnan(np.asarray(x) + np.asarray(y)), np.nan, np.asarray(flag, float)),
    "lag": lag,
    **{name: getattr(np, name) for name in ("log", "sqrt", "abs", "sign", "sin", "cos")},
    "pos": lambda x: np.maximum(x, 0.0),
    "neg": lambda x: np.minimum(x, 0.0),
    "larger": np.maximum,
    "smaller": np.minimum,
    "middle": lambda *three: np.median(three, axis=0),
    "normal": stats.norm.cdf,
    "mean": mean,
    "std": std,
    "max": over(lambda seen: np.nanmax(np.where(np.isnan(seen), -np.inf, seen), axis=2)),
    "min": over(lambda seen: np.nanmin(np.where(np.isnan(seen), np.inf, seen), axis=2)),
    "top": top,
    "moment": moment,
    "ewma": lambda x, n: weighted(x, (1.0 - 2.0 / (n + 1.0)) ** np.arange(5 * n)),
    "wilder": lambda x, n: weighted(x, (1.0 - 1.0 / n) ** np.arange(10 * n)),
    "faded": lambda x, n: weighted(x, 0.5 ** (np.arange(8 * n) / n)) * (0.5 ** (np.arange(8 * n) / n)).sum(),
    "trend": lambda x, n: fitted(x, n, squared=False),
    "fit": lambda x, n: fitted(x, n, squared=True),
    "residual": residual,
    "quantile": quantile,
    "standing": standing,
    "rises": rises,
    "place_of_max": place_of_max,
    "cov": cov,
    "corr": corr,
    "slope_on": slope_on,
    "since_max": since_max,
    "at_max": at_max,
    "below": below,
    "near": near,
    "drawdown": over(drawdown),
    "following": following,
}


class _Words(dict[str, Any]):
    """The words that need bars, made when they are said."""

    def __init__(self, panel: Panel) -> None:
        super().__init__(WITHOUT_BARS)
        self.panel = panel

    def __missing__(self, word: str) -> Any:
        if word in ZONES:
            return ZONES[word]
        self[word] = getattr(self, f"_{word}", lambda: self._field(word))()
        return self[word]

    def _field(self, name: str) -> Values:
        names = {"bid": "bid_close", "ask": "ask_close", "benchmark": "benchmark_close"}
        shape = (len(self.panel.ts), len(self.panel.instruments))
        return np.array(np.broadcast_to(self.panel.fields[names.get(name, name)], shape))

    def _clock(self, values: Any) -> Values:
        return np.repeat(np.asarray(values, dtype=float)[:, None], len(self.panel.instruments), axis=1)

    def _tone(self) -> Values:
        return self._field("tone_sum")

    def _articles(self) -> Values:
        return self._field("article_count")

    def _bar_tone(self) -> Values:
        return self["tone"] / (self["articles"] + 1.0)

    def _ret(self) -> Values:
        return self["close"] / lag(self["close"], 1) - 1.0

    def _logret(self) -> Values:
        return np.log(self["close"]) - np.log(lag(self["close"], 1))

    def _benchmark_ret(self) -> Values:
        return self["benchmark"] / lag(self["benchmark"], 1) - 1.0

    def _typical(self) -> Values:
        return (self["high"] + self["low"] + self["close"]) / 3.0

    def _turnover(self) -> Values:
        return self["typical"] * self["volume"]

    def _true_range(self) -> Values:
        before = lag(self["close"], 1)
        return np.max([self["high"] - self["low"], abs(self["high"] - before), abs(self["low"] - before)], axis=0)

    def _spread(self) -> Values:
        return (self["ask"] - self["bid"]) / ((self["ask"] + self["bid"]) / 2.0)

    def _range_spread(self) -> Values:
        high, low = self["high"], self["low"]
        two = windows(np.log(high / low) ** 2, 2).sum(axis=2)
        gamma = np.log(windows(high, 2).max(axis=2) / windows(low, 2).min(axis=2)) ** 2
        k = 3.0 - 2.0 * np.sqrt(2.0)
        alpha = (np.sqrt(2.0 * two) - np.sqrt(two)) / k - np.sqrt(gamma / k)
        return np.maximum(2.0 * (np.exp(alpha) - 1.0) / (1.0 + np.exp(alpha)), 0.0)

    def _moves(self, up: bool) -> Values:
        rise, fall = self["high"] - lag(self["high"], 1), lag(self["low"], 1) - self["low"]
        this, other = (rise, fall) if up else (fall, rise)
        return np.where(np.isnan(rise + fall), np.nan, np.where((this > other) & (this > 0.0), this, 0.0))

    def _up_move(self) -> Values:
        return self._moves(up=True)

    def _down_move(self) -> Values:
        return self._moves(up=False)

    @property
    def _starts(self) -> pd.DatetimeIndex:
        return self.panel.ts - pd.Timedelta(minutes=MARKETS[self.panel.market].bar_minutes)

    @property
    def _dated(self) -> pd.DatetimeIndex:
        return self._starts if MARKETS[self.panel.market].bar_minutes < 1440 else self.panel.ts

    def _hour(self) -> Values:
        return self._clock(self._starts.hour)

    def _weekday(self) -> Values:
        return self._clock(self._dated.day_of_week)

    def _day(self) -> Values:
        return self._clock(self.panel.ts.day)

    def _days_in_month(self) -> Values:
        return self._clock(self.panel.ts.days_in_month)

    def _month(self) -> Values:
        return self._clock(self.panel.ts.month)

    def _ends(self) -> Values:
        return self._clock((self.panel.ts - self.panel.ts[0]) / pd.Timedelta(hours=1))

    def _bar_hours(self) -> float:
        return MARKETS[self.panel.market].bar_minutes / 60.0

    def _between(self) -> Any:
        def between(start: int, stop: int, zone: str) -> Values:
            hours = [moment.astimezone(ZoneInfo(zone)).hour for moment in self._starts.to_pydatetime()]
            return self._clock([start <= hour < stop for hour in hours])

        return between

    def _members(self, x: Values) -> Values:
        return np.where(self.panel.universe, x, np.nan)

    def _average(self) -> Any:
        def average(x: Values) -> Values:
            seen = self._members(x)
            count = np.isfinite(seen).sum(axis=1, keepdims=True)
            return np.repeat(np.where(count >= LEAST, np.nansum(seen, 1, keepdims=True) / count, np.nan), x.shape[1], 1)

        return average

    def _spread_among(self) -> Any:
        return lambda x: np.sqrt(self["average"]((self._members(x) - self["average"](x)) ** 2))

    def _rank(self) -> Any:
        return lambda x: ranked(self._members(x))

    def _by_sector(self, how: Callable[[Values], Values]) -> Callable[[Values], Values]:
        def function(x: Values) -> Values:
            sector, found = self._field("sector"), np.full(x.shape, np.nan)
            for code in np.unique(sector[np.isfinite(sector)]):
                mine = sector == code
                seen = np.where(mine, self._members(x), np.nan)
                found = np.where(mine, how(seen), found)
            return found

        return function

    def _sector_average(self) -> Any:
        def how(seen: Values) -> Values:
            count = np.isfinite(seen).sum(axis=1, keepdims=True)
            return np.where(count >= LEAST, np.nansum(seen, axis=1, keepdims=True) / count, np.nan)

        return self._by_sector(how)

    def _sector_rank(self) -> Any:
        return self._by_sector(ranked)

    def _currencies(self) -> Any:
        sides = [MARKETS[self.panel.market].instruments.sides(name) for name in self.panel.instruments]

        def worth(seen: Values, currency: str) -> Values:
            signs = np.array([(currency == base) * 1.0 - (currency == quote) for base, quote in sides])
            return np.nanmean(np.where(signs == 0.0, np.nan, seen * signs), axis=1)

        def currencies(x: Values) -> Values:
            seen = self._members(x)
            found = np.column_stack([worth(seen, base) - worth(seen, quote) for base, quote in sides])
            known = np.isfinite(seen)
            return np.where(known & (known.sum(axis=1, keepdims=True) >= LEAST), found, np.nan)

        return currencies

    def _macro(self) -> Any:
        return lambda series: self._field(f"macro_{series}")

    def _macro_mean(self) -> Any:
        return lambda series: self._field(f"macro_{series}.mean")

    def _macro_std(self) -> Any:
        return lambda series: self._field(f"macro_{series}.std")

    def _macro_change(self) -> Any:
        return lambda series: self._field(f"macro_{series}.change")

    def _macro_change_std(self) -> Any:
        return lambda series: self._field(f"macro_{series}.change_std")

    def _macro_age(self) -> Any:
        return lambda series: self._field(f"macro_{series}.age")
