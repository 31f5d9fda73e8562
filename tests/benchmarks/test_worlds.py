"""How often whole worlds end with a promotion, by market and preset: false alarms on noise, power elsewhere.

Noise is judged in small worlds without news, as many as a rate of 5 % asks for; power in worlds of the size of a run,
with news. Each line is printed as it comes. What is counted decides no test; the short form that does is in the suite.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path

import pytest
from scipy.stats import beta

from synthetic_worlds import SMALL, WHOLE, Laboratory

PROJECT = Path(__file__).resolve().parents[2]
# Seeds of their own: nothing was tuned on them.
FIRST = 6_000
PLAN = {"noise": 200, "realistic": 10, "easy": 20}


@pytest.mark.timeout(0)
@pytest.mark.parametrize("market", ["equity", "fx"])
@pytest.mark.parametrize("preset", PLAN)
def test_promotions(market, preset):
    laboratory = Laboratory(PROJECT, market, SMALL[market] if preset == "noise" else WHOLE)
    logging.disable(logging.INFO)
    start, promoted, worlds = time.perf_counter(), 0, PLAN[preset]
    failed: dict[str, int] = {}
    for seed in range(FIRST, FIRST + worlds):
        verdict = laboratory.judge(preset, seed)
        promoted += verdict.promoted
        for check in verdict.decision.checks:
            failed[check.name] = failed.get(check.name, 0) + (check.gating and not check.passed)
        print(f"{market} {preset} {seed}: {verdict.decision.decision}, {promoted} promoted", flush=True)
    logging.disable(logging.NOTSET)
    low = float(beta.ppf(0.05, promoted, worlds - promoted + 1)) if promoted else 0.0
    high = float(beta.ppf(0.95, promoted + 1, worlds - promoted)) if promoted < worlds else 1.0
    took = time.perf_counter() - start
    often = dict(sorted(failed.items(), key=lambda one: -one[1]))
    print(
        f"{market:7s} {preset:10s} {promoted:3d} of {worlds} promoted, {promoted / worlds:6.1%} (95 % bounds {low:.1%} "
        f"and {high:.1%}), {took / worlds:.1f} s a world; failed at: {often}"
    )
