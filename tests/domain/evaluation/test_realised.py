"""How right the service was: what counts, what does not, and figures that independent libraries find as well."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, brier_score_loss

from finq_predictor.domain.evaluation.realised import (
    FEWEST_MATURED,
    counts_of,
    judge,
    outcomes_of,
    paper_figure,
    realised_figures,
)
from finq_predictor.domain.labels import make_labels
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.modelling.calibration import calibration_slope
from finq_predictor.domain.panel import build_panel
from serving.small_market import silver

EQUITY, FX = get_market("equity"), get_market("fx")
DAY = pd.Timedelta(days=1)


def statements(days: int = 60, names: int = 8, seed: int = 3, skill: float = 1.0) -> pd.DataFrame:
    """Statements about random walks, each of the newest bar, with probabilities that mean what they say at skill 1."""
    rng = np.random.default_rng(seed)
    ts = pd.bdate_range("2024-01-02", periods=days, tz="UTC").as_unit("us") + pd.Timedelta(hours=21)
    grid = pd.MultiIndex.from_product([ts, [f"STOCK{one}" for one in range(names)]], names=["ts", "instrument"])
    frame = grid.to_frame(index=False)
    odds = rng.normal(0.0, 1.0, len(frame))
    y = (rng.random(len(frame)) < 1.0 / (1.0 + np.exp(-skill * odds))).astype(float)
    return frame.assign(
        probability=1.0 / (1.0 + np.exp(-odds)),
        decision="predict",
        newest_ts=frame["ts"],
        label=y,
        forward_return=np.where(y > 0.5, 1.0, -1.0) * rng.uniform(0.001, 0.05, len(frame)),
        known_at=frame["ts"] + 8 * DAY,
        prediction_set=None,
    )


def by_name(found) -> dict:
    return {figure.name: figure for figure in found}


def test_each_statement_is_one_thing_and_only_what_was_open_is_judged():
    rows = statements(days=1, names=6)
    rows.loc[0, "decision"] = "abstain"
    rows.loc[1, "probability"] = np.nan
    rows.loc[2, ["label", "forward_return"]] = np.nan
    rows.loc[2, "known_at"] = pd.NaT
    rows.loc[3, "label"] = np.nan
    # It spoke of an old bar when its outcome was known.
    rows.loc[4, "newest_ts"] = rows.loc[4, "known_at"]
    kinds = ["abstained", "abstained", "waiting", "ties", "known_before", "matured"]
    assert list(judge(rows)) == kinds
    found = counts_of(rows)
    assert (found.said, found.abstained, found.matured, found.days) == (6, 2, 1, 1)
    assert (found.waiting, found.ties, found.known_before) == (1, 1, 1)


def test_the_figures_are_those_of_other_libraries():
    rows = statements()
    found = by_name(realised_figures(rows, EQUITY, 5, {"hit_rate": 0.6}, n_resamples=200))
    y, p = rows["label"], rows["probability"]
    assert found["hit_rate"].value == pytest.approx(accuracy_score(y, p > 0.5))
    assert found["hit_rate"].promised == 0.6
    assert found["brier"].value == pytest.approx(brier_score_loss(y, p))
    ranks = [spearmanr(day["probability"], day["forward_return"]).statistic for _, day in rows.groupby("ts")]
    assert found["rank_ic"].value == pytest.approx(np.mean(ranks))
    odds = np.log(p / (1 - p)).to_numpy()[:, None]
    fitted = LogisticRegression(C=1e9, tol=1e-10).fit(odds, y)
    assert found["calibration_slope"].value == pytest.approx(fitted.coef_[0, 0], rel=1e-4)
    assert found["calibration_slope"].promised == 1.0
    for name in ("hit_rate", "rank_ic", "brier", "ece", "calibration_slope"):
        assert found[name].low < found[name].value < found[name].high
    assert "coverage" not in found


def test_what_is_too_little_gives_no_figure():
    rows = statements(days=60, names=1)
    assert counts_of(rows).matured < FEWEST_MATURED
    assert all(figure.value is None for figure in realised_figures(rows, EQUITY, 5, {}))
    few_days = statements(days=5, names=40)
    assert all(figure.value is None for figure in realised_figures(few_days, EQUITY, 5, {"brier": 0.2}))
    assert by_name(realised_figures(few_days, EQUITY, 5, {"brier": 0.2}))["brier"].promised == 0.2


def test_statements_that_do_not_count_change_no_figure():
    rows = statements()
    noise = statements(seed=4).assign(decision="abstain")
    past = statements(seed=5)
    past["newest_ts"] = past["known_at"]
    plain = realised_figures(rows, EQUITY, 5, {}, n_resamples=100)
    assert realised_figures(pd.concat([noise, rows, past]), EQUITY, 5, {}, n_resamples=100) == plain


def test_coverage_is_the_share_of_sets_that_hold_what_happened():
    rows = statements()
    both = np.arange(len(rows)) % 4 != 0
    sets = [[0, 1] if each else [1 - int(y)] for each, y in zip(both, rows["label"], strict=True)]
    found = by_name(realised_figures(rows.assign(prediction_set=sets), EQUITY, 5, {}, n_resamples=100))
    assert found["coverage"].value == pytest.approx(0.75)


@pytest.mark.parametrize(("skill", "low", "high"), [(1.0, 0.8, 1.2), (0.0, -0.2, 0.2), (-1.0, -1.2, -0.8)])
def test_the_slope_tells_calibrated_from_worthless_from_the_wrong_way(skill, low, high):
    rows = statements(days=250, skill=skill)
    day = rows["ts"].rank(method="dense").to_numpy()
    slope, below, above = calibration_slope(rows["probability"].to_numpy(), rows["label"].to_numpy(), day)
    assert low < slope < high
    assert below < skill < above
    assert np.isnan(calibration_slope(np.full(10, 0.5), np.arange(10) % 2, np.arange(10))).all()


def test_paper_gains_are_told_per_day_in_basis_points():
    daily = pd.DataFrame({"net_return": np.tile([0.001, -0.0005], 20)})
    found = paper_figure(daily, EQUITY, 5, 3.0)
    assert (found.value, found.promised) == (pytest.approx(2.5), 3.0)
    assert found.low <= found.value <= found.high
    assert paper_figure(daily.head(5), EQUITY, 5, None).value is None


@settings(deadline=None, max_examples=40)
@given(
    market=st.sampled_from([EQUITY, FX]), seed=st.integers(0, 20), start=st.integers(0, 39), horizon=st.integers(1, 6)
)
def test_outcomes_are_the_labels_of_training_wherever_one_begins_to_look(market, seed, start, horizon):
    tables = silver(market, 40, seed)
    panel = build_panel(tables["bars"], market, benchmark=tables.get("benchmark"))
    labels = make_labels(panel, market, (horizon,))
    keys = labels.loc[labels["ts"] >= panel.ts[start], ["instrument", "ts"]].assign(horizon=horizon)
    found = outcomes_of(panel, market, keys.sample(frac=1.0, random_state=seed))
    merged = found.merge(labels, on=["instrument", "ts"], validate="one_to_one")
    np.testing.assert_array_equal(merged["forward_return"], merged[f"forward_return_{horizon}"])
    np.testing.assert_array_equal(merged["label"], merged[f"label_{horizon}"])
    known = merged["forward_return"].notna()
    assert (merged["known_at"] == merged[f"label_end_{horizon}"])[known].all()
    assert merged.loc[~known, "known_at"].isna().all()


def test_what_is_no_bar_has_no_outcome():
    tables = silver(FX, 30, 1)
    panel = build_panel(tables["bars"], FX)
    keys = pd.DataFrame({"horizon": [1], "instrument": ["NOBODY"], "ts": [panel.ts[3]]})
    found = outcomes_of(panel, FX, keys)
    assert found[["forward_return", "label", "known_at"]].isna().all(axis=None)
    assert outcomes_of(panel, FX, keys.iloc[:0]).empty
