"""What level the tests of the gate really have: worthless series by the ten thousand, written down as a page."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from finq_predictor.domain.evaluation.bootstrap import bootstrap_mean
from finq_predictor.domain.evaluation.mean_test import days_needed, mean_above_zero
from worthless_series import KINDS, rejected, worthless

PAGE = Path(__file__).resolve().parents[2] / "docs" / "explanation" / "level-of-the-gate.md"
HORIZONS = (1, 5, 20)
DAYS = (60, 120, 250, 500, 906)
NOMINAL = 0.005
SERIES = 40_000
FEW = 500
HEAD = """# The level of the gate

How often the test behind `has_skill`, `beats_naive` and `final_window` calls a worthless series skilled, when it is
told to do so with a chance of {nominal}. A day's value shares its outcome with those of the next days as far as the
label reaches. What is drawn is Gaussian, has tails like Student's law with three degrees of freedom, leans to losses (a
mirrored exponential), or remembers besides (an autoregression of .9 a day, a third of the spread). Each cell:
{series:,} series, standard error about {error:.4f}. The last column is what a stationary block bootstrap with blocks of
two labels does ({few:,} series). Written by `make bench` (`tests/benchmarks/test_level.py`) from fixed seeds.

| days of a label | days | {kinds} | bootstrap, Gaussian |
|---|---|{lines}---|
"""


@pytest.mark.slow
def test_the_level_by_days_and_horizon():
    rows = []
    for horizon in HORIZONS:
        for days in DAYS:
            cells = [rejected(worthless(kind, SERIES, days, horizon, seed=days), horizon, NOMINAL) for kind in KINDS]
            few = worthless("gaussian", FEW, days, horizon, seed=days)
            block = 2.0 * horizon
            peer = np.mean([bootstrap_mean(row, min_block=block, n_resamples=1000).p_value <= NOMINAL for row in few])
            told = " ".join("" if np.isnan(cell) else f"{cell:.4f}" for cell in cells)
            print(f"h {horizon:2d}  {days:4d} days  {told}  bootstrap {peer:.4f}")
            shown = " | ".join("nothing to test" if np.isnan(cell) else f"{cell:.4f}" for cell in cells)
            rows.append(f"| {horizon} | {days} | {shown} | {peer:.4f} |")
    needed = ", ".join(f"{days_needed(horizon)} for labels of {horizon}" for horizon in HORIZONS)
    head = HEAD.format(
        nominal=NOMINAL,
        series=SERIES,
        few=FEW,
        error=(NOMINAL * (1 - NOMINAL) / SERIES) ** 0.5,
        kinds=" | ".join(KINDS),
        lines="---|" * len(KINDS),
    )
    tail = f"\nDays that `enough_days` asks for, because with fewer hardly any skill shows: {needed}.\n"
    PAGE.write_text(head + "\n".join(rows) + "\n" + tail, encoding="utf-8")


def test_one_test_beside_the_bootstrap():
    series = worthless("gaussian", 1, 906, 5, seed=1)[0]
    for name, call in {
        "cosines": lambda: mean_above_zero(series, 5),
        "stationary bootstrap, 2,000": lambda: bootstrap_mean(series, min_block=10.0, n_resamples=2000),
    }.items():
        start = time.perf_counter()
        for _ in range(5):
            call()
        print(f"{name:30s} {(time.perf_counter() - start) / 5 * 1e3:8.2f} ms a test")
