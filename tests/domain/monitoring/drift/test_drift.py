"""Drift measures against scipy, and alarms that ring when they should and only then."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.signal import lfilter
from scipy.spatial import distance

from finq_predictor.domain.errors import UnknownNameError
from finq_predictor.domain.evaluation.false_discoveries import adjust_p_values
from finq_predictor.domain.modelling.training_profile import ColumnProfile
from finq_predictor.domain.monitoring.drift import (
    DRIFT_TESTS,
    DriftRules,
    DriftTest,
    Evidence,
    Subject,
    feature_drift,
    limits,
    measuring,
    prediction_drift,
)
from finq_predictor.domain.monitoring.drift.base import shares_in_training, shares_now
from finq_predictor.domain.monitoring.drift.features import (
    DISTANCE,
    LEVEL,
    adjust_family_wise,
    drift_columns,
)
from finq_predictor.domain.monitoring.drift.jensen_shannon import jensen_shannon
from finq_predictor.domain.monitoring.drift.ks import block_p_value, ks_distance, usual_distance
from finq_predictor.domain.monitoring.drift.kullback_leibler import kl_divergence
from finq_predictor.domain.monitoring.drift.level import level_p_value, mean_level
from finq_predictor.domain.monitoring.drift.psi import psi
from finq_predictor.domain.monitoring.drift.windows import last_days, past_windows, sampled, windows_ahead

RANDOM = np.random.default_rng(5)
NORMAL = RANDOM.normal(size=5_000)


@pytest.mark.parametrize("other", [RANDOM.normal(0.3, 1, 700), np.round(RANDOM.normal(size=400)), np.zeros(10)])
def test_ks_is_scipys(other):
    mine = ks_distance(np.round(NORMAL, 1), other)
    assert mine == pytest.approx(stats.ks_2samp(np.round(NORMAL, 1), other).statistic, abs=1e-12)


def test_p_value_is_students_with_enough_windows_and_kolmogorovs_before():
    past = np.array([0.1, 0.2, 0.15, 0.05, 0.1, 0.1, 0.2, 0.1])
    usual = np.sqrt(np.mean(past**2))
    assert usual_distance(past) == pytest.approx(usual)
    assert block_p_value(0.4, past, 20) == pytest.approx(2 * stats.t.sf(0.4 / usual, 4), rel=1e-9)
    assert block_p_value(0.4, past[:5], 20) == pytest.approx(stats.kstwobign.sf(np.sqrt(20) * 0.4), rel=1e-9)
    assert block_p_value(0.0, np.zeros(10), 20) == 1.0
    assert block_p_value(0.1, np.zeros(10), 20) == 0.0
    assert np.isnan(block_p_value(np.nan, past, 20))
    assert np.isnan(usual_distance(np.empty(0)))


def test_binned_measures_are_scipys():
    p, q = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0.25, 0.25, 0.25, 0.25])
    assert jensen_shannon(p, q) == pytest.approx(distance.jensenshannon(p, q, base=2), abs=1e-12)
    assert kl_divergence(q, p) == pytest.approx(stats.entropy(q, p), abs=1e-12)
    assert psi(p, q) == pytest.approx(stats.entropy(q, p) + stats.entropy(p, q), abs=1e-12)


def test_false_discovery_is_benjamini_and_hochbergs():
    p_values = RANDOM.uniform(size=40) ** 2
    order = np.sort(p_values)
    scaled = [min(p * 40 / rank for rank, p in enumerate(order, start=1) if p >= own) for own in p_values]
    assert adjust_p_values(p_values) == pytest.approx(scaled, abs=1e-12)


def test_the_level_is_adjusted_as_holm_says():
    p_values = np.array([0.01, 0.04, 0.03, np.nan, 0.005])
    assert adjust_family_wise(p_values) == pytest.approx([0.03, 0.06, 0.06, np.nan, 0.02], nan_ok=True)
    assert adjust_family_wise(np.array([0.9, 0.8])).tolist() == [1.0, 1.0]
    assert np.isnan(adjust_family_wise(np.array([np.nan]))).all()


def test_false_discovery_skips_what_was_not_tested():
    adjusted = adjust_p_values(np.array([0.01, np.nan, 0.04]))
    assert adjusted[[0, 2]] == pytest.approx([0.02, 0.04])
    assert np.isnan(adjusted[1])
    assert np.isnan(adjust_p_values(np.array([np.nan]))).all()


@pytest.mark.parametrize("name", sorted(DRIFT_TESTS))
def test_every_test_is_zero_for_the_same_and_larger_for_more(name):
    test, reference = DRIFT_TESTS[name](), ColumnProfile.of(NORMAL)
    same, near, far = (test.statistic(reference, NORMAL + shift) for shift in (0.0, 0.5, 1.5))
    assert same == pytest.approx(0.0, abs=0.011)  # the distance knows training by 101 quantiles
    assert same < near < far
    assert far > test.threshold > 0
    assert test.source[-1] == ")"


@pytest.mark.parametrize("name", sorted(set(DRIFT_TESTS) - {DISTANCE.name, LEVEL.name}))
def test_values_that_go_missing_are_a_difference(name):
    test, reference = DRIFT_TESTS[name](), ColumnProfile.of(NORMAL)
    half = np.where(np.arange(len(NORMAL)) % 2 == 0, np.nan, NORMAL)
    assert test.statistic(reference, half) > test.threshold


def test_every_test_goes_by_its_name_and_unknown_names_are_helped():
    assert list(DRIFT_TESTS)[:5] == ["ks", "psi", "js", "kl", "level"]
    for name, test in DRIFT_TESTS.items():
        assert test.name == name
        assert test.title
        assert test.meaning
    with pytest.raises(UnknownNameError, match="Did you mean 'ks'"):
        DRIFT_TESTS["kss"]


def test_shares_sum_to_one_with_the_missing_ones():
    reference = ColumnProfile.of(np.append(NORMAL, np.full(100, np.nan)))
    assert shares_in_training(reference).sum() == pytest.approx(1.0)
    now = shares_now(reference, np.array([np.nan, 0.0, 99.0, -99.0]))
    assert now.sum() == pytest.approx(1.0)
    assert now[-1] == 0.25
    assert len(now) == len(shares_in_training(reference))


def test_a_column_never_known_in_training():
    reference = ColumnProfile.of(np.full(10, np.nan))
    assert shares_in_training(reference).tolist() == [0.0, 1.0]
    assert DRIFT_TESTS["psi"]().statistic(reference, np.full(5, np.nan)) == pytest.approx(0.0)
    assert DRIFT_TESTS["psi"]().statistic(reference, np.ones(5)) > 0.25
    assert np.isnan(DRIFT_TESTS["ks"]().statistic(reference, np.ones(5)))


def panel(seed: int, days: int, instruments: int = 12, features: int = 12) -> pd.DataFrame:
    """A panel as dependent as real ones: common daily shocks, and features that hardly move in a month or a year."""
    random = np.random.default_rng(seed)
    dates = pd.date_range("2020-01-01", periods=days, freq="B", tz="UTC")
    columns = {"ts": np.repeat(dates, instruments)}
    for feature in range(features):
        memory, common = [0.0, 0.9, 0.97, 0.9972][feature % 4], [0.0, 0.7, 1.0][feature % 3]
        noise = np.sqrt(1 - common) * random.normal(size=(days + 200, instruments))
        noise += np.sqrt(common) * random.normal(size=(days + 200, 1))
        values = lfilter([np.sqrt(1 - memory**2)], [1.0, -memory], noise, axis=0)
        columns[f"f{feature}"] = values[200:].ravel()
    return pd.DataFrame(columns)


def compare(history: pd.DataFrame, current: pd.DataFrame, days: int = 20) -> pd.DataFrame:
    names = [name for name in history if name != "ts"]
    reference = {name: ColumnProfile.of(history[name].to_numpy()) for name in names}
    return feature_drift(reference, current, history, days=days)


def test_anything_rings_in_at_most_five_of_a_hundred_runs_without_drift():
    """200 worlds of 12 features, half of them watched at once after training and half of them half a year later.

    21 runs that ring are allowed: more have a chance of less than 1 in 1000 if 5 % of runs ring, and no more than that
    have as small a chance if 20 % do.
    """
    worlds, allowed = 200, 21
    assert stats.binom.sf(allowed, worlds, 0.05) < 0.001
    assert stats.binom.cdf(allowed, worlds, 0.20) < 0.001
    reasons = []
    for seed in range(worlds):
        world = panel(seed, days=620 + 120, instruments=6)
        days = world["ts"].unique()
        start = days[600 + 120 * (seed % 2)]
        current = last_days(world[world["ts"] < start + pd.Timedelta(days=28)], 20)
        table = compare(world[world["ts"] < days[600]], current)
        reasons.append(set(table.loc[table["drifted"], "reason"]))
    rung = sum(bool(each) for each in reasons)
    kinds = {kind.value: sum(any(kind in reason for reason in each) for each in reasons) for kind in Evidence}
    print(f"false alarms in {rung} of {worlds} runs, by evidence {kinds}")
    assert rung <= allowed


@pytest.mark.parametrize("seed", range(5))
def test_a_moved_feature_rings(seed):
    world = panel(seed, days=620)
    cut = world["ts"].unique()[600]
    history, current = world[world["ts"] < cut], world[world["ts"] >= cut].copy()
    current["f0"] = current["f0"] + 1.0
    table = compare(history, current).set_index("name")
    assert table.loc["f0", "drifted"]
    columns = drift_columns()
    assert tuple(compare(history, current)) == columns
    assert columns[:6] == ("kind", "name", "ks", "usual_ks", "p_value", "p_adjusted")
    assert columns[6:13] == ("level", "beyond_level", "level_p_value", "level_p_adjusted", "psi", "js", "kl")
    assert columns[-2:] == ("reason", "drifted")


def test_what_rings_is_adjusted_for_all_that_was_compared():
    world = panel(2, days=620)
    cut = world["ts"].unique()[600]
    table = compare(world[world["ts"] < cut], world[world["ts"] >= cut].assign(f0=lambda rows: rows["f0"] + 1.0))
    level, distribution = table["level_p_value"].to_numpy(), table["p_value"].to_numpy()
    np.testing.assert_array_equal(table["level_p_adjusted"], adjust_family_wise(level))
    np.testing.assert_array_equal(table["p_adjusted"], adjust_p_values(distribution))
    assert (table["level_p_adjusted"] > table["level_p_value"]).any()
    assert (table["p_adjusted"] > table["p_value"]).any()


def test_a_level_may_have_moved_further_the_longer_ago_training_is():
    """The same values are watched at once and half a year later: what is unlikely at first is less so then."""
    world = panel(2, days=600)
    days = world["ts"].unique()
    history, current = world[world["ts"] < days[580]], world[world["ts"] >= days[580]].copy()
    current["f3"] = current["f3"] + 3.0
    levels = np.array([mean_level(history["f3"].to_numpy()[rows]) for rows in past_windows(history, 20)])
    found = []
    for later in (0, 182):
        watched = current.assign(ts=current["ts"] + pd.Timedelta(days=later))
        ahead = windows_ahead(history, past_windows(history, 20), watched)
        row = compare(history, watched).set_index("name").loc["f3"]
        assert row["level_p_value"] == level_p_value(mean_level(current["f3"].to_numpy()), levels, ahead)
        found.append(row["level_p_value"])
    assert 0.0 < found[0] < found[1] < 1.0


def test_a_feature_that_vanishes_rings():
    world = panel(1, days=320)
    cut = world["ts"].unique()[300]
    current = world[world["ts"] >= cut].assign(f3=np.nan)
    table = compare(world[world["ts"] < cut], current).set_index("name")
    assert table["drifted"].tolist() == [name == "f3" for name in table.index]


def test_many_rows_of_one_shock_are_not_many_observations():
    past = np.array([0.30, 0.25, 0.35, 0.28, 0.31, 0.4, 0.22, 0.3, 0.29, 0.33])
    assert block_p_value(0.33, past, 20) > 0.05
    assert block_p_value(0.33, past / 10, 20) < 0.001


def test_without_history_days_are_the_observations():
    world = panel(3, days=20)
    reference = {"f0": ColumnProfile.of(NORMAL)}
    calm = feature_drift(reference, world, world.iloc[:0], days=20)
    moved = feature_drift(reference, world.assign(f0=world["f0"] + 2), world.iloc[:0], days=20)
    assert (calm["drifted"].tolist(), moved["drifted"].tolist()) == ([False], [True])


def test_prediction_drift_rings_when_it_is_large_and_unlikely():
    probabilities = 1 / (1 + np.exp(-0.2 * NORMAL))
    reference = ColumnProfile.of(probabilities)
    steady = [probabilities[start::10] for start in range(10)]
    restless = [window + 0.1 * (-1) ** number for number, window in enumerate(steady)]
    calm = prediction_drift(reference, probabilities[:500], steady, days=20)
    moved = prediction_drift(reference, probabilities[:500] + 0.1, steady, days=20)
    usual = prediction_drift(reference, probabilities[:500] + 0.1, restless, days=20)
    young = prediction_drift(reference, probabilities[:500] + 0.1, [], days=20)
    assert [table["drifted"].iloc[0] for table in (calm, moved, usual, young)] == [False, True, False, True]
    assert calm["kl"].iloc[0] < 0.1 < moved["kl"].iloc[0] == usual["kl"].iloc[0]
    assert not prediction_drift(reference, np.empty(0), steady, days=20)["drifted"].iloc[0]


def test_last_days_are_whole_dates():
    times = pd.to_datetime(["2024-01-01T10:00Z", "2024-01-02T10:00Z", "2024-01-02T11:00Z", "2024-01-05T01:00Z"])
    frame = pd.DataFrame({"ts": times})
    assert last_days(frame, 2)["ts"].tolist() == times[1:].tolist()
    assert last_days(frame.iloc[:0], 2).empty


def test_past_windows_are_whole_dates_up_to_the_end():
    world = panel(4, days=50, instruments=3, features=1)
    windows = past_windows(world.sample(frac=1.0, random_state=1), 20)
    assert [len(rows) for rows in windows] == [60, 60]
    shuffled = world.sample(frac=1.0, random_state=1)["ts"]
    assert shuffled.iloc[windows[0]].max() < shuffled.iloc[windows[1]].min()
    assert shuffled.iloc[windows[-1]].max() == world["ts"].max()
    assert past_windows(world.iloc[:0], 20) == []
    assert past_windows(world.head(9), 20) == []


def test_a_sample_of_a_window_sees_all_instruments_alike():
    rows = sampled(np.arange(2_880))  # six currencies, every second of which a step of two would leave out
    assert len(rows) == 2_000
    assert np.bincount(rows % 6).min() > 300
    assert sampled(np.arange(10)).tolist() == list(range(10))


def test_windows_ahead_go_by_the_calendar():
    world = panel(4, days=200, instruments=1, features=1)
    days = world["ts"].unique()
    history = world[world["ts"] < days[100]]
    windows = past_windows(history, 20)
    assert windows_ahead(history, windows, world[world["ts"] >= days[100]]) == pytest.approx(1.0, abs=0.02)
    assert windows_ahead(history, windows, world[world["ts"] >= days[160]]) == pytest.approx(4.0, abs=0.02)
    assert windows_ahead(history, windows[:1], world.tail(1)) == 1.0
    assert windows_ahead(history, windows, world.iloc[:0]) == 1.0


class WorstCase(DriftTest):
    """Largest value now, less the smallest in training."""

    name = "worst"
    title = "worst case"
    meaning = "Excess of the largest value over the smallest"
    threshold = 0.5
    source = "Nobody (2000)"
    measures = frozenset({Subject.FEATURE})
    alarms = frozenset({Subject.FEATURE})

    def statistic(self, reference, current):
        return float(np.nanmax(current) - reference.quantiles[0])


def test_a_test_that_is_registered_is_in_every_table_and_rings():
    world = panel(2, days=620)
    cut = world["ts"].unique()[600]
    history, current = world[world["ts"] < cut], world[world["ts"] >= cut].copy()
    current["f0"] = current["f0"] + 1.0
    reference = {name: ColumnProfile.of(history[name].to_numpy()) for name in ("f0", "f1")}
    before = feature_drift(reference, current, history, days=20)
    with DRIFT_TESTS.trial():
        DRIFT_TESTS.add("worst", WorstCase)
        after = feature_drift(reference, current, history, days=20)
        rules = {worst: DriftRules(thresholds={"worst": worst, "psi": 99.0, "level": 99.0}) for worst in (1e-9, 99.0)}
        strict = feature_drift(reference, current, history, days=20, rules=rules[1e-9])
        calm = feature_drift(reference, current, history, days=20, rules=rules[99.0])
        outcome = prediction_drift(reference["f0"], np.zeros(3), [], days=20)
        assert limits(Subject.FEATURE, {"worst": 2.0}) == {"psi": 0.25, "level": 0.5, "worst": 2.0}
        assert [test.name for test in measuring(Subject.FEATURE)][-1] == "worst"
        assert "worst" not in [test.name for test in measuring(Subject.PREDICTION)]
        assert drift_columns()[-3:] == ("worst", "reason", "drifted")
    pd.testing.assert_frame_equal(after.drop(columns="worst"), before)
    assert after["worst"].tolist() == [current[name].max() - reference[name].quantiles[0] for name in ("f0", "f1")]
    assert strict["drifted"].tolist() == [True, False], "large by the new test, and only what is unlikely"
    assert calm["drifted"].tolist() == [False, False]
    assert np.isnan(outcome["worst"].iloc[0])
    assert "worst" not in drift_columns()
