from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yahoo_histories import FOREVER, PRICES, actions_of, close_to, implied_dividends, read, read_prices

from finq_predictor.domain.ingestion.adjustment import adjust, in_force
from finq_predictor.domain.ingestion.price_repair import apply, find_repairs, revised_actions
from finq_predictor.domain.tables import SILVER_ACTIONS, SILVER_REPAIRS

# Bars that differ from the repaired twin by more than 1 % in a price, and of these how many are right after the repair
# and how many are still wrong; bars that were right and are not any more; and bars in which the twin itself has been
# left 100 times off, because it was made for its dividends only, and which are repaired here.
BARS = {
    "1398-HK-1d-bad-div": (613, 613, 0, 0, 0),
    "3988-HK-1d-bad-div": (613, 613, 0, 0, 0),
    "4063-T-1d-bad-div": (0, 0, 0, 0, 0),
    "4063-T-1d-bad-stock-split": (9, 9, 0, 0, 0),
    "8TRA-DE-1d-missing-div-adjust": (2, 2, 0, 0, 0),
    "ABDP-L-1d-bad-div": (0, 0, 0, 0, 0),
    "ADIG-L-1d-bad-div": (628, 628, 0, 0, 0),
    "AET-L-1d-100x-error": (14, 0, 14, 0, 0),
    "ALPHA-PA-1d-bad-stock-split": (1, 1, 0, 0, 0),
    "ASAI-L-1h-bad-unit": (1, 1, 0, 0, 0),
    "AV-L-1wk-bad-stock-split": (1, 1, 0, 0, 0),
    "CALM-1d-no-bad-divs": (0, 0, 0, 0, 0),
    "CLC-L-1d-bad-div": (654, 648, 0, 0, 6),
    "CNE-L-1d-bad-stock-split": (1, 1, 0, 0, 0),
    "DEX-AX-1d-bad-stock-split": (15, 15, 0, 0, 0),
    "DODFX-1d-cg-double-count": (487, 487, 0, 0, 0),
    "ELCO-L-1d-bad-div": (0, 0, 0, 0, 0),
    "EWG-1d-no-bad-divs": (0, 0, 0, 0, 0),
    "HSBK-IL-1d-no-bad-divs": (0, 0, 0, 0, 0),
    "IBE-MC-1d-no-bad-divs": (0, 0, 0, 0, 0),
    "KAP-IL-1d-bad-div": (131, 0, 131, 0, 0),
    "KEN-TA-1d-bad-div": (560, 560, 0, 0, 0),
    "KME-MI-1d-bad-div": (353, 353, 0, 0, 0),
    "KMR-L-1d-no-bad-divs": (0, 0, 0, 0, 0),
    "LA-V-1d-bad-stock-split": (1, 1, 0, 0, 0),
    "LSC-L-1d-bad-div": (466, 466, 0, 0, 38),
    "MOB-ST-1d-bad-stock-split": (1, 1, 0, 0, 0),
    "NVT-L-1d-bad-div": (387, 387, 0, 0, 35),
    "PSH-L-1d-bad-div": (0, 0, 0, 0, 0),
    "REL-L-1d-bad-div": (0, 0, 0, 0, 0),
    "RGL-L-1d-bad-div": (604, 604, 0, 0, 0),
    "SAND-1d-bad-div": (0, 0, 0, 0, 0),
    "SCR-TO-1d-bad-div": (426, 425, 1, 0, 0),
    "SERE-L-1d-bad-div": (634, 634, 0, 0, 0),
    "SPM-MI-1d-bad-stock-split": (13, 13, 0, 0, 0),
    "SSW-JO-1d-100x-error": (22, 0, 22, 0, 0),
    "TEM-L-1d-bad-div": (619, 502, 117, 0, 0),
    "TENT-L-1d-bad-div": (673, 0, 673, 0, 0),
    "TEP-PA-1d-bad-div": (333, 333, 0, 0, 0),
    "TISG-MI-1d-no-bad-divs": (0, 0, 0, 0, 0),
    "VWILX-1d-cg-double-count": (486, 486, 0, 0, 0),
}
# The same of dividends, and how many values are doubted without a repair; files without either are left out.
DIVIDENDS = {
    "4063-T-1d-bad-div": (1, 1, 0, 0, 0),
    "ABDP-L-1d-bad-div": (5, 3, 2, 0, 2),
    "AET-L-1d-100x-error": (0, 0, 0, 0, 2),
    "ALPHA-PA-1d-bad-stock-split": (0, 0, 0, 0, 1),
    "AV-L-1wk-bad-stock-split": (0, 0, 0, 0, 5),
    "CLC-L-1d-bad-div": (0, 0, 0, 0, 1),
    "ELCO-L-1d-bad-div": (5, 5, 0, 0, 0),
    "KAP-IL-1d-bad-div": (1, 0, 1, 0, 2),
    "KEN-TA-1d-bad-div": (1, 1, 0, 0, 0),
    "KME-MI-1d-bad-div": (1, 1, 0, 0, 0),
    "LSC-L-1d-bad-div": (4, 4, 0, 0, 8),
    "NVT-L-1d-bad-div": (1, 1, 0, 0, 2),
    "PSH-L-1d-bad-div": (11, 11, 0, 0, 0),
    "REL-L-1d-bad-div": (6, 5, 1, 0, 1),
    "SAND-1d-bad-div": (1, 0, 1, 0, 2),
    "SCR-TO-1d-bad-div": (4, 2, 2, 0, 0),
    "SSW-JO-1d-100x-error": (0, 0, 0, 0, 1),
    "TEM-L-1d-bad-div": (1, 0, 1, 0, 0),
    "TENT-L-1d-bad-div": (11, 0, 11, 0, 0),
    "TEP-PA-1d-bad-div": (1, 1, 0, 0, 0),
}


