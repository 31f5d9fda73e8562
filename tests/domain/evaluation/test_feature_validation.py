"""What a feature is worth alone, held against other libraries, planted truths and the sealed window."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from finq_predictor.domain.errors import DataError, UnknownNameError
from finq_predictor.domain.evaluation.false_discoveries import adjust_p_values
from finq_predictor.domain.evaluation.feature_validation.clusters import (
    cluster,
    leaves,
    rank_correlation,
    representatives,
)
from finq_predictor.domain.evaluation.feature_validation.grid import Ranked
from finq_predictor.domain.evaluation.feature_validation.hac import errors_wide, hac_lags, hac_test
from finq_predictor.domain.evaluation.feature_validation.measuring import LAGS
from finq_predictor.domain.evaluation.feature_validation.validating import Validation, validate_features
from finq_predictor.domain.market.markets import MARKETS

EQUITY, FX = MARKETS["equity"], MARKETS["fx"]
HORIZON = 2


def make_rows(n_bars: int = 160, n_names: int = 14, seed: int = 0, holes: float = 0.1) -> pd.DataFrame:
    """Gold with one feature that knows something, one that is its copy, and some that know nothing."""
    rng = np.random.default_rng(seed)
    ts = pd.date_range("2021-06-01 21:00", periods=n_bars, freq="7D", tz="UTC").astype("datetime64[us, UTC]")
    names = [f"S{place:02d}" for place in range(n_names)]
    index = pd.MultiIndex.from_product([ts, names], names=["ts", "instrument"])
    frame = pd.DataFrame(index=index).reset_index()
    outcome = rng.standard_normal(len(frame))
    known = outcome + 3.0 * rng.standard_normal(len(frame))
    frame["known"] = known
    frame["copy"] = -known + 0.01 * rng.standard_normal(len(frame))
    frame["coarse"] = np.round(rng.standard_normal(len(frame)))
    frame["noise"] = rng.standard_normal(len(frame))
    frame["clock"] = np.repeat(rng.standard_normal(n_bars), n_names)
    frame["constant"] = 1.0
    features = frame.columns[2:]
    frame[features] = frame[features].mask(rng.random((len(frame), len(features))) < holes).astype("float32")
    frame[f"forward_return_{HORIZON}"] = 0.01 * outcome
    frame[f"forward_return_{HORIZON}"] = frame[f"forward_return_{HORIZON}"].mask(rng.random(len(frame)) < holes)
    end = frame["ts"] + pd.Timedelta(days=7 * (HORIZON + 1))
    frame[f"label_end_{HORIZON}"] = end.where(frame[f"forward_return_{HORIZON}"].notna())
    frame = frame[rng.random(len(frame)) > 0.05].reset_index(drop=True)
    return frame


FEATURES = ["known", "copy", "coarse", "noise", "clock", "constant"]
SECTORS = [f"sector {place % 3}" for place in range(14)]


def validated(frame: pd.DataFrame, **options) -> Validation:
    features = options.pop("features", FEATURES)
    return validate_features(frame, features, EQUITY, horizons=(HORIZON,), **options)


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    return make_rows()


@pytest.fixture(scope="module")
def sectors(rows) -> pd.DataFrame:
    names = sorted(rows["instrument"].unique())
    return rows[["ts", "instrument"]].assign(sector=rows["instrument"].map(dict(zip(names, SECTORS, strict=True))))


@pytest.fixture(scope="module")
def found(rows, sectors) -> Validation:
    return validated(rows, sectors=sectors, sets={"honest": ["known", "noise"], "elsewhere": ["gone", "noise"]})


def per_bar(frame: pd.DataFrame, feature: str, outcome: str, method: str) -> pd.Series:
    """The way everybody does it: one bar at a time, by pandas."""
    known = frame.dropna(subset=[feature, outcome])
    return known.groupby("ts")[[feature, outcome]].apply(
        lambda bar: bar[feature].astype(float).corr(bar[outcome], method=method) if len(bar) > 2 else np.nan
    )


# Golden values ------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:invalid value encountered")
@pytest.mark.parametrize("feature", ["known", "coarse", "noise"])
def test_correlations_are_those_of_pandas_bar_by_bar(rows, found, feature):
    row = found.features.set_index("feature").loc[feature]
    outcome = f"forward_return_{HORIZON}"
    assert row["ic"] == pytest.approx(per_bar(rows, feature, outcome, "pearson").mean(), abs=1e-9)
    assert row["rank_ic"] == pytest.approx(per_bar(rows, feature, outcome, "spearman").mean(), abs=1e-12)


@pytest.mark.filterwarnings("ignore:invalid value encountered")
@pytest.mark.parametrize("lag", LAGS)
def test_decay_is_the_feature_of_earlier_bars_against_the_same_outcome(rows, found, lag):
    wide = rows.pivot_table(index="ts", columns="instrument", values="known", dropna=False).shift(lag)
    later = rows.assign(delayed=wide.stack().reindex(pd.MultiIndex.from_frame(rows[["ts", "instrument"]])).to_numpy())
    expected = per_bar(later, "delayed", f"forward_return_{HORIZON}", "spearman").mean()
    assert found.features.set_index("feature").loc["known", f"lag_{lag}"] == pytest.approx(expected, abs=1e-12)


def test_over_time_each_instrument_is_compared_with_its_own_past_as_pandas_expands_it():
    frame = make_rows(n_names=4, n_bars=200)
    frame["ts"] -= pd.Timedelta(hours=9)
    outcome = f"forward_return_{HORIZON}"
    parts = []
    for _, mine in frame.groupby("instrument"):
        known = mine.dropna(subset=["known"])
        past = known["known"].astype(float).expanding(60)
        score = ((known["known"] - past.mean().shift()) / past.std().shift()).clip(-3.0, 3.0)
        scaled = mine[outcome] / np.sqrt((mine[outcome] ** 2).mean())
        parts.append((score * scaled).dropna().rename("product").to_frame().join(frame["ts"]))
    by_bar = pd.concat(parts).groupby("ts")["product"].mean()
    found = validate_features(frame, ["known"], FX, horizons=(HORIZON,)).features.iloc[0]
    assert found["time_ic"] == pytest.approx(by_bar.mean(), rel=1e-6)
    assert found["mean"] == found["time_ic"]
    assert found["n_bars"] == len(by_bar)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(3, 12), st.integers(0, 3))
def test_one_bar_is_spearmans_correlation_with_ties_and_holes(seed, size, lag):
    rng = np.random.default_rng(seed)
    x, y = (np.round(rng.standard_normal((6, size)), 1) for _ in range(2))
    x[rng.random(x.shape) < 0.2], y[rng.random(y.shape) < 0.2] = np.nan, np.nan
    given_back = Ranked.of(x).against(Ranked.of(y), lag)
    for bar in range(6):
        both = np.isfinite(x[bar - lag]) & np.isfinite(y[bar]) if bar >= lag else np.zeros(size, bool)
        a, b = x[bar - lag][both], y[bar][both]
        if both.sum() < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
            assert np.isnan(given_back[bar])
        else:
            assert given_back[bar] == pytest.approx(stats.spearmanr(a, b).statistic, abs=1e-12)


@pytest.mark.parametrize("lags", [0, 1, 4, 11])
def test_errors_are_those_of_statsmodels(lags):
    from statsmodels.regression.linear_model import OLS

    rng = np.random.default_rng(lags)
    series = np.convolve(rng.standard_normal(400), np.ones(5), "valid")[:, None] + [[0.0, 0.4]]
    series[:30, 1] = np.nan
    ours = hac_test(series, 5, lags=lags)
    for place in range(2):
        known = series[np.isfinite(series[:, place]), place]
        theirs = OLS(known, np.ones(len(known))).fit(cov_type="HAC", cov_kwds={"maxlags": lags})
        assert ours.mean[place] == pytest.approx(theirs.params[0], rel=1e-12)
        assert ours.error[place] == pytest.approx(theirs.bse[0], rel=1e-9)
        assert ours.t[place] == pytest.approx(theirs.tvalues[0], rel=1e-9)


def test_false_discoveries_are_those_of_statsmodels():
    from statsmodels.stats.multitest import multipletests

    p_values = np.random.default_rng(1).random(50) ** 3
    given_nan = np.r_[p_values[:20], np.nan, p_values[20:]]
    for dependent, method in ((False, "fdr_bh"), (True, "fdr_by")):
        ours = adjust_p_values(given_nan, dependent=dependent)
        assert np.isnan(ours[20])
        np.testing.assert_allclose(np.delete(ours, 20), multipletests(p_values, method=method)[1], atol=1e-12)


def test_correlation_of_columns_is_that_of_scipy_and_of_pandas_where_values_are_missing():
    rng = np.random.default_rng(3)
    values = rng.standard_normal((300, 4))
    values[:, 3] = np.round(values[:, 0] + 0.3 * values[:, 3])
    np.testing.assert_allclose(rank_correlation(values), stats.spearmanr(values).statistic, atol=1e-12)
    values[rng.random(values.shape) < 0.1] = np.nan
    # Each column is ranked once, not anew for every pair.
    np.testing.assert_allclose(rank_correlation(values), pd.DataFrame(values).corr(method="spearman"), atol=0.02)


# Truths that were planted ---------------------------------------------------------------------------------------------


def test_what_is_planted_is_found_and_what_is_noise_is_not(found):
    table = found.features.set_index("feature")
    assert table.loc["known", "p_by"] < 0.001
    assert table.loc["copy", "t"] == pytest.approx(-table.loc["known", "t"], rel=0.25)
    assert table.loc[["coarse", "noise", "clock"], "p_bh"].min() > 0.05
    assert table.loc["known", "years_same_sign"] == table.loc["known", "groups_same_sign"] == 1.0
    assert table.loc["known", ["lag_1", "lag_2", "lag_5", "lag_10", "lag_20"]].abs().max() < 0.1


def test_copies_lie_in_one_cluster_and_others_alone(found):
    cluster_of = found.features.set_index("feature")["cluster"]
    assert cluster_of["known"] == cluster_of["copy"]
    assert cluster_of.nunique() == len(FEATURES) - 1


def test_what_is_the_same_for_all_instruments_is_judged_over_time(found):
    table = found.features.set_index("feature")
    assert table.loc["clock", "scope"] == "time"
    assert np.isnan(table.loc["clock", "rank_ic"])
    assert np.isfinite(table.loc["clock", "t"])
    assert table.loc["noise", "scope"] == "instruments"
    assert table.loc["constant", ["t", "p_value", "p_bh"]].isna().all()


def test_a_set_keeps_its_own_share_of_false_discoveries(found):
    sets = found.sets.set_index("set")
    assert list(sets.index) == ["all", "honest", "elsewhere"]
    assert (sets.loc["honest", "n_features"], sets.loc["elsewhere", "n_features"]) == (2, 1)
    assert sets.loc["honest", ["n_bh", "n_by"]].tolist() == [1, 1]
    assert sets.loc["all", "strongest"] in ("known", "copy")


def test_coverage_and_turnover_are_said(found, rows):
    table = found.features.set_index("feature")
    assert table.loc["noise", "coverage"] == pytest.approx(rows["noise"].notna().mean())
    assert abs(table.loc["noise", "autocorrelation"]) < 0.1
    slow = rows.assign(slow=rows["instrument"].str[1:].astype("float32"))
    assert validated(slow, features=["slow"]).features["autocorrelation"].item() == pytest.approx(1.0)


def test_a_sector_in_which_a_feature_fails_is_named(rows, sectors):
    outcome = f"forward_return_{HORIZON}"
    turned = (sectors["sector"] == "sector 1").to_numpy()
    mixed = rows.assign(mixed=rows[outcome].mask(turned, -0.5 * rows[outcome]).astype("float32"))
    row = validated(mixed, features=["mixed"], sectors=sectors).features.iloc[0]
    assert (row["worst_group"], row["groups_same_sign"]) == ("sector 1", pytest.approx(2 / 3))
    assert row["worst_group_mean"] == pytest.approx(-1.0)


def test_few_instruments_are_judged_over_time_and_named_one_by_one():
    frame = make_rows(n_names=4, n_bars=300)
    frame["ts"] -= pd.Timedelta(hours=9)  # out of the hours that are masked
    found = validate_features(frame, ["known", "noise"], FX, horizons=(HORIZON,))
    assert found.features["scope"].tolist() == ["time", "time"]
    table = found.features.set_index("feature")
    assert table.loc["known", "p_bh"] < 0.01 < table.loc["noise", "p_bh"]
    assert np.isfinite(table.loc["known", "rank_ic"]), "beside it the rank correlation stands all the same"
    parts = found.stability[found.stability["kind"] == "group"]
    assert sorted(parts["part"].unique()) == ["S00", "S01", "S02", "S03"]


def test_a_random_walk_is_not_predicted_by_its_own_level():
    """Pooled over time a level seems to foretell a fall (Stambaugh, 1999); its distance from its own past does not."""
    pooled, ours = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        steps = rng.standard_normal((202, 3))
        level = steps.cumsum(axis=0)
        ts = pd.date_range("2023-01-02", periods=200, freq="h", tz="UTC").astype("datetime64[us, UTC]")
        frame = pd.DataFrame(
            {
                "ts": np.repeat(ts, 3),
                "instrument": ["A", "B", "C"] * 200,
                "level": level[:200].ravel().astype("float32"),
                "forward_return_1": steps[1:201].ravel(),
                "label_end_1": np.repeat(ts + pd.Timedelta(hours=1), 3),
            }
        )
        pooled.append(stats.spearmanr(frame["level"], frame["forward_return_1"]).statistic)
        ours.append(validate_features(frame, ["level"], FX, horizons=(1,), threads=1).features["time_t"].item())
    assert stats.ttest_1samp(pooled, 0.0).pvalue < 1e-6, "the trap is there"
    assert stats.ttest_1samp(ours, 0.0).pvalue > 0.01


@pytest.mark.parametrize("share", [0.01, 0.03, 0.06, 0.08])
def test_the_law_has_the_quantile_of_kiefer_and_vogelsang(share):
    theirs = 1.96 + 2.9694 * share + 0.4160 * share**2 - 0.5324 * share**3
    series = np.random.default_rng(0).standard_normal(2000)[:, None]
    found = hac_test(series, 1, lags=round(2000 * share) - 1)
    chance = 2.0 * stats.t.sf(theirs, 0.75 / share)
    assert chance == pytest.approx(0.05, abs=0.005)
    assert found.p_value[0] == pytest.approx(2.0 * stats.t.sf(abs(found.t[0]), 0.75 / share), rel=1e-6)


@pytest.mark.parametrize("horizon", [1, 5, 20])
def test_the_test_has_about_the_level_that_it_says_when_labels_overlap(horizon):
    rng = np.random.default_rng(horizon)
    shocks = rng.standard_normal((1000 + horizon, 3000))
    summed = np.cumsum(shocks, axis=0)
    overlapping = summed[horizon:] - summed[:-horizon]
    level = (hac_test(overlapping, horizon).p_value <= 0.05).mean()
    assert 0.03 <= level <= 0.065, level
    usual = hac_test(overlapping, horizon, lags=horizon).t
    if horizon == 20:
        assert (2.0 * stats.norm.sf(np.abs(usual)) <= 0.05).mean() > 0.1, "one label and the normal law do not do"


# What may not be looked at --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sealed_from(rows) -> pd.Timestamp:
    return rows["ts"].drop_duplicates().sort_values().iloc[-40]


def test_nothing_of_the_sealed_window_is_looked_at(rows, sectors, sealed_from):
    """Whatever happened in it, and every outcome that reaches into it, may be anything."""
    rng = np.random.default_rng(9)
    outcome, end = f"forward_return_{HORIZON}", f"label_end_{HORIZON}"
    changed, told = rows.copy(), sectors.copy()
    later, reaching = (changed["ts"] >= sealed_from), ~(changed[end] < sealed_from)
    assert (reaching & ~later & changed[outcome].notna()).any(), "some outcomes reach into the window"
    changed.loc[later, FEATURES] = rng.standard_normal((later.sum(), len(FEATURES))).astype("float32")
    changed.loc[reaching, outcome] = rng.standard_normal(reaching.sum())
    told.loc[told["ts"] >= sealed_from, "sector"] = "another"
    before = validated(rows, sectors=sectors, sealed_from=sealed_from)
    for one in (changed, changed[~later]):
        after = validated(one, sectors=told, sealed_from=sealed_from)
        for name in ("features", "sets", "stability", "correlations"):
            pd.testing.assert_frame_equal(getattr(before, name), getattr(after, name))


def test_the_same_without_a_seal_would_be_noticed(rows, sealed_from):
    changed = rows.copy()
    later = changed["ts"] >= sealed_from
    changed.loc[later, "noise"] = changed.loc[later, "noise"].to_numpy()[::-1]
    assert not validated(rows).features["rank_ic"].equals(validated(changed).features["rank_ic"])


def test_masked_hours_are_not_judged():
    frame = make_rows(n_names=4, n_bars=300)
    hours = frame["ts"].dt.normalize() + pd.Timedelta(hours=22)
    assert validate_features(frame.assign(ts=hours), ["known"], FX, horizons=(HORIZON,)).features["n_bars"].item() == 0


def test_threads_and_order_of_rows_change_nothing(rows, found, sectors):
    sets = {"honest": ["known", "noise"], "elsewhere": ["gone", "noise"]}
    again = validated(rows, sectors=sectors, sets=sets, threads=1)
    pd.testing.assert_frame_equal(found.features, again.features)
    shuffled = rows.sample(frac=1.0, random_state=1)
    mixed = validated(shuffled, sectors=sectors, sets=sets)
    pd.testing.assert_frame_equal(found.features, mixed.features)


# Clusters and refusals ------------------------------------------------------------------------------------------------


def test_of_each_cluster_the_strongest_stands_for_it():
    clusters = np.array([1, 2, 1, 3, 2])
    strength = np.array([0.1, np.nan, -0.4, np.nan, 0.2])
    assert representatives(clusters, strength).tolist() == [2, 3, 4]


def test_one_feature_is_a_cluster_and_neighbours_in_the_picture_say_the_same():
    assert cluster(np.eye(1)).tolist() == [1]
    assert leaves(np.eye(1)).tolist() == [0]
    alike = np.eye(4)
    alike[0, 2] = alike[2, 0] = -0.95
    assert cluster(alike).tolist() == [1, 2, 1, 3]
    order = leaves(alike).tolist()
    assert abs(order.index(0) - order.index(2)) == 1


@pytest.mark.parametrize("horizon", [1, 20])
def test_an_interval_holds_zero_where_the_p_value_is_above_its_level(horizon):
    series = np.random.default_rng(0).standard_normal((500, 200)) + 0.05
    found = hac_test(series, horizon)
    wide = errors_wide(500, horizon)
    np.testing.assert_array_equal(np.abs(found.mean) > wide * found.error, found.p_value < 0.05)


def test_lags_cover_three_labels_and_grow_with_the_series():
    assert hac_lags(1000, 20) == 60
    assert hac_lags(18_000, 1) == 12
    assert hac_lags(10, 20) == 9


def test_a_feature_or_an_outcome_that_is_not_there_is_named(rows):
    with pytest.raises(UnknownNameError, match="Did you mean 'noise'"):
        validated(rows, features=["noize"])
    with pytest.raises(DataError, match="no column 'forward_return_20'"):
        validate_features(rows, ["noise"], EQUITY, horizons=(20,))
    with pytest.raises(DataError, match="lies before the sealed window"):
        validated(rows, sealed_from=rows["ts"].min())
