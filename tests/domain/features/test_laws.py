"""What holds for every feature of the registry, in both markets."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finq_predictor.domain.errors import LookAheadError
from finq_predictor.domain.features import FAMILIES, FeatureSpec, compute_features, make_feature_set, select_features
from finq_predictor.domain.features._bars import Bars
from finq_predictor.domain.features.audit import audit_look_ahead, certify_lookback, require_no_look_ahead
from finq_predictor.domain.features.sets import members_of
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.panel import Panel, build_panel
from synthetic_silver import LENGTH, random_tables

PRICES = ("open", "high", "low", "close")
PRICE_FIELDS = tuple(f"{side}{part}" for side in ("", "bid_", "ask_") for part in PRICES)


@pytest.fixture(scope="module")
def specs(market: Market, panel: Panel) -> tuple[FeatureSpec, ...]:
    return select_features(market, panel.available, members=members_of("all"))


@pytest.fixture(scope="module")
def table(panel: Panel, specs: tuple[FeatureSpec, ...]) -> pd.DataFrame:
    return compute_features(panel, make_feature_set(specs))


def planted(function, name: str = "planted", lookback: int = 1) -> FeatureSpec:
    return FeatureSpec(name, "planted", ("close",), (), lookback, "", "", "", (), function)


def test_every_family_and_enough_features_are_there(market, specs):
    published = {"alpha158", "alpha158_flow"}
    assert sum(spec.family not in published for spec in specs) >= (260 if market.name == "equity" else 200)
    absent = {"overnight", "residual"} if market.name == "fx" else {"currencies"}
    assert {spec.family for spec in specs} == set(FAMILIES) - absent


def test_no_feature_knows_the_future(panel, specs):
    cuts = panel.ts[[3, 60, 150, 290, 333, LENGTH - 2]]
    report = audit_look_ahead(panel, specs, cuts)
    require_no_look_ahead(report)
    assert list(report["feature"]) == [spec.name for spec in specs]


def test_an_input_that_comes_later_is_no_leak(market, panel, specs):
    bars = random_tables(market)["bars"]

    def rebuild(ts: pd.Timestamp) -> Panel:
        return build_panel(bars[bars["ts"] <= ts], market)

    fields = {name: values for name, values in panel.fields.items() if not name.startswith(("tone", "article"))}
    late = {name: np.where(np.arange(LENGTH)[:, None] > 200, values, np.nan) for name, values in fields.items()}
    outside = {name: late[name] for name in fields if name.startswith(("macro", "benchmark"))}
    whole = Panel(panel.market, panel.ts, panel.instruments, {**fields, **outside})
    chosen = [spec for spec in specs if spec.family == "macro" or "benchmark_close" in spec.inputs]
    require_no_look_ahead(audit_look_ahead(whole, chosen, panel.ts[[100, 200]], rebuild))


def test_no_join_knows_the_future(market, panel, specs):
    tables = random_tables(market)

    def rebuild(ts: pd.Timestamp) -> Panel:
        known = {
            name: frame[frame["known_at" if "known_at" in frame else "ts"] <= ts]
            for name, frame in tables.items()
            if frame is not None
        }
        return build_panel(known.pop("bars"), market, **known)

    require_no_look_ahead(audit_look_ahead(panel, specs, panel.ts[[20, 120, 300]], rebuild))


@pytest.mark.parametrize(
    ("name", "leak"),
    [
        ("next_close", lambda bars: np.roll(bars.close, -1, axis=0) / bars.close),
        ("whole_history_mean", lambda bars: bars.close / np.nanmean(bars.close)),
        ("back_filled", lambda bars: pd.DataFrame(bars.returns).bfill().to_numpy()),
        ("centred", lambda bars: pd.DataFrame(bars.returns).rolling(5, center=True, min_periods=1).mean().to_numpy()),
        ("last_row_scaler", lambda bars: bars.returns / np.nanstd(bars.returns)),
    ],
)
def test_a_planted_leak_is_caught_and_named(panel, specs, name, leak):
    report = audit_look_ahead(panel, [*specs[:3], planted(leak, name)], panel.ts[[20, 100, 250]])
    assert list(report.loc[report["leaks"], "feature"]) == [name]
    with pytest.raises(LookAheadError, match=f"'{name}' \\(first at 2020"):
        require_no_look_ahead(report)


def test_each_lookback_is_enough_and_not_more_than_needed(panel, specs):
    report = certify_lookback(panel, specs, panel.ts[[290, 317, 345, 380, LENGTH - 1]])
    assert (report["values"] > 0).all(), report[report["values"] == 0]
    assert report["sufficient"].all(), report[~report["sufficient"]]
    # Ranks and maxima seldom hang on the oldest bar: those get every bar there is.
    rest = [spec for spec, found in zip(specs, report["necessary"], strict=True) if not found]
    assert len(rest) < 24
    again = certify_lookback(panel, rest, panel.ts[285:])
    # A threshold on vol_percentile_20_100, whose own certificate is exact, flips too seldom to show it.
    assert set(again.loc[~again["necessary"], "feature"]) <= {"high_vol_regime"}


def test_a_lookback_that_is_too_short_or_too_long_is_found(panel):
    def mean_of_ten(bars: Bars) -> np.ndarray:
        return bars.mean(bars.returns, 10)

    specs = [planted(mean_of_ten, f"bars_{n}", n) for n in (10, 11, 12)]
    report = certify_lookback(panel, specs, panel.ts[[100, 200]]).set_index("feature")
    assert list(report["sufficient"]) == [False, True, True]
    assert list(report["necessary"]) == [True, True, False]


def test_some_bars_computed_alone_are_bitwise_those_of_all(panel, specs, table):
    feature_set = make_feature_set(specs)
    for chosen in ([LENGTH - 1], [LENGTH - 3, LENGTH - 40], [5], [0, LENGTH - 1]):
        at = panel.ts[chosen]
        alone = compute_features(panel, feature_set, at=at)
        expected = table[table["ts"].isin(at)].reset_index(drop=True)
        pd.testing.assert_frame_equal(alone, expected, check_exact=True)


def test_twice_is_the_same_and_inputs_stay_as_they_were(panel, specs, table):
    before = {name: values.copy() for name, values in panel.fields.items()}
    again = compute_features(panel, make_feature_set(specs))
    pd.testing.assert_frame_equal(again, table, check_exact=True)
    for name, values in panel.fields.items():
        np.testing.assert_array_equal(values, before[name], err_msg=name)


def test_read_only_inputs_are_enough(panel, specs, table):
    frozen = {name: values.copy() for name, values in panel.fields.items()}
    for values in frozen.values():
        values.flags.writeable = False
    locked = Panel(panel.market, panel.ts, panel.instruments, frozen)
    pd.testing.assert_frame_equal(compute_features(locked, make_feature_set(specs)), table, check_exact=True)


@pytest.mark.parametrize("factor", [7.0, 1e-3])
def test_the_price_level_of_an_instrument_changes_nothing(panel, specs, table, factor):
    # Adjusted levels know later splits and dividends; a feature that saw the level would know them too.
    fields = dict(panel.fields)
    for name in PRICE_FIELDS:
        if name in fields:
            fields[name] = fields[name].copy()
            fields[name][:, 1] *= factor
    scaled = compute_features(Panel(panel.market, panel.ts, panel.instruments, fields), make_feature_set(specs))
    pd.testing.assert_frame_equal(scaled, table, rtol=1e-6, atol=1e-9)


def test_the_volume_level_of_an_instrument_changes_nothing(panel, specs, table):
    fields = dict(panel.fields)
    fields["volume"] = fields["volume"].copy()
    fields["volume"][:, 1] *= 7.0
    scaled = compute_features(Panel(panel.market, panel.ts, panel.instruments, fields), make_feature_set(specs))
    # As published these take the logarithm of volume plus one, and a millionth share is one share.
    plus_one = [name for name in table if name.startswith("CORR")]
    pd.testing.assert_frame_equal(scaled[plus_one], table[plus_one], atol=1e-5)
    pd.testing.assert_frame_equal(scaled.drop(columns=plus_one), table.drop(columns=plus_one), rtol=1e-6, atol=1e-9)


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_order_of_instruments_changes_nothing(data, panel, specs, table):
    order = data.draw(st.permutations(range(len(panel.instruments))))
    names = tuple(panel.instruments[place] for place in order)
    fields = {k: np.ascontiguousarray(v[:, order]) if v.shape[1] > 1 else v for k, v in panel.fields.items()}
    moved = compute_features(Panel(panel.market, panel.ts, names, fields), make_feature_set(specs))
    moved = moved.sort_values(["ts", "instrument"], ignore_index=True)
    pd.testing.assert_frame_equal(moved, table, rtol=1e-9, atol=1e-12)


def test_other_instruments_reach_only_comparing_features(panel, specs, table):
    alone = {k: np.ascontiguousarray(v[:, :1]) for k, v in panel.fields.items()}
    single = Panel(panel.market, panel.ts, panel.instruments[:1], alone)
    own = [spec for spec in specs if "cross_section" not in spec.inputs]
    result = compute_features(single, make_feature_set(own))
    expected = table.loc[table["instrument"] == panel.instruments[0], result.columns].reset_index(drop=True)
    pd.testing.assert_frame_equal(result, expected, check_exact=True)


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0.0, 1.0))
def test_holes_make_values_missing_and_nothing_infinite(panel, specs, seed, share):
    rng = np.random.default_rng(seed)
    hole = rng.random((len(panel.ts), len(panel.instruments))) < share
    fields = {k: np.where(hole, np.nan, v) if v.shape[1] > 1 else v for k, v in panel.fields.items()}
    result = compute_features(Panel(panel.market, panel.ts, panel.instruments, fields), make_feature_set(specs))
    assert len(result) == int(np.isfinite(fields["close"]).sum())
    assert not np.isinf(result.iloc[:, 2:].to_numpy()).any()


def test_a_constant_price_gives_no_noise(panel, specs):
    fields = dict(panel.fields)
    for name in PRICE_FIELDS:
        if name in fields:
            fields[name] = np.where(np.isnan(fields[name]), np.nan, 0.1 + 0.2)
    result = compute_features(Panel(panel.market, panel.ts, panel.instruments, fields), make_feature_set(specs))
    for name in ("zscore_20", "rsi_14", "skew_20", "stochastic_k_14", "straightness_20", "cci_20"):
        assert result[name].isna().all(), name
    assert (result["vol_20"].dropna() == 0.0).all()
    assert (result["ret_5"].dropna() == 0.0).all()


def test_most_values_are_known_once_history_is_long_enough(panel, specs, table):
    late = table[(table["ts"] >= panel.ts[330]) & (table["instrument"] != panel.instruments[-1])]
    missing = late.iloc[:, 2:].isna().mean()
    assert missing.max() < 0.2, missing[missing >= 0.2]


def test_every_feature_varies(table):
    assert (table.iloc[:, 2:].nunique() > 1).all()
