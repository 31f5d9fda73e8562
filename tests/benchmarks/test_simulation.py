"""How quickly markets are simulated, beside arch's GARCH and a plain geometric Brownian motion, in one run.

Ours delivers whole rows (open to volume, adjusted close, dirt, frames); the peers deliver one close per day.
"""

from __future__ import annotations

import resource
import time
import warnings

import numpy as np
import pytest

from finq_predictor.simulation import (
    EquityMarketConfig,
    FxMarketConfig,
    simulate_equity,
    simulate_fx,
    stream_equity_bars,
)

SPAN = EquityMarketConfig(seed=1, instruments=640, years=20)


def _best(call, repeats: int = 3) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def _drain(config: EquityMarketConfig) -> int:
    return sum(len(frame) for frame in stream_equity_bars(config))


def _arch_garch(instruments: int, days: int) -> None:
    from arch.univariate import GARCH, ConstantMean, StudentsT

    for seed in range(instruments):
        model = ConstantMean(None, volatility=GARCH(p=1, o=1, q=1), distribution=StudentsT(seed=seed))
        returns = model.simulate([0.03, 0.02, 0.03, 0.10, 0.90, 6.0], nobs=days)["data"].to_numpy()
        np.exp(np.cumsum(returns / 100.0))


def _geometric_brownian_motion(instruments: int, days: int) -> None:
    draw = np.random.default_rng(1)
    for _ in range(instruments):
        np.exp(np.cumsum(0.0003 + 0.015 * draw.standard_normal(days)))


def test_stream_beside_arch_and_brownian_motion(capsys):
    _drain(EquityMarketConfig(seed=1, instruments=2, years=1))  # compile before the clock starts
    rows = _drain(SPAN)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seconds = {
            "ours, stream_equity_bars: 10 columns, dirt, frames": _best(lambda: _drain(SPAN)) / rows,
            "arch 8 GJR-GARCH(1,1) Student-t simulate: closes": _best(lambda: _arch_garch(64, 5040)) / (64 * 5040),
            "numpy geometric Brownian motion: closes": _best(lambda: _geometric_brownian_motion(640, 5040))
            / (640 * 5040),
        }
    with capsys.disabled():
        print(f"\nequity, {SPAN.instruments} instruments x {SPAN.years} years, best of 3")
        for name, each in seconds.items():
            print(f"  {1 / each / 1e6:7.2f} M instrument-days/s  {name}")


def test_default_markets(capsys):
    simulate_equity(EquityMarketConfig(instruments=3, years=1))
    simulate_fx(FxMarketConfig(years=0.5))
    equity = _best(lambda: simulate_equity(EquityMarketConfig()))
    fx = _best(lambda: simulate_fx(FxMarketConfig()))
    with capsys.disabled():
        print(f"\ndefault markets, best of 3: equity 100 x 6 years {equity:.2f} s, fx 6 pairs x 3 years {fx:.2f} s")


@pytest.mark.slow
def test_ten_thousand_stocks_for_twenty_years(capsys):
    start = time.perf_counter()
    rows = _drain(EquityMarketConfig(seed=1, instruments=10_000, years=20))
    taken = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with capsys.disabled():
        print(f"\n10,000 x 20 years: {rows:,} rows in {taken:.0f} s, {rows / taken / 1e6:.2f} M/s, peak {peak:.0f} MiB")