@pytest.fixture
def dirty(shared_data):
    """The broken histories; they are research data and never part of the project."""
    return shared_data / "fixtures" / "yahoo_dirty"


def pair(folder, name):
    """A broken history and its twin; one that is not broken is its own."""
    broken, twin = folder / f"{name}.csv.gz", folder / f"{name}-fixed.csv.gz"
    return read(broken), read(twin if twin.exists() else broken)


def counted(before, after):
    return tuple(int(rows.sum()) for rows in (~before, ~before & after, ~before & ~after, before & ~after))


def bars_counted(broken, ours, twin):
    """As the columns of BARS."""
    ratio = ours[PRICES].to_numpy() / twin[PRICES].to_numpy()
    changed = (ours["close"] != broken["close"]).to_numpy()
    beyond = changed & np.isclose(np.abs(np.log(ratio)), np.log(100), atol=0.01).all(axis=1)
    before, after = (close_to(frame, twin, PRICES) for frame in (broken, ours))
    broken_rows, right, left, harmed = counted(before, after)
    return (
        broken_rows,
        right,
        left - int((beyond & ~before).sum()),
        harmed - int((beyond & before).sum()),
        int(beyond.sum()),
    )


def dividends_counted(broken, repairs, twin):
    sure = repairs[(repairs["column"] == "dividend") & repairs["repaired"].notna()].set_index("ts")["repaired"]
    paid = broken.assign(dividend=broken["ts"].map(sure).fillna(broken["dividend"]))
    before, after = (close_to(frame, twin, ["dividend"]) for frame in (broken, paid))
    return (*counted(before, after), int(repairs["repaired"].isna().sum()))


def test_every_file_is_in_the_table(dirty):
    assert {path.name.removesuffix(".csv.gz") for path in dirty.glob("*.csv.gz") if "-fixed" not in path.name} == set(
        BARS
    )


@pytest.mark.parametrize("name", BARS)
def test_broken_histories_of_yahoo_are_repaired_as_far_as_the_table_says(dirty, name):
    """Reads the shared research data; skipped where they are not."""
    broken, twin = pair(dirty, name)
    repairs = find_repairs(broken, actions_of(broken))
    assert not SILVER_REPAIRS.misfits(repairs)
    assert not repairs.duplicated(list(SILVER_REPAIRS.key)).any()
    assert (repairs["known_at"] >= repairs["ts"]).all()
    assert bars_counted(broken, apply(broken, repairs, FOREVER), twin) == BARS[name]
    assert dividends_counted(broken, repairs, twin) == DIVIDENDS.get(name, (0, 0, 0, 0, 0))
    if name.endswith("no-bad-divs"):
        assert repairs.empty


