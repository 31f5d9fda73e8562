"""A feature that moves as a whole rings by its level, however slow it is; what is usual or new by a little does not."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.signal import lfilter

from finq_predictor.domain.modelling.training_profile import ColumnProfile
from finq_predictor.domain.monitoring.drift import DriftRules, Evidence, feature_drift, prediction_drift
from finq_predictor.domain.monitoring.drift.level import (
    Level,
    beyond_extremes,
    level_p_value,
    mean_level,
    usual_move,
)

YEAR = 252
TRAINED, DAYS = 600, 20


def slow(seed: int, days: int, half_life: float = YEAR) -> np.ndarray:
    """What all instruments share and what forgets half of a shock in a year, of variance 1."""
    memory = 0.5 ** (1.0 / half_life)
    random = np.random.default_rng(seed)
    noise = np.sqrt(1.0 - memory**2) * random.normal(size=days)
    return lfilter([1.0], [1.0, -memory], noise, zi=[memory * random.normal()])[0]


def market_wide(seed: int, shift: float = 0.0, quiet: int = 150) -> tuple[pd.DataFrame, pd.DataFrame]:
    """History and current window of one slow feature, moved by so many of its deviations, among quiet ones."""
    random = np.random.default_rng(10_000 + seed)
    ts = pd.date_range("2020-01-01", periods=TRAINED + DAYS, freq="B", tz="UTC")
    others = {f"quiet_{number}": random.normal(size=len(ts)) for number in range(quiet)}
    world = pd.DataFrame({"ts": ts, "slow": slow(seed, len(ts)), **others})
    history, current = world.iloc[:TRAINED], world.iloc[TRAINED:].copy()
    current["slow"] += shift * history["slow"].std()
    return history, current


def compare(history: pd.DataFrame, current: pd.DataFrame) -> pd.DataFrame:
    names = [name for name in history if name != "ts"]
    reference = {name: ColumnProfile.of(history[name].to_numpy()) for name in names}
    return feature_drift(reference, current, history, days=DAYS).set_index("name")


@pytest.mark.parametrize(("shift", "worlds"), [(100.0, 20), (-100.0, 10), (20.0, 15)])
def test_a_slow_feature_that_moves_rings_in_every_world(shift, worlds):
    rows = [compare(*market_wide(seed, shift)).loc["slow"] for seed in range(worlds)]
    rung = sum(row["drifted"] for row in rows)
    print(f"slow feature moved by {shift:g} deviations: rings in {rung} of {worlds} worlds")
    assert all(row["reason"].endswith("level") for row in rows)
    assert all(row["p_adjusted"] > 0.025 for row in rows), "its distribution alone would not have told"


def test_the_further_a_level_the_less_likely_without_end():
    levels = slow(1, TRAINED).reshape(-1, DAYS).mean(axis=1)
    p_values = [level_p_value(levels.max() + far, levels) for far in (0.0, 2.0, 5.0, 10.0, 100.0)]
    assert p_values[0] == 1.0
    assert all(later < earlier for earlier, later in pairwise(p_values))
    assert p_values[-1] < 1e-15


def test_what_lies_between_the_extremes_never_rings():
    months = np.tile(np.arange(12.0), 6)
    assert [level_p_value(month, months) for month in (0.0, 5.0, 11.0, 12.0)] == [1.0] * 4
    assert level_p_value(40.0, months) < 1e-4


def test_a_level_beyond_the_extremes_is_measured_in_usual_moves():
    levels = np.array([0.0, 1.0, 0.0, -1.0, 0.0, 1.0, 0.0, -1.0])
    move, excess = usual_move(levels), 5.0 - 1.0 - 0.25 * 2.0
    assert level_p_value(5.0, levels) == pytest.approx(2 * stats.t.sf(excess / move, 4), rel=1e-9)
    assert beyond_extremes(5.0, levels) == 4.0
    assert beyond_extremes(-5.0, levels) == -4.0
    assert beyond_extremes(0.5, levels) == 0.0
    assert np.isnan(beyond_extremes(np.nan, levels))
    assert np.isnan(beyond_extremes(1.0, np.full(3, np.nan)))


def test_the_usual_move_is_that_of_noise_and_of_a_walk():
    random = np.random.default_rng(2)
    noise, walk = random.normal(size=4_000), np.cumsum(random.normal(size=4_000))
    assert usual_move(noise) == pytest.approx(1.0, rel=0.05)
    assert usual_move(noise, 9.0) == pytest.approx(1.0, rel=0.05)
    assert usual_move(walk) == pytest.approx(1.0, rel=0.05)
    assert usual_move(walk, 9.0) == pytest.approx(3.0, rel=0.1)
    short = np.cumsum(random.normal(size=12))
    assert usual_move(short, 40.0) == pytest.approx(usual_move(short, 4.0) * np.sqrt(10.0), rel=1e-9)


def test_windows_without_values_are_left_out():
    levels = np.random.default_rng(3).normal(size=40)
    holes = levels.copy()
    holes[::7] = np.nan
    assert usual_move(holes) == pytest.approx(usual_move(levels), rel=0.3)
    assert 0.0 < level_p_value(19.0, holes) < 1e-5
    assert np.isnan(level_p_value(9.0, np.where(np.arange(40) < 5, levels, np.nan))), "five windows say little"
    assert np.isnan(level_p_value(np.nan, levels))
    assert np.isnan(mean_level(np.full(3, np.nan)))


def test_a_feature_that_never_changed_rings_when_it_does():
    reference = ColumnProfile.of(np.full(400, np.float32(0.1)).astype("float64"))
    assert Level().statistic(reference, np.full(7, np.float32(0.1)).astype("float64")) == 0.0
    assert Level().statistic(reference, np.full(7, 0.2)) == np.inf
    assert np.isnan(Level().statistic(reference, np.full(7, np.nan)))
    assert np.isnan(Level().statistic(ColumnProfile.of(np.full(3, np.nan)), np.ones(2)))
    assert level_p_value(0.2, np.full(9, 0.1)) == 0.0
    assert level_p_value(0.1, np.full(9, 0.1)) == 1.0


def test_a_small_move_of_a_level_that_never_moves_does_not_ring():
    """The mean of ranks over instruments is one half but for the number of instruments."""
    ranks = np.linspace(0.0, 1.0, 20)
    dates = pd.date_range("2020-01-01", periods=TRAINED + DAYS, freq="B", tz="UTC")
    world = pd.DataFrame({"ts": np.repeat(dates, 20), "rank": np.tile(ranks, len(dates))})
    history, current = world.iloc[: TRAINED * 20], world.iloc[TRAINED * 20 :]
    row = compare(history, current.assign(rank=current["rank"] + 0.02)).loc["rank"]
    assert row["level_p_value"] == 0.0
    assert row["level"] < 0.1
    assert not row["drifted"]


def test_the_budget_is_shared():
    rules = DriftRules(false_discovery_rate=0.04, level_share=0.25)
    assert [rules.budget(evidence) for evidence in Evidence] == pytest.approx([0.03, 0.01])
    assert sum(DriftRules().budget(evidence) for evidence in Evidence) == pytest.approx(0.05)


def test_predictions_ring_by_their_level():
    """Half of a deviation in a model whose windows always were at the same place."""
    probabilities = 0.5 + 0.05 * np.random.default_rng(4).normal(size=4_000)
    steady = [probabilities[start::40] for start in range(40)]
    reference = ColumnProfile.of(probabilities)
    calm, moved = (
        prediction_drift(reference, probabilities[:500] + shift, steady, days=DAYS).iloc[0] for shift in (0.0, 0.1)
    )
    assert not calm["drifted"]
    assert moved["reason"] == "distribution and level"
    assert moved["beyond_level"] > 1.0
    late = prediction_drift(reference, probabilities[:500] + 0.1, steady, days=DAYS, ahead=1e4).iloc[0]
    assert late["level_p_value"] > moved["level_p_value"]
