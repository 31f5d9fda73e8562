"""What peers compute of Alpha158, in an environment of their own: run with the Python of `.venv-peers`, not with ours.

    .venv-peers/bin/python tests/peers.py BARS.parquet FOLDER [--engine NAME] [--double] [--times N] [--out FILE]

Bars are `ts, instrument, open, high, low, close, volume`, and `vwap` where there is one. qlib gets them below FOLDER as
its own files, which hold 32 bits; `--double` lets its expressions count with 64 bits from there on, as ours do. The
others compute what of Alpha158 they have functions for. It prints a line of JSON: the seconds of each time, processor
seconds, memory, rows and columns.
"""

from __future__ import annotations

import argparse
import json
import resource
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np
import pandas as pd

WINDOWS = (5, 10, 20, 30, 60)
FIELDS = ("open", "high", "low", "close", "volume", "vwap")


def write_store(bars: pd.DataFrame, folder: Path) -> None:
    """Write bars as qlib reads them: from the first to the last bar of each instrument, holes as NaN."""
    days = pd.DatetimeIndex(bars["ts"]).tz_localize(None).normalize()
    calendar = days.unique().sort_values()
    (folder / "calendars").mkdir(parents=True)
    (folder / "calendars" / "day.txt").write_text("\n".join(f"{day:%Y-%m-%d}" for day in calendar) + "\n")
    places = calendar.get_indexer(days)
    lines = []
    for name, rows in bars.groupby("instrument").indices.items():
        where = places[rows]
        start, stop = where.min(), where.max()
        lines.append(f"{name}\t{calendar[start]:%Y-%m-%d}\t{calendar[stop]:%Y-%m-%d}\n")
        target = folder / "features" / str(name).lower()
        target.mkdir(parents=True)
        for field in FIELDS:
            if field in bars:
                values = np.full(stop - start + 1, np.nan, "<f4")
                values[where - start] = bars[field].to_numpy()[rows]
                np.hstack([[np.float32(start)], values]).astype("<f4").tofile(target / f"{field}.day.bin")
    (folder / "instruments").mkdir()
    (folder / "instruments" / "all.txt").write_text("".join(lines))


def begin_qlib(given: argparse.Namespace, bars: pd.DataFrame) -> Callable[[], pd.DataFrame]:
    """All of Alpha158 by its loader: read, computed, one frame."""
    import qlib
    from qlib.contrib.data.loader import Alpha158DL
    from qlib.data.dataset.loader import QlibDataLoader
    from qlib.data.storage.file_storage import FileFeatureStorage

    write_store(bars, given.folder)
    if given.double:
        kept = FileFeatureStorage.__getitem__
        FileFeatureStorage.__getitem__ = lambda self, place: kept(self, place).astype("float64")
    # Two processes are its best on two processors; left alone it takes one.
    qlib.init(provider_uri=str(given.folder), region="us", kernels=2, logging_level=40)
    loader = QlibDataLoader(config={"feature": Alpha158DL.get_feature_config()})
    return lambda: loader.load(instruments="all")["feature"]


def begin_polars(given: argparse.Namespace, bars: pd.DataFrame) -> Callable[[], object]:
    """Expressions over instruments, all at once."""
    import polars as pl

    table = pl.from_pandas(bars.sort_values(["instrument", "ts"]))
    close, high, low, volume = (pl.col(name) for name in ("close", "high", "low", "volume"))
    rise, volume_rise = close - close.shift(1), volume - volume.shift(1)
    weighted = (close / close.shift(1) - 1.0).abs() * volume

    def columns(n: int) -> dict[str, pl.Expr]:
        def sums(x: pl.Expr, name: str) -> dict[str, pl.Expr]:
            up, down = (x.clip(lower_bound=0), (-x).clip(lower_bound=0))
            up, down, path = (y.rolling_sum(n, min_samples=1) for y in (up, down, x.abs()))
            path = path + 1e-12
            return {f"{name}P": up / path, f"{name}N": down / path, f"{name}D": (up - down) / path}

        lowest, highest = low.rolling_min(n, min_samples=1), high.rolling_max(n, min_samples=1)
        up, down = ((x > 0).cast(pl.Float64).rolling_mean(n, min_samples=1) for x in (rise, -rise))
        return {
            "ROC": close.shift(n) / close,
            "MA": close.rolling_mean(n, min_samples=1) / close,
            "STD": close.rolling_std(n, min_samples=1) / close,
            "MAX": highest / close,
            "MIN": lowest / close,
            "QTLU": close.rolling_quantile(0.8, "linear", n, min_samples=1) / close,
            "QTLD": close.rolling_quantile(0.2, "linear", n, min_samples=1) / close,
            "RSV": (close - lowest) / (highest - lowest + 1e-12),
            "CORR": pl.rolling_corr(close, (volume + 1).log(), window_size=n, min_samples=1),
            "CNTP": up,
            "CNTN": down,
            "CNTD": up - down,
            **sums(rise, "SUM"),
            "VMA": volume.rolling_mean(n, min_samples=1) / (volume + 1e-12),
            "VSTD": volume.rolling_std(n, min_samples=1) / (volume + 1e-12),
            "WVMA": weighted.rolling_std(n, min_samples=1) / (weighted.rolling_mean(n, min_samples=1) + 1e-12),
            **sums(volume_rise, "VSUM"),
        }

    asked = [x.over("instrument").alias(f"{name}{n}") for n in WINDOWS for name, x in columns(n).items()]
    return lambda: table.select("ts", "instrument", *asked)


