"""Small random markets with every input, gaps included."""

from __future__ import annotations

import numpy as np
import pandas as pd

from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.panel import Panel, build_panel

LENGTH = 420
STOCKS = ("AAA", "BBB", "CCC", "DDD", "EEE", "FFF", "GGG")
PAIRS = ("AUD_USD", "EUR_USD", "GBP_USD", "USD_JPY")


def random_tables(market: Market, seed: int = 0, length: int = LENGTH) -> dict[str, pd.DataFrame | None]:
    rng = np.random.default_rng(seed)
    names = STOCKS if market.name == "equity" else PAIRS
    if market.name == "equity":
        ts = pd.bdate_range("2020-01-01", periods=length, tz="UTC").as_unit("us") + pd.Timedelta(hours=21)
    else:
        hours = pd.date_range("2020-03-02", periods=2 * length, freq="h", tz="UTC").as_unit("us")
        ts = hours[hours.day_of_week < 5][:length]
    scale = 0.02 if market.name == "equity" else 0.001
    bars = pd.concat([_bars(rng, ts, name, number, scale) for number, name in enumerate(names)], ignore_index=True)
    if market.name == "fx":
        for part in ("open", "high", "low", "close"):
            half = 1e-4 * rng.uniform(0.5, 1.5, len(bars))
            bars[f"bid_{part}"], bars[f"ask_{part}"] = bars[part] * (1 - half), bars[part] * (1 + half)
    else:
        bars["adj_close"] = bars["close"] * 0.9
        bars["sector"] = bars["instrument"].map(lambda name: "tech" if name < "DDD" else "energy")
    # Holes: a tenth of a per cent everywhere, one instrument that starts late, one that ends early.
    keep = rng.random(len(bars)) > 0.001
    late, early = bars["instrument"] == names[-1], bars["instrument"] == names[-2]
    keep &= ~(late & (bars["ts"] < ts[min(30, length // 4)])).to_numpy() & ~(early & (bars["ts"] > ts[-6])).to_numpy()
    bars = bars[keep].sort_values(["ts", "instrument"], ignore_index=True)
    articles = bars.loc[rng.random(len(bars)) < 0.3, ["ts", "instrument"]].reset_index(drop=True)
    articles["article_count"] = rng.integers(1, 4, len(articles))
    articles["tone_sum"] = articles["article_count"] * rng.uniform(-1, 1, len(articles))
    # It is not known what was written up to the first bars.
    coverage = pd.DataFrame({"ts": ts, "newest": ts, "complete": np.arange(length) >= 3})
    benchmark = None
    if market.has_benchmark:
        level = 1000 * np.exp(np.cumsum(rng.normal(0, 0.01, length)))
        benchmark = pd.DataFrame({"ts": ts, "close": level, "known_at": ts})
    tables = {"bars": bars, "benchmark": benchmark, "sentiment": articles, "coverage": coverage}
    return {**tables, "macro": _macro(rng, ts, market)}


def _bars(rng: np.random.Generator, ts: pd.DatetimeIndex, name: str, number: int, scale: float) -> pd.DataFrame:
    close = (10.0 + 30.0 * number) * np.exp(np.cumsum(rng.standard_t(5, len(ts)) * scale))
    # Every so often nothing moves.
    still = rng.random(len(ts)) < 0.03
    close[1:][still[1:]] = close[:-1][still[1:]]
    opened = close * np.exp(rng.normal(0, scale / 3, len(ts)))
    high = np.maximum(opened, close) * np.exp(np.abs(rng.normal(0, scale / 3, len(ts))))
    low = np.minimum(opened, close) * np.exp(-np.abs(rng.normal(0, scale / 3, len(ts))))
    volume = np.round(1e6 * np.exp(rng.normal(0, 0.5, len(ts))))
    values = {"open": opened, "high": high, "low": low, "close": close, "volume": volume}
    return pd.DataFrame({"ts": ts, "instrument": name, **values})


def _macro(rng: np.random.Generator, ts: pd.DatetimeIndex, market: Market) -> pd.DataFrame:
    names = ("rate",) if market.name == "equity" else ("rate_usd", "rate_eur", "rate_aud", "rate_gbp", "rate_jpy")
    tables = []
    for name in names:
        known = ts[0] - pd.Timedelta(days=2) + (ts[-1] - ts[0]) * np.sort(rng.uniform(0, 1.1, 40))
        period = pd.date_range("2015-01-01", periods=40, freq="MS")
        values = np.cumsum(rng.normal(size=40))
        first = pd.DataFrame({"series": name, "period": period, "value": values, "known_at": known})
        revised = first.iloc[::5].assign(
            value=first["value"].iloc[::5] + 0.3, known_at=first["known_at"].iloc[::5] + (ts[-1] - ts[0]) / 50
        )
        tables += [first, revised]
    return pd.concat(tables, ignore_index=True)


def random_panel(market: Market, seed: int = 0, length: int = LENGTH) -> Panel:
    tables = random_tables(market, seed, length)
    bars = tables.pop("bars")
    return build_panel(bars, market, **tables)