@pytest.mark.parametrize(("name", "price"), [("AET-L-1d-100x-error", 15.0), ("SSW-JO-1d-100x-error", 34.0)])
def test_a_quote_says_which_of_two_units_is_right(dirty, name, price):
    broken, twin = pair(dirty, name)
    quoted = broken["ts"].iloc[-1] + pd.Timedelta(hours=1)
    repairs = find_repairs(broken, actions_of(broken), {broken["instrument"].iloc[0]: (price, quoted)})
    assert close_to(apply(broken, repairs, quoted), twin, PRICES).all()
    # Before the quote nobody could tell.
    assert close_to(apply(broken, repairs, broken["ts"].iloc[-1]), broken, PRICES).all()


@pytest.mark.parametrize("name", BARS)
@pytest.mark.parametrize("share", [0.3, 0.5, 0.62, 0.8, 0.95])
def test_repairs_known_at_a_time_are_those_found_with_what_was_delivered_up_to_it(dirty, name, share):
    bars, _ = pair(dirty, name)
    actions = actions_of(bars)
    now = bars["ts"].iloc[int(share * (len(bars) - 1))]
    then = find_repairs(bars[bars["ts"] <= now], actions[actions["known_at"] <= now])
    later = find_repairs(bars, actions)
    pd.testing.assert_frame_equal(then, later[later["known_at"] <= now].reset_index(drop=True))


@pytest.mark.proof
def test_489_stocks_over_five_years_have_few_faults(shared_data):
    """Reads the shared research data; skipped where they are not.

    Two spin-offs by which prices were adjusted and the adjusted close once more (DHR, DXC; that a hundredth of them is
    left as a dividend is a guess), and dividends that stand on two days running (SLB pays once a quarter). Openings of
    0.82 among prices of 51 (ES) are misprints of no unit and are left to cleaning.
    """
    bars = read_prices(shared_data / "equities" / "sp500_adj_2012-12_2017-12.parquet")
    repairs = find_repairs(bars, implied_dividends(bars))
    sure = repairs[repairs["repaired"].notna()]
    found = {kind: sorted(set(sure.loc[sure["kind"] == kind, "instrument"])) for kind in ("unit", "split", "dividend")}
    assert found == {
        "unit": [],
        "split": [],
        "dividend": ["DHR", "DXC", "GRMN", "PRGO", "RCL", "SIG", "SLB"],
    }
    doubted = repairs[repairs["repaired"].isna()]
    # The bars before the listing of BHF are those of another company.
    assert doubted.loc[doubted["kind"] == "unit", "instrument"].tolist() == ["BHF"]
    assert len(doubted) == 29


def walk(steps, seed=0):
    """Bars of a random walk with small steps, without a fault."""
    rng = np.random.default_rng(seed)
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.01, steps)))
    ts = pd.date_range("2024-01-01 21:00", periods=steps, freq="B", tz="UTC").as_unit("us")
    prices = {"open": close * 0.999, "high": close * 1.01, "low": close * 0.99, "close": close, "adj_close": close}
    return pd.DataFrame({"instrument": "A", "ts": ts, **prices, "volume": 1e6, "known_at": ts})


def split_on(bars, row, ratio):
    date = bars["ts"].dt.tz_localize(None).dt.normalize()[row]
    known = date.tz_localize("UTC")
    row = {"instrument": "A", "ex_date": date, "kind": "split", "value": ratio, "known_at": known}
    return SILVER_ACTIONS.typed(pd.DataFrame([row]))


@settings(max_examples=40, deadline=None)
@given(st.integers(12, 40), st.integers(1, 10), st.sampled_from([100.0, 0.01]), st.integers(0, 99))
def test_a_block_in_another_unit_is_repaired_when_the_price_comes_back(start, length, factor, seed):
    bars = walk(60, seed)
    broken = bars.copy()
    broken.loc[start : start + length - 1, PRICES] *= factor
    repairs = find_repairs(broken, SILVER_ACTIONS.empty())
    back = bars["ts"].iloc[start + length]
    pd.testing.assert_frame_equal(apply(broken, repairs, back), bars, rtol=1e-9)
    just_before = back - pd.Timedelta(microseconds=1)
    pd.testing.assert_frame_equal(apply(broken, repairs, just_before), broken)
    # Until then it is doubted, from its first bar on.
    doubted = repairs[repairs["repaired"].isna()]
    assert doubted["known_at"].tolist() == [bars["ts"].iloc[start]]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 99), st.integers(10, 40), st.integers(0, 8), st.sampled_from([0.1, 0.5, 2.0, 3.0, 20.0]))