def begin_talib(given: argparse.Namespace, bars: pd.DataFrame) -> Callable[[], pd.DataFrame]:
    """Its functions, instrument by instrument."""
    import talib

    bars = bars.sort_values(["instrument", "ts"], ignore_index=True)
    names = ("ROC", "MA", "STD", "BETA", "RESI", "MAX", "MIN", "RSV", "IMAX", "IMIN", "IMXD", "CORR", "VMA", "VSTD")
    places = [rows for rows in bars.groupby("instrument").indices.values() if len(rows) > max(WINDOWS)]

    def compute() -> pd.DataFrame:
        out = np.full((len(names) * len(WINDOWS), len(bars)), np.nan)
        for rows in places:
            high, low, close, volume = (bars[x].to_numpy("float64")[rows] for x in ("high", "low", "close", "volume"))
            log_volume, age = np.log(volume + 1), np.arange(len(rows))
            for k, n in enumerate(WINDOWS):
                highest, lowest = talib.MAX(high, n), talib.MIN(low, n)
                at_high, at_low = talib.MAXINDEX(high, n) - age + n, talib.MININDEX(low, n) - age + n
                found = (
                    *(1.0 / talib.ROCR(close, n), talib.SMA(close, n) / close),
                    talib.STDDEV(close, n) * np.sqrt(n / (n - 1)) / close,
                    *(talib.LINEARREG_SLOPE(close, n) / close, (close - talib.LINEARREG(close, n)) / close),
                    *(highest / close, lowest / close, (close - lowest) / (highest - lowest + 1e-12)),
                    *(at_high / n, at_low / n, (at_high - at_low) / n),
                    *(talib.CORREL(close, log_volume, n), talib.SMA(volume, n) / (volume + 1e-12)),
                    talib.STDDEV(volume, n) * np.sqrt(n / (n - 1)) / (volume + 1e-12),
                )
                for j, values in enumerate(found):
                    out[j * len(WINDOWS) + k][rows] = values
        return pd.DataFrame(out.T, columns=[f"{name}{n}" for name in names for n in WINDOWS])

    return compute


def begin_pandas(given: argparse.Namespace, bars: pd.DataFrame) -> Callable[[], pd.DataFrame]:
    """groupby.rolling."""
    bars = bars.sort_values(["instrument", "ts"], ignore_index=True)
    bars = bars.assign(volume=bars["volume"].astype("float64"), close=bars["close"].astype("float64"))

    def compute() -> pd.DataFrame:
        by = bars.groupby("instrument", sort=False)
        close, volume, out = bars["close"], bars["volume"], {}
        moves = {"SUM": by["close"].diff(), "VSUM": by["volume"].diff()}
        sums = pd.DataFrame({f"{k}{side}": x for k, v in moves.items() for side, x in _sides(v).items()})
        rising = pd.DataFrame({"P": moves["SUM"] > 0, "N": moves["SUM"] < 0}).astype("float64")
        for n in WINDOWS:

            def rolling(table: pd.DataFrame | pd.Series, how: str, n: int = n, **more: float) -> pd.DataFrame:
                found = getattr(table.groupby(bars["instrument"], sort=False).rolling(n, min_periods=1), how)(**more)
                return found.droplevel(0)

            lowest, highest = rolling(bars["low"], "min"), rolling(bars["high"], "max")
            total, share = rolling(sums, "sum"), rolling(rising, "mean")
            out |= {
                f"ROC{n}": by["close"].shift(n) / close,
                f"MA{n}": rolling(close, "mean") / close,
                f"STD{n}": rolling(close, "std") / close,
                f"MAX{n}": highest / close,
                f"MIN{n}": lowest / close,
                f"QTLU{n}": rolling(close, "quantile", q=0.8) / close,
                f"QTLD{n}": rolling(close, "quantile", q=0.2) / close,
                f"RSV{n}": (close - lowest) / (highest - lowest + 1e-12),
                f"VMA{n}": rolling(volume, "mean") / (volume + 1e-12),
                f"VSTD{n}": rolling(volume, "std") / (volume + 1e-12),
                f"CNTP{n}": share["P"],
                f"CNTN{n}": share["N"],
                f"CNTD{n}": share["P"] - share["N"],
            }
            for name in moves:
                up, down, path = total[f"{name}up"], total[f"{name}down"], total[f"{name}path"] + 1e-12
                out |= {f"{name}P{n}": up / path, f"{name}N{n}": down / path, f"{name}D{n}": (up - down) / path}
        return pd.DataFrame(out)

    return compute


def _sides(move: pd.Series) -> dict[str, pd.Series]:
    return {"up": move.clip(lower=0), "down": (-move).clip(lower=0), "path": move.abs()}


ENGINES = {"qlib": begin_qlib, "polars": begin_polars, "talib": begin_talib, "pandas": begin_pandas}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("bars", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--engine", choices=ENGINES, default="qlib")
    parser.add_argument("--double", action="store_true")
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    compute = ENGINES[given.engine](given, pd.read_parquet(given.bars))
    seconds, busy = [], []
    for _ in range(given.times):
        start, began = perf_counter(), _busy()
        table = compute()
        seconds.append(perf_counter() - start)
        busy.append(_busy() - began)
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
    if given.out:
        table.reset_index().rename(columns={"datetime": "ts"}).to_parquet(given.out)
    columns = len(set(table.columns) - {"ts", "instrument"})
    print(json.dumps({"s": seconds, "busy": busy, "mb": peak, "rows": len(table), "columns": columns}))


def _busy() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


if __name__ == "__main__":
    main()
