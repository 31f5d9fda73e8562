"""Silver tables become matrices, each value from when it was known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finq_predictor.domain.errors import DataError
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.panel import MACRO_MEMORY, Panel, build_panel, macro_state, series_name

EQUITY, FX = get_market("equity"), get_market("fx")
TS = pd.date_range("2024-01-02 21:00", periods=4, freq="D", tz="UTC").as_unit("us")


def make_bars(**changes: object) -> pd.DataFrame:
    rows = [(ts, name, 10.0 + i, 100.0) for i, ts in enumerate(TS) for name in ("B", "A", "C")]
    bars = pd.DataFrame(rows, columns=["ts", "instrument", "close", "volume"])
    for part in ("open", "high", "low"):
        bars[part] = bars["close"]
    return bars.assign(**changes)


def test_matrices_are_time_by_instrument_and_sorted():
    bars = make_bars().iloc[::-1]
    panel = build_panel(bars, EQUITY)
    assert panel.instruments == ("A", "B", "C")
    assert panel.ts.equals(TS)
    close = panel.fields["close"]
    assert close.flags["C_CONTIGUOUS"]
    assert close.dtype == np.float64
    np.testing.assert_array_equal(close[:, 0], [10, 11, 12, 13])


def test_missing_bars_are_nan_and_impossible_prices_too():
    bars = make_bars()
    bars.loc[0, "close"], bars.loc[1, "close"], bars.loc[2, "close"] = 0.0, -1.0, np.inf
    panel = build_panel(bars.drop(index=5), EQUITY)
    assert np.isnan(panel.fields["close"][0]).all()
    assert np.isnan(panel.fields["close"][1, 2])


def test_prices_are_adjusted_and_volume_the_other_way():
    bars = make_bars()
    bars["adj_close"] = bars["close"] / 2
    panel = build_panel(bars, EQUITY)
    np.testing.assert_array_equal(panel.fields["high"][:, 0], [5, 5.5, 6, 6.5])
    np.testing.assert_array_equal(panel.fields["volume"][:, 0], 200.0)


def test_two_bars_for_one_place_are_refused():
    bars = pd.concat([make_bars(), make_bars().iloc[[4]]])
    with pytest.raises(DataError, match="Two rows of bars are of A at 2024-01-03"):
        build_panel(bars, EQUITY)
    with pytest.raises(DataError, match="no bars of equity"):
        build_panel(bars.iloc[:0], EQUITY)
    with pytest.raises(DataError, match="no column close; they have ts, instrument, price"):
        build_panel(bars[["ts", "instrument"]].assign(price=1.0), EQUITY)


def test_the_benchmark_keeps_its_gaps():
    benchmark = pd.DataFrame({"ts": TS[[0, 1, 3]], "close": [100.0, 101.0, 103.0]})
    panel = build_panel(make_bars(), EQUITY, benchmark=benchmark)
    np.testing.assert_array_equal(panel.fields["benchmark_close"], [[100.0], [101.0], [np.nan], [103.0]])
    with pytest.raises(DataError, match="benchmark has two rows"):
        build_panel(make_bars(), EQUITY, benchmark=pd.concat([benchmark, benchmark]))


def test_no_article_is_zero_and_no_table_is_no_field():
    sentiment = pd.DataFrame({"ts": TS[[1]], "instrument": ["B"], "tone_sum": [0.5], "article_count": [2]})
    panel = build_panel(make_bars(), EQUITY, sentiment=sentiment)
    assert panel.fields["article_count"].sum() == 2.0
    assert panel.fields["tone_sum"][1, 1] == 0.5
    assert not np.isnan(panel.fields["tone_sum"]).any()
    assert "tone_sum" not in build_panel(make_bars(), EQUITY).fields


def test_sentiment_of_a_bar_that_does_not_exist_is_left_out():
    sentiment = pd.DataFrame({"ts": TS[[1]], "instrument": ["Z"], "tone_sum": [0.5], "article_count": [2]})
    assert build_panel(make_bars(), EQUITY, sentiment=sentiment).fields["tone_sum"].sum() == 0.0


def test_sectors_become_codes_and_unknown_ones_nan():
    bars = make_bars(sector=["tech", "oil", None] * 4)
    panel = build_panel(bars, EQUITY)
    np.testing.assert_array_equal(panel.fields["sector"][0], [0.0, 1.0, np.nan])
    assert "sector" not in build_panel(make_bars(sector=None), EQUITY).fields


def macro(rows: list[tuple[str, float, str]], series: str = "CPI (US)") -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["period", "value", "known_at"])
    times = {"period": pd.to_datetime(frame["period"]), "known_at": pd.to_datetime(frame["known_at"], utc=True)}
    return frame.assign(series=series, **times)


def test_macro_is_known_from_the_second_of_its_release():
    exactly = TS[1].isoformat()
    a_second_late = (TS[2] + pd.Timedelta(seconds=1)).isoformat()
    table = macro([("2023-12-01", 3.0, exactly), ("2024-01-01", 4.0, a_second_late)])
    panel = build_panel(make_bars(), EQUITY, macro=table)
    np.testing.assert_array_equal(panel.fields["macro_cpi_us"][:, 0], [np.nan, 3.0, 3.0, 4.0])
    np.testing.assert_array_equal(panel.fields["macro_cpi_us.change"][:, 0], [np.nan, np.nan, np.nan, 1.0])


def test_a_revision_changes_only_what_comes_after_it():
    table = macro(
        [
            ("2023-11-01", 1.0, "2023-12-01"),
            ("2023-12-01", 3.0, "2024-01-01"),
            # November is revised on the third day: the newest value stays, the change to it does not.
            ("2023-11-01", 2.5, "2024-01-04"),
        ]
    )
    state = macro_state(table, TS)
    assert list(state["level"]) == [3.0] * 4
    assert list(state["change"]) == [2.0, 2.0, 0.5, 0.5]


def test_macro_spread_needs_six_releases():
    rows = [(f"2023-{month:02d}-01", float(month**2), f"2023-{month:02d}-20") for month in range(1, 9)]
    state = macro_state(macro(rows), TS)
    values = np.arange(1, 9.0) ** 2
    assert state["mean"].iloc[0] == pytest.approx(values.mean())
    assert state["change_std"].iloc[0] == pytest.approx(np.diff(values).std(ddof=1))
    assert state["age"].iloc[0] == pytest.approx((TS[0] - pd.Timestamp("2023-08-20", tz="UTC")) / pd.Timedelta(days=1))
    assert macro_state(macro(rows[:5]), TS)["std"].isna().all()


def test_macro_remembers_sixty_periods():
    periods = pd.date_range("2010-01-01", periods=MACRO_MEMORY + 12, freq="MS")
    values = np.random.default_rng(0).normal(size=len(periods)) + np.where(np.arange(len(periods)) < 12, 1e3, 0.0)
    rows = [(str(period), value, str(period)) for period, value in zip(periods, values, strict=True)]
    state = macro_state(macro(rows), TS).iloc[0]
    kept = values[-MACRO_MEMORY:]
    assert state["mean"] == pytest.approx(kept.mean())
    assert state["std"] == pytest.approx(kept.std(ddof=1))
    assert state["change_std"] == pytest.approx(np.diff(kept).std(ddof=1))


def test_an_old_period_that_is_released_late_is_not_the_newest():
    table = macro([("2023-12-01", 3.0, "2024-01-01"), ("2023-11-01", 1.0, "2024-01-04")])
    state = macro_state(table, TS)
    assert list(state["level"]) == [3.0] * 4
    np.testing.assert_array_equal(state["change"], [np.nan, np.nan, 2.0, 2.0])


def test_pairs_see_base_minus_quote():
    bars = make_bars()
    bars["instrument"] = bars["instrument"].map({"A": "EUR_USD", "B": "USD_JPY", "C": "GBP_CHF"})
    tables = [
        macro([("2023-12-01", value, "2024-01-01")], f"rate_{currency}")
        for currency, value in [("usd", 5.0), ("eur", 4.0), ("jpy", 0.5), ("gbp", 5.25)]
    ]
    oil = macro([("2023-12-01", 70.0, "2024-01-01")], "oil")
    panel = build_panel(bars, FX, macro=pd.concat([*tables, oil]))
    assert panel.instruments == ("EUR_USD", "GBP_CHF", "USD_JPY")
    np.testing.assert_allclose(panel.fields["macro_rate"][0], [-1.0, np.nan, 4.5])
    np.testing.assert_array_equal(panel.fields["macro_oil"], [[70.0]] * 4)
    assert "macro_rate_usd" not in panel.fields


def test_the_spread_of_a_pair_is_that_of_two_and_its_age_that_of_the_newer_release():
    bars = make_bars().query("instrument == 'A'").assign(instrument="EUR_USD")
    tables = {
        currency: macro(
            [(f"2023-{month:02d}-01", value, f"2023-{month:02d}-{day}") for month, value in enumerate(values, start=1)],
            f"rate_{currency}",
        )
        for currency, day, values in [("eur", 10, [1.0, 4, 2, 8, 5, 7, 3]), ("usd", 20, [9.0, 1, 6, 2, 8, 4, 5])]
    }
    own = {currency: macro_state(table, TS).iloc[0] for currency, table in tables.items()}
    fields = build_panel(bars, FX, macro=pd.concat(tables.values())).fields
    for part in ("std", "change_std"):
        assert fields[f"macro_rate.{part}"][0, 0] == pytest.approx(np.hypot(own["eur"][part], own["usd"][part]))
    assert fields["macro_rate.age"][0, 0] == own["usd"]["age"] < own["eur"]["age"]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.floats(-5, 5), st.integers(0, 96)), min_size=1, max_size=20),
    st.integers(0, 3),
)
def test_macro_cut_at_a_bar_says_the_same_about_it(rows, place):
    known = [TS[0] + pd.Timedelta(hours=hours - 1) for *_, hours in rows]
    table = pd.DataFrame(
        {
            "period": [pd.Timestamp("2020-01-01") + pd.DateOffset(months=month) for month, *_ in rows],
            "value": [value for _, value, _ in rows],
            "known_at": pd.DatetimeIndex(known),
        }
    )
    whole = macro_state(table, TS).iloc[place]
    cut = macro_state(table[table["known_at"] <= TS[place]], TS).iloc[place]
    pd.testing.assert_series_equal(whole, cut)


@pytest.mark.parametrize(("given", "name"), [("CPIAUCSL", "cpiaucsl"), ("10-year yield (%)", "10_year_yield")])
def test_series_become_column_names(given, name):
    assert series_name(given) == name


def test_available_names_what_holds_something():
    panel = build_panel(make_bars(volume=np.nan), EQUITY)
    assert panel.available == {"open", "high", "low", "close", "cross_section"}
    assert "cross_section" not in build_panel(make_bars().query("instrument != 'C'"), EQUITY).available


def test_parts_of_a_panel():
    panel = build_panel(make_bars(), EQUITY)
    assert panel.tail(2).ts.equals(TS[2:])
    assert panel.tail(99).ts.equals(TS)
    assert panel.until(TS[1]).ts.equals(TS[:2])
    assert panel.until(TS[1] + pd.Timedelta(hours=1)).ts.equals(TS[:2])
    assert panel.position(TS[2]) == 2
    with pytest.raises(DataError, match="No bar of equity closed at"):
        panel.position(TS[2] + pd.Timedelta(hours=1))


def test_a_field_of_another_shape_is_refused():
    with pytest.raises(DataError, match=r"Field 'close' has shape \(3, 3\); expected 4 bars x 2"):
        Panel("equity", TS, ("A", "B"), {"close": np.zeros((3, 3))})


def test_inputs_stay_as_they_were():
    bars, copy = make_bars(), make_bars()
    build_panel(bars, EQUITY)
    pd.testing.assert_frame_equal(bars, copy)


@pytest.mark.parametrize("table", ["bars", "benchmark"])
def test_what_came_after_the_decision_of_its_bar_is_missing(table):
    closes = pd.DatetimeIndex(EQUITY.sessions.closes(pd.Timestamp("2024-01-02"), pd.Timestamp("2024-01-10")))
    bars = pd.DataFrame({"ts": closes, "instrument": "A", "close": 10.0, "known_at": closes})
    benchmark = pd.DataFrame({"ts": closes, "close": 100.0, "known_at": closes})
    tables = {"bars": bars, "benchmark": benchmark}
    tables[table].loc[2, "known_at"] += pd.Timedelta(hours=15)
    tables[table].loc[3, "known_at"] += pd.Timedelta(hours=17)
    panel = build_panel(bars, EQUITY, benchmark)
    if table == "bars":
        assert list(panel.ts) == [ts for row, ts in enumerate(closes) if row != 3]
    else:
        assert np.flatnonzero(np.isnan(panel.fields["benchmark_close"][:, 0])).tolist() == [3]


def test_what_is_known_at_the_very_moment_of_the_decision_counts():
    closes = pd.DatetimeIndex(EQUITY.sessions.closes(pd.Timestamp("2024-01-02"), pd.Timestamp("2024-01-10")))
    known = closes + EQUITY.decision_delay
    bars = pd.DataFrame({"ts": closes, "instrument": "A", "close": 10.0, "known_at": known})
    panel = build_panel(bars, EQUITY, pd.DataFrame({"ts": closes, "close": 100.0, "known_at": known}))
    assert panel.ts.equals(closes.as_unit("us"))
    assert np.isfinite(panel.fields["benchmark_close"]).all()


def test_bars_that_all_came_too_late_are_refused():
    closes = pd.DatetimeIndex(EQUITY.sessions.closes(pd.Timestamp("2024-01-02"), pd.Timestamp("2024-01-10")))
    late = pd.DataFrame({"ts": closes, "instrument": "A", "close": 10.0, "known_at": closes + pd.Timedelta(days=30)})
    with pytest.raises(DataError, match="more than 16 h after its close"):
        build_panel(late, EQUITY)


def test_where_it_is_not_known_what_was_written_the_tone_is_missing_and_not_zero():
    sentiment = pd.DataFrame({"ts": TS[[1, 2]], "instrument": ["B", "B"], "tone_sum": [0.5, 0.7], "article_count": 1})
    coverage = pd.DataFrame({"ts": TS[:3], "newest": TS[:3], "complete": [True, True, False]})
    panel = build_panel(make_bars(), EQUITY, sentiment=sentiment, coverage=coverage)
    for name in ("tone_sum", "article_count"):
        assert np.isnan(panel.fields[name]).all(axis=1).tolist() == [False, False] + [True] * (len(TS) - 2)
        assert panel.fields[name][0].tolist() == [0.0] * len(panel.instruments)