def test_a_missed_split_is_repaired_on_the_second_bar_after_it_shows(seed, ex_row, early, ratio):
    bars = walk(60, seed)
    broken, last = bars.copy(), ex_row - early
    broken.loc[: last - 1, PRICES] *= ratio
    broken.loc[: last - 1, "volume"] /= ratio
    repairs = find_repairs(broken, split_on(bars, ex_row, ratio))
    pd.testing.assert_frame_equal(apply(broken, repairs, FOREVER), bars, rtol=1e-9)
    judged = max(ex_row, last + 2)
    assert set(repairs["known_at"]) == {bars["ts"].iloc[judged]}


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 999), st.integers(5, 55), st.sampled_from([0.5, 2.0, 10.0]))
def test_a_history_without_faults_is_left_alone(seed, ex_row, ratio):
    bars = walk(60, seed)
    assert find_repairs(bars, split_on(bars, ex_row, ratio)).empty


def test_a_crash_is_no_unit_error_and_a_change_that_stays_is_only_doubted():
    bars = walk(60)
    crash, change = bars.copy(), bars.copy()
    crash.loc[30:, PRICES] *= 0.3
    change.loc[30:, PRICES] *= 0.01
    assert find_repairs(crash, SILVER_ACTIONS.empty()).empty
    repairs = find_repairs(change, SILVER_ACTIONS.empty())
    assert repairs["repaired"].isna().tolist() == [True]
    assert "the past cannot tell which is right" in repairs["reason"].item()
    pd.testing.assert_frame_equal(apply(change, repairs, FOREVER), change)


def test_one_price_of_a_bar_is_repaired_by_the_bar_and_a_misprint_is_not():
    bars = walk(60)
    unit, misprint = bars.copy(), bars.copy()
    unit.loc[30, ["low", "close", "adj_close"]] /= 100
    misprint.loc[30, ["open", "low"]] = 0.9
    repairs = find_repairs(unit, SILVER_ACTIONS.empty())
    assert set(repairs["known_at"]) == {bars["ts"].iloc[30]}
    pd.testing.assert_frame_equal(apply(unit, repairs, FOREVER), bars, rtol=1e-9)
    assert find_repairs(misprint, SILVER_ACTIONS.empty()).empty


@pytest.mark.parametrize("table", [SILVER_ACTIONS, SILVER_REPAIRS], ids=lambda table: table.name)
def test_the_tables_are_declared_in_full(table):
    assert not table.misfits(table.empty())
    assert all(column.meaning.endswith(".") for column in table.columns)
    assert all(column.unit for column in table.columns if column.dtype.startswith(("datetime", "float")))


def test_a_quote_does_not_repair_twice_what_came_back_before_or_after_it():
    bars = walk(60)
    broken = bars.copy()
    broken.loc[20:22, PRICES] *= 100
    broken.loc[40:42, PRICES] *= 100
    quotes = {"A": (50.0, bars["ts"].iloc[41])}
    repairs = find_repairs(broken, SILVER_ACTIONS.empty(), quotes)
    pd.testing.assert_frame_equal(apply(broken, repairs, FOREVER), bars, rtol=1e-9)


def test_repaired_dividends_are_versions_of_their_actions(dirty):
    broken, _ = pair(dirty, "KME-MI-1d-bad-div")
    actions, bars = actions_of(broken), broken
    repairs = find_repairs(bars, actions)
    revised = revised_actions(actions, repairs)
    judged = repairs["known_at"].max()
    assert in_force(revised, judged - pd.Timedelta(hours=1))["value"].tolist() == [0.21723]
    assert in_force(revised, judged)["value"].tolist() == pytest.approx([0.0021723])
    # What is adjusted by the repaired dividend is what the repaired adjusted close is.
    ours = adjust(bars, revised, FOREVER)
    assert np.allclose(ours["adj_close"], apply(bars, repairs, FOREVER)["adj_close"], rtol=1e-6)


def test_nothing_to_look_at_gives_no_repairs():
    assert find_repairs(walk(60).iloc[:0], SILVER_ACTIONS.empty()).empty
    assert find_repairs(walk(60).iloc[:1], SILVER_ACTIONS.empty()).empty
    silent = walk(60).assign(close=np.nan)
    assert not SILVER_REPAIRS.misfits(find_repairs(silent, SILVER_ACTIONS.empty()))
