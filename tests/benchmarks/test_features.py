"""Seconds and peak memory of the features, beside pandas groupby.rolling and TA-Lib in a loop over symbols.

Each engine runs in a process of its own, so that its peak is its own. The same twenty features are computed by all
three from the same long table and must agree; then ours alone: every feature, and one new day.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import pandas as pd

from finq_predictor.domain.features import compute_features, make_feature_set, select_features
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.panel import build_panel

EQUITY = get_market("equity")
DAYS, SYMBOLS = 1259, 470
REAL = Path(__file__).resolve().parents[2].parent / "shared/data/equities/sp500_adj_2012-12_2017-12.parquet"
SAME = (
    *(f"ret_{n}" for n in (5, 10, 20, 60)),
    *(f"sma_gap_{n}" for n in (5, 10, 20, 50, 200)),
    *(f"vol_{n}" for n in (5, 10, 20, 60)),
    *(f"high_gap_{n}" for n in (20, 60, 250)),
    *(f"low_gap_{n}" for n in (20, 60, 250)),
    "volume_zscore_20",
)


def load_bars(whole: bool = False) -> pd.DataFrame:
    """Real bars where they are there, random ones otherwise; of the symbols without holes, else of all."""
    if not REAL.is_file():
        return _random_bars()
    bars = pd.read_parquet(REAL).rename(columns={"symbol": "instrument", "date": "ts"})
    bars["ts"] = pd.to_datetime(bars["ts"], utc=True).astype("datetime64[us, UTC]")
    bars = bars.dropna().drop_duplicates(["ts", "instrument"])
    if whole:
        return bars.sort_values(["ts", "instrument"], ignore_index=True)
    days = bars.groupby("instrument")["ts"].transform("size")
    return bars[days == days.max()].sort_values(["ts", "instrument"], ignore_index=True)


def _random_bars() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    ts = pd.bdate_range("2013-01-01", periods=DAYS, tz="UTC").as_unit("us")
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.015, (DAYS, SYMBOLS)), axis=0)).ravel()
    index = pd.MultiIndex.from_product([ts, [f"S{i:03d}" for i in range(SYMBOLS)]], names=["ts", "instrument"])
    bars = pd.DataFrame({"open": close, "high": close * 1.01, "low": close * 0.99, "close": close}, index=index)
    return bars.assign(adj_close=close, volume=rng.uniform(1e5, 1e7, len(bars))).reset_index()


def our_twenty(bars: pd.DataFrame) -> pd.DataFrame:
    panel = build_panel(bars, EQUITY)
    specs = {spec.name: spec for spec in select_features(EQUITY, panel.available)}
    return compute_features(panel, make_feature_set([specs[name] for name in SAME]))


def _adjusted(bars: pd.DataFrame) -> pd.DataFrame:
    factor = bars["adj_close"] / bars["close"]
    prices = {name: bars[name] * factor for name in ("high", "low", "close")}
    return bars[["ts", "instrument"]].assign(**prices, volume=bars["volume"] / factor)


def pandas_twenty(bars: pd.DataFrame) -> pd.DataFrame:
    bars = _adjusted(bars)
    by = bars.groupby("instrument", sort=False)

    def rolling(column: str, n: int, how: str) -> pd.Series:
        return getattr(by[column].rolling(n), how)().droplevel(0)

    bars["log_return"] = np.log(bars["close"]) - np.log(by["close"].shift(1))
    by = bars.groupby("instrument", sort=False)
    out = bars[["ts", "instrument"]].copy()
    for name in SAME[:-1]:
        kind, _, n = name.rpartition("_")
        out[name] = {
            "ret": lambda n: bars["close"] / by["close"].shift(n) - 1,
            "sma_gap": lambda n: bars["close"] / rolling("close", n, "mean") - 1,
            "vol": lambda n: rolling("log_return", n, "std"),
            "high_gap": lambda n: bars["close"] / rolling("high", n, "max") - 1,
            "low_gap": lambda n: bars["close"] / rolling("low", n, "min") - 1,
        }[kind](int(n))
    out[SAME[-1]] = (bars["volume"] - rolling("volume", 20, "mean")) / rolling("volume", 20, "std")
    return out


def talib_twenty(bars: pd.DataFrame) -> pd.DataFrame:
    import talib

    bars = _adjusted(bars).sort_values(["instrument", "ts"], ignore_index=True)
    out = np.empty((len(SAME), len(bars)))
    for place in bars.groupby("instrument").indices.values():
        high, low, close, volume = (bars[name].to_numpy()[place] for name in ("high", "low", "close", "volume"))
        change = np.r_[0.0, np.diff(np.log(close))]
        for row, name in zip(out, SAME, strict=True):
            kind, _, text = name.rpartition("_")
            n = int(text)
            deviation = np.sqrt(n / (n - 1.0))
            if kind == "ret":
                row[place] = talib.ROCP(close, n)
            elif kind == "sma_gap":
                row[place] = close / talib.SMA(close, n) - 1
            elif kind == "vol":
                row[place] = talib.STDDEV(change, n) * deviation
            elif kind == "high_gap":
                row[place] = close / talib.MAX(high, n) - 1
            elif kind == "low_gap":
                row[place] = close / talib.MIN(low, n) - 1
            else:
                row[place] = (volume - talib.SMA(volume, n)) / (talib.STDDEV(volume, n) * deviation)
    table = pd.DataFrame(out.T, columns=list(SAME))
    return pd.concat([bars[["ts", "instrument"]], table], axis=1)


ENGINES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "numba kernels (ours)": our_twenty,
    "TA-Lib, loop over symbols": talib_twenty,
    "pandas groupby.rolling": pandas_twenty,
}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def best(function: Callable[[], object], times: int = 3) -> tuple[float, float]:
    """Seconds on the wall and of the processor; on a busy machine only the second says much."""
    wall, cpu = [], []
    for _ in range(times):
        start, began = perf_counter(), process_time()
        function()
        wall.append(perf_counter() - start)
        cpu.append(process_time() - began)
    return min(wall), min(cpu)


def run_engine(name: str) -> tuple[float, float, float, pd.DataFrame]:
    bars = load_bars()
    ENGINES[name](bars[bars["ts"] < bars["ts"].unique()[30]])  # compiled and imported
    wall, cpu = best(lambda: ENGINES[name](bars))
    peak = _peak()
    table = ENGINES[name](bars)
    last = table[table["ts"] == table["ts"].max()].sort_values("instrument", ignore_index=True)
    return wall, cpu, peak, last


def run_everything(_: str) -> dict[str, object]:
    bars = load_bars(whole=True)
    benchmark = bars.groupby("ts", as_index=False)["close"].mean()
    panel = build_panel(bars, EQUITY, benchmark=benchmark)
    built = best(lambda: build_panel(bars, EQUITY, benchmark=benchmark))
    feature_set = make_feature_set(select_features(EQUITY, panel.available))
    compute_features(panel.tail(30), feature_set)
    # As gold has them: models read float32.
    every = best(lambda: compute_features(panel, feature_set, dtype="float32"))
    peak = _peak()
    wide = best(lambda: compute_features(panel, feature_set), times=1)
    sizes = {"wide_peak": _peak()}
    day = best(lambda: compute_features(panel, feature_set, at=panel.ts[[-1]]), times=5)
    sizes |= {"rows": len(bars), "symbols": len(panel.instruments), "features": len(feature_set.names), "peak": peak}
    return sizes | {"panel": built, "every": every, "wide": wide, "day": day}


def alone(function: Callable[[str], object], name: str) -> object:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, name).result()


def test_the_same_twenty_features_beside_pandas_and_talib():
    found = {name: alone(run_engine, name) for name in ENGINES}
    print(f"\n{len(SAME)} features, {'real' if REAL.is_file() else 'random'} bars; best of 3: s, busy s, peak MB")
    for name, (wall, cpu, peak, _) in found.items():
        print(f"  {name:28s} {wall:7.2f} {cpu:7.2f} {peak:7.0f}")
    ours = found["numba kernels (ours)"][3]
    for *_, peer in found.values():
        pd.testing.assert_frame_equal(ours, peer[ours.columns], rtol=1e-5, atol=1e-8, check_dtype=False)


def test_every_feature_and_one_new_day():
    found = alone(run_everything, "")
    size = f"{found['features']} features, {found['rows']:,} rows of {found['symbols']}"
    print(f"\n{size}: s, busy s; load {os.getloadavg()[0]:.1f}")
    print(f"  peak {found['peak']:.0f} MB, as float64 {found['wide_peak']:.0f} MB")
    of = (("panel", "panel"), ("every feature", "every"), ("the same as float64", "wide"), ("one new day", "day"))
    for what, key in of:
        wall, cpu = found[key]
        print(f"  {what:28s} {wall:7.2f} {cpu:7.2f}")
