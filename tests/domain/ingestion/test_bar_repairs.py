"""What was known to be wrong by the decision of a bar is put right in it; what comes later changes no row."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from share_deliveries import DAYS, Truth, deliveries
from yahoo_histories import actions_of, read

from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.ingestion.bars import CleanedBars, clean_bars_and_actions
from finq_predictor.domain.ingestion.price_repair import apply, find_repairs
from finq_predictor.domain.ingestion.rules import CleaningRules, ReadingRules, Rules
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.tables import SILVER_REPAIRS

EQUITY = MARKETS["equity"]
REPAIRING = Rules(EQUITY, ReadingRules(prices="split_adjusted"), CleaningRules(repair=True))
PLAIN = replace(REPAIRING, cleaning=CleaningRules())
PRICES = ["open", "high", "low", "close"]

# Of real histories: values of bars repaired in time, values known too late, dividends repaired, values doubted.
YAHOO = {
    "4063-T-1d-bad-div": (0, 0, 1, 0),
    "4063-T-1d-bad-stock-split": (0, 45, 0, 0),
    "AET-L-1d-100x-error": (0, 0, 0, 2),
    "ASAI-L-1h-bad-unit": (2, 0, 0, 0),
    "CALM-1d-no-bad-divs": (0, 0, 0, 0),
    "CNE-L-1d-bad-stock-split": (0, 5, 0, 0),
    "EWG-1d-no-bad-divs": (0, 0, 0, 0),
    "HSBK-IL-1d-no-bad-divs": (0, 0, 0, 0),
    "IBE-MC-1d-no-bad-divs": (0, 0, 0, 0),
    "KMR-L-1d-no-bad-divs": (0, 0, 0, 0),
    "PSH-L-1d-bad-div": (0, 0, 11, 11),
    "TISG-MI-1d-no-bad-divs": (0, 0, 0, 0),
}


def cleaned(parts: list[pd.DataFrame], rules: Rules = REPAIRING) -> CleanedBars:
    return clean_bars_and_actions(pd.concat(parts, ignore_index=True), rules)


def delivery(**changes: float) -> pd.DataFrame:
    """One delivery of a share without a fault, some cells changed by ``column_row=factor``."""
    frame = Truth({}, {}).delivered(0, 40, 40)
    for place, factor in changes.items():
        column, _, row = place.rpartition("_")
        frame.loc[int(row), column] *= factor
    return frame


def counted(repairs: pd.DataFrame) -> tuple[int, ...]:
    sure, paid = repairs["repaired"].notna(), repairs["column"] == "dividend"
    timely = repairs["in_time"]
    return tuple(int(rows.sum()) for rows in (sure & ~paid & timely, sure & ~paid & ~timely, sure & paid, ~sure))


@pytest.mark.parametrize("name", YAHOO)
def test_real_histories_have_what_could_be_known_by_the_decision_of_each_bar(shared_data, name):
    """Reads the shared research data; skipped where they are not."""
    folder, hourly = shared_data / "fixtures/yahoo_dirty", "-1h-" in name
    broken = read(folder / f"{name}.csv.gz")
    start = broken["ts"] - pd.Timedelta(hours=1)
    columns = ["instrument", *PRICES, "adj_close", "volume", "dividend", "split"]
    raw = broken[columns].assign(
        date=start.dt.strftime("%Y-%m-%dT%H:%M:%SZ") if hourly else broken["ts"].dt.strftime("%Y-%m-%d"),
        _received_at=pd.Timestamp("2026-01-01", tz="UTC").as_unit("us"),
    )
    reading = replace(REPAIRING.reading, calendar="inferred", bar_minutes=60 if hourly else None)
    rules = replace(REPAIRING, reading=reading)
    found = clean_bars_and_actions(raw, rules)
    assert counted(found.repairs) == YAHOO[name]
    assert not SILVER_REPAIRS.misfits(found.repairs)
    # The same by another way: all repairs of the whole history, each bar as one had it at its decision.
    everything = find_repairs(broken, actions_of(broken))
    decision = everything["ts"] + EQUITY.decision_delay
    timely = everything[everything["known_at"] <= decision].assign(known_at=broken["ts"].min())
    expected = apply(broken, timely, broken["ts"].max()).set_index("ts")
    rows = found.bars.silver.set_index("ts")
    later = broken.set_index("ts")["split"].replace(0.0, 1.0)[::-1].cumprod()[::-1].shift(-1).fillna(1.0)
    np.testing.assert_allclose(
        rows[PRICES], expected.loc[rows.index, PRICES].mul(later.loc[rows.index], axis=0), rtol=1e-9
    )
    plain = clean_bars_and_actions(raw, replace(rules, cleaning=CleaningRules()))
    if not len(found.repairs):
        pd.testing.assert_frame_equal(found.bars.silver, plain.bars.silver, check_exact=True)
        pd.testing.assert_frame_equal(found.bars.quarantine, plain.bars.quarantine)


events = st.dictionaries(st.integers(1, len(DAYS) - 1), st.sampled_from([2.0, 0.5, 1.5]), max_size=2)
paid = st.dictionaries(st.integers(2, len(DAYS) - 1), st.sampled_from([0.1, 0.5, 2.0]), max_size=4)
faults = st.lists(
    st.tuples(
        st.sampled_from(["open", "low", "close", "dividend", "split", "all", "nothing"]),
        st.integers(0, len(DAYS) - 1),
        st.sampled_from([100.0, 0.01, 0.0, 2.0]),
    ),
    max_size=6,
)
runs = st.lists(st.integers(5, len(DAYS) - 1), min_size=2, max_size=5, unique=True)


def spoilt(parts: list[pd.DataFrame], faults: list[tuple[str, int, float]], which: int) -> list[pd.DataFrame]:
    """Deliveries with faults; every ``which``-th one has them, so that they are corrected or come later."""
    for number, part in enumerate(parts):
        if number % which:
            continue
        for column, day, factor in faults:
            rows = part["date"] == f"{DAYS[day]:%Y-%m-%d}"
            names = {"all": PRICES, "nothing": ["dividend", "split"]}.get(column, [column])
            part.loc[rows, names] *= 0.0 if column == "nothing" else factor
    return parts


@given(events, paid, faults, runs, st.integers(0, 4), st.integers(1, 2))
@settings(deadline=None, max_examples=12)
def test_nothing_that_is_delivered_later_changes_a_row_that_was_there(splits, dividends, faults, runs, again, which):
    parts = spoilt(deliveries(Truth(splits, dividends), sorted(runs), again), faults, which)
    whole = cleaned(parts)
    for count in range(1, len(parts)):
        before = cleaned(parts[:count])
        last, moment = before.bars.silver["ts"].max(), parts[count - 1]["_received_at"].iloc[0]
        now = whole.bars.silver[whole.bars.silver["ts"] <= last].reset_index(drop=True)
        pd.testing.assert_frame_equal(now, before.bars.silver, rtol=1e-9)
        for later, there in ((whole.actions.silver, before.actions.silver), (whole.repairs, before.repairs)):
            known = later[later["known_at"] <= moment].reset_index(drop=True)
            pd.testing.assert_frame_equal(known, there, rtol=1e-9)


@given(events, paid, runs, st.integers(0, 4))
@settings(deadline=None, max_examples=5)
def test_a_share_without_a_fault_is_left_alone(splits, dividends, runs, again):
    # Two equal ones on neighbouring bars, of which the price shows one, are taken for one that is told twice: no share
    # pays so, and providers do tell so.
    assume(not any(dividends.get(day + 1) == cash for day, cash in dividends.items()))
    parts = deliveries(Truth(splits, dividends), sorted(runs), again)
    found, plain = cleaned(parts), cleaned(parts, PLAIN)
    # Two dividends within two bars may be one that is told twice: of that nobody can be sure, and it is said.
    near = [day for day in dividends for other in dividends if 0 < abs(day - other) <= 2]
    doubted = set(pd.DatetimeIndex(found.repairs["ts"]).tz_convert("America/New_York").date)
    assert doubted <= {DAYS[day].date() for day in near}
    assert found.repairs["repaired"].isna().all()
    pd.testing.assert_frame_equal(found.bars.silver, plain.bars.silver, check_exact=True)


def test_a_price_that_makes_its_bar_impossible_is_put_right():
    whole, broken = cleaned([delivery()]), cleaned([delivery(low_20=0.01)])
    assert cleaned([delivery(low_20=100.0)], PLAIN).bars.quarantine["rule"].tolist() == ["impossible_prices"]
    pd.testing.assert_frame_equal(broken.bars.silver, whole.bars.silver, rtol=1e-9)
    row = broken.repairs.iloc[0]
    assert (row["column"], row["in_time"], row["known_at"]) == ("low", True, row["ts"])
    assert row["repaired"] == pytest.approx(whole.bars.silver["low"][20])
    day = f"{DAYS[20]:%Y-%m-%d}"
    assert f"1 prices or volumes were repaired by the decision of their bar: AAA {day}" in broken.repair_notes


def test_bars_in_another_unit_stay_what_one_had_and_are_listed_when_the_price_comes_back():
    changes = {f"{name}_{row}": 100.0 for name in PRICES for row in (20, 21)}
    found, plain = cleaned([delivery(**changes)]), cleaned([delivery(**changes)], PLAIN)
    pd.testing.assert_frame_equal(found.bars.silver, plain.bars.silver)
    assert plain.bars.quarantine["rule"].tolist() == ["unconfirmed_jump"] * 2
    sure = found.repairs.dropna(subset="repaired")
    assert not sure["in_time"].any()
    assert set(sure["known_at"].dt.strftime("%Y-%m-%d")) == {f"{DAYS[22]:%Y-%m-%d}"}
    assert [note.split(":")[0] for note in found.repair_notes] == [
        "8 faults were known too late for their bar, which stays what one had",
        "1 values are doubted, and nobody can tell the right ones",
    ]


def test_a_dividend_a_hundred_times_too_high_does_not_count_before_it_is_judged():
    truth = Truth({}, {20: 0.5})
    right = truth.delivered(0, 40, 40)
    wrong = right.assign(dividend=right["dividend"] * 100)
    found, good, bad = cleaned([wrong]), cleaned([right]), cleaned([wrong], PLAIN)
    step = [one.bars.silver["adj_close"] / one.bars.silver["close"] for one in (found, good, bad)]
    np.testing.assert_allclose(step[0].iloc[22:], step[1].iloc[22:], rtol=1e-9)
    np.testing.assert_array_equal(step[0].iloc[:22], 1.0)
    assert step[2].iloc[20] > 1.9
    assert found.repairs["repaired"].tolist() == [pytest.approx(np.nan, nan_ok=True), pytest.approx(0.5)]
    assert found.repairs["in_time"].tolist() == [True, False]


def test_a_high_dividend_that_the_price_shows_later_counts_after_two_bars():
    truth = Truth({}, {})
    told = truth.delivered(0, 40, 40)
    told.loc[20, "dividend"] = 15.0
    fallen = told.copy()
    fallen.loc[20:, PRICES] -= 15.0
    at_once, late = cleaned([fallen]), cleaned([told])
    assert (at_once.bars.silver["adj_close"] / at_once.bars.silver["close"]).iloc[20] > 1.1
    ratio = late.bars.silver["adj_close"] / late.bars.silver["close"]
    assert (ratio.iloc[20:22] == 1.0).all()


@pytest.mark.parametrize(("market", "prices"), [("equity", "adjusted"), ("fx", "split_adjusted")])
def test_prices_that_cannot_be_repaired_are_refused(market, prices):
    with pytest.raises(ConfigurationError, match=r"cleaning.repair is on for .*`reading: \{prices: split_adjusted\}`"):
        Rules(MARKETS[market], ReadingRules(prices=prices), CleaningRules(repair=True))
