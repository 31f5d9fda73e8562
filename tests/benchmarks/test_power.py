"""How often a signal that is there is found, by what it is held against: outcomes as they are, or neutral ones.

Whole markets of the simulator, each with seeds of its own. The score is what the simulator itself expected of each
stock, so that nothing is fitted and nothing but the measure decides; and the same with a lean on a style, as every
fitted model has one. What is counted decides no test.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from finq_predictor.adapters.sources.simulated import SimulatedSource
from finq_predictor.domain.evaluation.exposures import join_neutral, neutral_returns
from finq_predictor.domain.evaluation.mean_test import label_days, mean_above_zero
from finq_predictor.domain.evaluation.skill import daily_skill
from finq_predictor.domain.labels import make_labels
from synthetic_worlds import Laboratory

PROJECT = Path(__file__).resolve().parents[2]
FIRST, HORIZON = 8_000, 5
# Preset, stocks (None: those of a run) and worlds.
WORLDS = (("realistic", None, 60), ("realistic", 400, 24), ("easy", None, 10))
LEVEL = 0.01
# Test days of a run: after the first training window, before the sealed block.
TESTED = slice(0.4, 0.85)
SCORES = ("what is expected", "and a lean on volatility")


def scores_of(laboratory: Laboratory, preset: str, stocks: int | None, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Silver bars, and outcomes with both scores."""
    market = laboratory.market
    options = {"preset": preset, "seed": seed, "articles_per_year": 0.0} | ({"instruments": stocks} if stocks else {})
    tables = {name: SimulatedSource(market.name, name, **options).read() for name in market.source_tables}
    truth = SimulatedSource(market.name, "truth", **options).read()
    silver = laboratory.stages.silver(tables)
    labels = make_labels(laboratory.stages.panel(silver), market, (HORIZON,))
    labels.columns = pd.Index(["ts", "instrument", "forward_return", "label", "label_end"])
    truth = truth.rename(columns={"symbol": "instrument"})[["instrument", "ts", "expected_return"]]
    told = labels.merge(truth, on=["ts", "instrument"], how="left")
    days = np.sort(told["ts"].unique())
    first, last = (days[int(len(days) * share)] for share in (TESTED.start, TESTED.stop))
    told = told[told["ts"].between(first, last)]
    bars = silver["bars"].sort_values(["instrument", "ts"])
    moved = np.log(bars["adj_close"]).groupby(bars["instrument"]).diff().abs()
    wild = moved.groupby(bars["instrument"]).transform(lambda one: one.rolling(60).mean())
    told = told.merge(bars[["ts", "instrument"]].assign(wild=wild), on=["ts", "instrument"], how="left")
    ranked = told.groupby("ts")[["expected_return", "wild"]].rank(pct=True)
    return silver["bars"], told.assign(
        **{SCORES[0]: ranked["expected_return"], SCORES[1]: ranked["expected_return"] + ranked["wild"]}
    )


@pytest.mark.timeout(0)
def test_how_often_a_signal_is_found():
    laboratory = Laboratory(PROJECT, "equity", {"articles_per_year": 0.0})
    market, rules = laboratory.market, laboratory.evaluation.neutral
    days = label_days(HORIZON, market)
    logging.disable(logging.INFO)
    for preset, stocks, worlds in WORLDS:
        found: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
        for seed in range(FIRST, FIRST + worlds):
            bars, told = scores_of(laboratory, preset, stocks, seed)
            joined = join_neutral(told, neutral_returns(told, bars, rules, market))
            for score in SCORES:
                for measure in ("rank_ic", "neutral_rank_ic"):
                    test = mean_above_zero(daily_skill(joined.assign(probability=joined[score]), measure, market), days)
                    found.setdefault((score, measure), []).append((test.mean, test.error, test.p_value))
        for (score, measure), tests in found.items():
            mean, error, _ = np.mean(tests, axis=0)
            power = {level: np.mean([p <= level for _, _, p in tests]) for level in (0.05, LEVEL)}
            print(
                f"{preset:10s} {stocks or ''!s:4s} {score:26s} {measure:16s} mean {mean:+.4f}  error {error:.4f}  "
                f"found at .05 {power[0.05]:5.1%}  at {LEVEL} {power[LEVEL]:5.1%}  of {worlds} worlds",
                flush=True,
            )
    logging.disable(logging.NOTSET)
