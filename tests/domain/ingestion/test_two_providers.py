"""A provider that lies is found by a second one, and what neither of two can settle is not used."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finq_predictor.domain.ingestion import gates
from finq_predictor.domain.ingestion.bars import clean_bars, clean_bars_and_actions
from finq_predictor.domain.ingestion.known_time import known_times_of
from finq_predictor.domain.ingestion.rules import CleaningRules, ComparisonRules, GateLimits, ReadingRules, Rules
from finq_predictor.domain.ingestion.tally import Delivery
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.tables import PROVIDER_DIFFERENCES

RULES = Rules(MARKETS["equity"])
FX = Rules(MARKETS["fx"])
DAYS = pd.bdate_range("2024-03-01", periods=40).drop(pd.Timestamp("2024-03-29"))
NAMES = ("AAA", "BBB", "CCC")
FIRST, SECOND, THIRD = "own:yahoo-1d", "own:alpha_vantage-plain", "own:third"
LATER = pd.Timestamp("2024-06-01", tz="UTC")


def said(provider: str, received: pd.Timestamp | None = LATER, *, opinion: bool = False, seed: int = 1) -> pd.DataFrame:
    """What a provider says of the same bars: all at once, or without a time each on its own evening."""
    truth, own = np.random.default_rng(0), np.random.default_rng(seed)
    frames = []
    for level, name in zip((50.0, 100.0, 300.0), NAMES, strict=True):
        close = level * np.exp(truth.normal(0, 0.01, len(DAYS)).cumsum()) * (1 + own.normal(0, 2e-4, len(DAYS)))
        frames.append(pd.DataFrame({"instrument": name, "date": DAYS, "close": close}))
    frame = pd.concat(frames, ignore_index=True)
    evening = frame["date"].dt.tz_localize("America/New_York") + pd.Timedelta(hours=16, minutes=30)
    times = evening.dt.tz_convert("UTC") if received is None else pd.Series(received, index=frame.index)
    return frame.assign(
        open=frame["close"], high=frame["close"] * 1.001, low=frame["close"] * 0.999, volume=1e6,
        date=frame["date"].dt.strftime("%Y-%m-%d"), _source=provider, _content_hash="x",
        _received_at=times.astype("datetime64[us, UTC]"), asked_as="second_opinion" if opinion else None,
    )  # fmt: skip


def times(frame: pd.DataFrame, factor: float, name: str = "BBB", days: slice = slice(None)) -> pd.DataFrame:
    """The same with prices of an instrument multiplied on some of its days."""
    rows = frame.index[frame["instrument"] == name][days]
    changed = frame.copy()
    changed.loc[rows, ["open", "high", "low", "close"]] *= factor
    return changed


def together(*parts: pd.DataFrame) -> pd.DataFrame:
    return pd.concat(parts, ignore_index=True)


def rejected(raw: pd.DataFrame, rules: Rules = RULES) -> pd.DataFrame:
    return clean_bars(raw, rules).quarantine


def test_two_that_agree_leave_silver_as_one_made_it():
    raw = together(said(SECOND, opinion=True, seed=2), said(FIRST))
    cleaned, alone = clean_bars(raw, RULES), clean_bars(said(FIRST), RULES)
    pd.testing.assert_frame_equal(cleaned.silver, alone.silver)
    assert cleaned.quarantine.empty
    assert (cleaned.tally.rows, cleaned.tally.agreement.compared) == (len(DAYS) * 3, len(DAYS) * 3)
    assert cleaned.tally.agreement.differing == 0
    assert cleaned.tally.notes[-1].startswith(
        "alpha_vantage-plain and yahoo-1d were compared on 117 bars of 3 instruments: 0 closes differ"
    )
    assert clean_bars_and_actions(raw, RULES).compared.differences.empty
    # Who was only asked to compare is not where the data come from.
    assert Delivery.of("bars", together(said(FIRST), said(SECOND, opinion=True)), cleaned.tally).source == FIRST


@pytest.mark.parametrize("factor", [100.0, 0.01, 1.2])
@pytest.mark.parametrize("liar", ["first", "second"])
def test_a_day_in_another_unit_is_named_and_not_used(factor, liar):
    first, second = said(FIRST), said(SECOND, opinion=True, seed=2)
    lying = times(first if liar == "first" else second, factor, days=slice(20, 21))
    raw = together(second if liar == "first" else lying, lying if liar == "first" else first)
    found = clean_bars_and_actions(raw, RULES).compared.differences
    assert found[["instrument", "provider", "other", "what", "disbelieved"]].to_numpy().tolist() == [
        ["BBB", "yahoo-1d", "alpha_vantage-plain", "close", True]
    ]
    assert f"{found['ts'].iloc[0]:%Y-%m-%d}" == f"{DAYS[20]:%Y-%m-%d}"
    expected = factor if liar == "first" else 1 / factor
    assert found["difference"].iloc[0] == pytest.approx(expected - 1, rel=0.01)
    assert PROVIDER_DIFFERENCES.misfits(found) == []
    out = rejected(raw)
    assert out[["instrument", "date", "rule"]].to_numpy().tolist() == [
        ["BBB", f"{DAYS[20]:%Y-%m-%d}", "provider_disagreement"]
    ]
    assert out["reason"].str.contains(r"yahoo-1d says .* and alpha_vantage-plain").all()


@pytest.mark.parametrize("factor", [100.0, 1.1])
def test_a_wrong_currency_is_named_with_its_dates_and_none_of_it_is_used(factor):
    cleaned = clean_bars(together(said(SECOND, opinion=True, seed=2), times(said(FIRST), factor)), RULES)
    assert set(cleaned.silver["instrument"]) == {"AAA", "CCC"}
    assert cleaned.tally.rules == {"provider_disagreement": len(DAYS)}
    (note,) = [note for note in cleaned.tally.notes if "another currency or unit" in note]
    said_of = re.fullmatch(
        r"BBB: yahoo-1d is (\S+) times alpha_vantage-plain on all of 39 bars that differ, (.*);.*", note
    )
    assert said_of is not None
    assert float(said_of[1]) == pytest.approx(factor, rel=0.01)
    assert said_of[2] == "2024-03-01 to 2024-04-25"
    (check,) = gates.check_providers(Delivery("bars", FIRST, (), cleaned.tally), GateLimits())
    assert (check.rule, check.passed, check.value) == ("max_provider_difference_share", False, pytest.approx(1 / 3))
    assert check.rows[0].startswith("BBB 2024-03-01 to 2024-04-25: yahoo-1d ")
    assert gates.check_providers(
        Delivery("bars", FIRST, (), cleaned.tally), GateLimits(max_provider_difference_share=0.5)
    )[0].passed


def test_one_provider_alone_makes_no_check():
    assert gates.check_providers(Delivery("bars", FIRST, (), clean_bars(said(FIRST), RULES).tally), GateLimits()) == []


def test_a_third_provider_decides():
    lying = times(said(SECOND, opinion=True, seed=2), 100.0, days=slice(20, 21))
    third = said(THIRD, opinion=True, seed=3)
    assert rejected(together(lying, third, said(FIRST))).empty
    wrong = times(said(FIRST), 100.0, days=slice(20, 21))
    out = rejected(together(said(SECOND, opinion=True, seed=2), third, wrong))
    assert out["rule"].tolist() == ["provider_disagreement"]


def test_volumes_are_compared_loosely_and_doubt_nobody():
    second = said(SECOND, opinion=True, seed=2).assign(volume=lambda rows: rows["volume"] * 3)
    assert clean_bars_and_actions(together(second, said(FIRST)), RULES).compared.differences.empty
    second.loc[5, "volume"] = 1.0
    raw = together(second, said(FIRST))
    found = clean_bars_and_actions(raw, RULES).compared.differences
    assert found[["what", "disbelieved"]].to_numpy().tolist() == [["volume", False]]
    assert clean_bars(raw, RULES).tally.agreement.differing == 0
    assert rejected(raw).empty


def test_a_split_that_only_one_has_divided_by_is_no_difference():
    rules = replace(RULES, reading=ReadingRules(prices="split_adjusted"))
    traded = times(said(SECOND, opinion=True, seed=2), 0.25, days=slice(25, None)).assign(prices="as_traded")
    # Who divides by it does so in all of history.
    divided = times(said(FIRST), 0.25).assign(split=0.0, dividend=0.0)
    divided.loc[divided.index[divided["instrument"] == "BBB"][25], "split"] = 4.0
    raw = together(traded, divided)
    assert clean_bars_and_actions(raw, rules).compared.differences.empty
    assert rejected(raw, rules).empty
    without = together(traded, divided.assign(split=0.0))
    assert len(clean_bars_and_actions(without, rules).compared.differences) == 25


def test_what_comes_after_the_decision_is_listed_and_changes_nothing():
    late = times(said(SECOND, LATER + pd.Timedelta("1D"), opinion=True, seed=2), 100.0)
    raw = together(said(FIRST), late)
    assert rejected(raw).empty
    found = clean_bars_and_actions(raw, RULES).compared.differences
    assert len(found) == len(DAYS)
    assert not found["disbelieved"].any()


def test_two_that_both_lie_in_the_delivery_are_compared_without_being_asked_to():
    first = said(FIRST, None)
    # Somebody else stood in on the evening of one day; the first one came back before the decision was taken.
    stood_in = times(said(SECOND, None, seed=2), 100.0)
    stood_in = stood_in[(stood_in["instrument"] == "BBB") & (stood_in["date"] == f"{DAYS[20]:%Y-%m-%d}")]
    out = rejected(together(stood_in, first.assign(_received_at=first["_received_at"] + pd.Timedelta("10min"))))
    assert set(out["rule"]) == {"provider_disagreement", "superseded"}


@settings(max_examples=10, deadline=None)
@given(
    lag=st.lists(st.integers(0, 100), min_size=len(NAMES) * len(DAYS), max_size=len(NAMES) * len(DAYS)),
    day=st.integers(3, len(DAYS) - 1),
    factor=st.sampled_from([1.0, 1.1, 100.0]),
    start=st.integers(0, len(DAYS) - 1),
)
def test_whatever_a_second_provider_says_later_changes_no_row_that_was_decided_on(lag, day, factor, start):
    opinions = times(said(SECOND, None, opinion=True, seed=2), factor, days=slice(start, None))
    opinions["_received_at"] += pd.to_timedelta(lag, unit="h")
    raw = together(said(FIRST, None), opinions).sort_values("_received_at", kind="stable", ignore_index=True)
    now = pd.Timestamp(DAYS[day], tz="America/New_York") + pd.Timedelta(hours=16) + RULES.market.decision_delay
    then = clean_bars(raw[raw["_received_at"] <= now], RULES).silver
    whole = clean_bars(raw, RULES).silver
    decided = whole["ts"] + RULES.market.decision_delay <= now
    pd.testing.assert_frame_equal(
        whole[decided].reset_index(drop=True),
        then[then["ts"] + RULES.market.decision_delay <= now].reset_index(drop=True),
    )


def test_a_second_opinion_makes_no_row_a_later_version():
    raw = together(said(SECOND, LATER, opinion=True), said(FIRST, LATER + pd.Timedelta("1min")))
    known = known_times_of(raw, "bars", RULES)
    own = known_times_of(said(FIRST), "bars", RULES)
    assert known[len(raw) // 2 :].tolist() == own.tolist()


HOURS = pd.date_range("2024-03-04", periods=60, freq="h", tz="UTC")


def pairs(provider: str, shift: float, *, spread: float | None, opinion: bool = False) -> pd.DataFrame:
    close = 1.1 + np.random.default_rng(0).normal(0, 1e-4, len(HOURS)).cumsum() + shift
    frame = pd.DataFrame(
        {"instrument": "EUR_USD", "time": HOURS, **dict.fromkeys(("open", "high", "low", "close"), close)}
    )
    if spread is not None:
        sides = {
            f"{side}_{part}": close + half * spread
            for side, half in (("bid", -0.5), ("ask", 0.5))
            for part in ("open", "high", "low", "close")
        }
        frame = frame.assign(**sides)
    asked = "second_opinion" if opinion else None
    return frame.assign(_source=provider, _received_at=LATER.as_unit("us"), _content_hash="x", asked_as=asked)


@pytest.mark.parametrize(("shift", "differing"), [(4e-4, 0), (6e-4, 60)])
def test_quotes_are_compared_in_spreads(shift, differing):
    raw = together(pairs("own:yahoo-1h", shift, spread=None, opinion=True), pairs("own:oanda", 0.0, spread=1e-4))
    agreement = clean_bars(raw, FX).tally.agreement
    assert (agreement.compared, agreement.differing) == (60, differing)
    assert rejected(raw, FX).empty
    far = together(pairs("own:yahoo-1h", 0.11, spread=None, opinion=True), pairs("own:oanda", 0.0, spread=1e-4))
    assert set(rejected(far, FX)["rule"]) == {"provider_disagreement"}


def test_limits_can_be_others():
    raw = together(times(said(SECOND, opinion=True, seed=2), 1.1), said(FIRST))
    wide = CleaningRules(comparison=ComparisonRules(max_difference=0.2, disbelief=0.2))
    assert clean_bars_and_actions(raw, replace(RULES, cleaning=wide)).compared.differences.empty


@pytest.mark.parametrize(
    ("factor", "days", "rules"),
    [
        # A day is held back, and so is the first day after it that nobody can tell from a fall.
        (100.0, slice(20, 21), {"unconfirmed_jump": 1}),
        (0.01, slice(20, 21), {"unconfirmed_jump": 1}),
        # A change that stays is held back for one day, and then it is the new level.
        (100.0, slice(20, None), {"unconfirmed_jump": 1}),
        # What no price before it contradicts, or not by enough, one provider alone cannot show.
        (100.0, slice(None), {}),
        (1.1, slice(None), {}),
        (1.1, slice(20, 21), {}),
    ],
)
def test_what_one_provider_alone_can_show_of_its_own_errors(factor, days, rules):
    assert clean_bars(times(said(FIRST), factor, days=days), RULES).tally.rules == rules
