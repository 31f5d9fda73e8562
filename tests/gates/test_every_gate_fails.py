"""Each gate and each rule of quarantine has been seen to fail, and alone; the code says which there are."""

from __future__ import annotations

import ast
from dataclasses import fields
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from failing_inputs import BESIDE, CASES, DELIVERIES, EQUITY, FX, SESSIONS, daily, good_case, hourly, rewritten

from finq_predictor.domain import ingestion
from finq_predictor.domain.errors import ConfigurationError, GateError
from finq_predictor.domain.ingestion.bars import clean_bars
from finq_predictor.domain.ingestion.calendar_gates import Attendance, check_bar_share, check_bars_age
from finq_predictor.domain.ingestion.gate_results import results_table
from finq_predictor.domain.ingestion.gates import IngestionChecks, Severity, check_revisions, judge
from finq_predictor.domain.ingestion.judging import GATES, ask_every_gate
from finq_predictor.domain.ingestion.rules import GateLimits, Rules
from finq_predictor.domain.ingestion.tally import Delivery
from finq_predictor.domain.promotion.checks import CHECKS
from synthetic_values import make_delivery

WARNING = {"max_clock_age", "max_article_days", "max_macro_days"}
"""A run can do without these tables, and that nothing is written may be true."""


def rules_in_the_code() -> set[tuple[str, str]]:
    """Module and rule of every call of ``Ledger.reject``."""
    found = set()
    for file in Path(ingestion.__file__).parent.glob("*.py"):
        for call in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "reject":
                rule = call.args[1]
                assert isinstance(rule, ast.Constant), f"{file.name}:{call.lineno}: a rule is named where it is broken"
                found.add((file.stem, rule.value))
    return found


def test_every_gate_has_an_input_that_fails_it():
    assert set(CASES) == set(GATES), "a gate without such an input belongs into failing_inputs.py"


def test_every_limit_belongs_to_a_gate():
    limits = {field.name for field in fields(GateLimits)} - {"revisions_accepted"}
    assert limits == set(GATES) - {"one_origin", "not_empty"}


def test_every_rule_of_quarantine_has_a_delivery_that_breaks_it():
    assert set(DELIVERIES) == rules_in_the_code(), "a rule without such a delivery belongs into failing_inputs.py"


def test_a_good_case_closes_nothing():
    answers = ask_every_gate(good_case())
    assert [check.rule for check in answers if not check.passed] == []
    assert {check.rule for check in answers} == set(GATES)


@pytest.mark.parametrize("gate", GATES)
def test_its_input_closes_a_gate_and_no_other(gate):
    closed = [check for check in ask_every_gate(CASES[gate]()) if not check.passed]
    assert {check.rule for check in closed} == {gate}
    (check,) = closed
    assert check.advice
    assert check.rows or gate in ("max_null_share", "not_empty")
    if gate in WARNING:
        assert judge([check]) == (check,)
    else:
        with pytest.raises(GateError, match=f"{check.frame}.*rule {gate}: found"):
            judge([check])


@pytest.mark.parametrize(("module", "rule"), sorted(DELIVERIES))
def test_its_delivery_breaks_a_rule_and_no_other(module, rule):
    cleaned = DELIVERIES[module, rule]()
    assert set(cleaned.tally.rules) - BESIDE.get((module, rule), set()) == {rule}
    assert cleaned.quarantine["reason"].str.len().gt(0).all()
    assert len(cleaned.silver) + len(cleaned.quarantine) >= cleaned.tally.rows


def test_every_check_of_a_promotion_is_tested_by_its_name():
    """Those of a promotion are seen to fail by their own tests."""
    text = (Path(__file__).parents[1] / "domain/promotion/test_promotion.py").read_text(encoding="utf-8")
    assert [name for name in CHECKS if f'"{name}"' not in text] == []


# What the gates that know the clock and the calendar say ----------------------------------------------------------


def test_hours_in_which_the_market_is_closed_age_nothing():
    bars = pd.DataFrame({"ts": [pd.Timestamp("2024-03-01T21:00Z")], "instrument": ["EUR_USD"]})  # a Friday
    ages = {
        now: check_bars_age(bars, Rules(FX.market, as_of=pd.Timestamp(now)), GateLimits()).value
        for now in ("2024-03-01T21:30Z", "2024-03-03T20:00Z", "2024-03-04T01:30Z", "2024-03-05T22:00Z")
    }
    assert list(ages.values()) == [0, 1, 4, 49]
    week_end = Rules(EQUITY.market, as_of=pd.Timestamp("2024-03-04T15:00Z"))
    assert check_bars_age(bars, week_end, GateLimits()).value == 0


def test_holes_are_counted_by_the_calendar_and_named():
    hours = hourly(200)
    week_end = hours["time"].between("2024-01-05T22:00Z", "2024-01-07T21:59Z")
    raw = pd.concat([hours[~week_end].assign(instrument=name) for name in ("EUR/USD", "GBP/USD")], ignore_index=True)
    whole = clean_bars(raw, FX).silver
    assert check_bar_share(Attendance.of(whole, FX), GateLimits()).value == 1.0, "a week-end is no hole"
    half = len(whole) // 2
    of_one = whole.index[whole["instrument"] == "GBP_USD"][60:80]
    seen = check_bar_share(Attendance.of(whole.drop(index=of_one), FX), GateLimits())
    assert seen.value == pytest.approx(1 - 20 / len(whole))
    assert seen.rows[0].startswith(f"GBP_USD: {half - 20} of {half}, the longest hole 20 after 2024-01-04")
    times = whole["ts"].unique()
    nobody = check_bar_share(Attendance.of(whole[~whole["ts"].isin(times[50:60])], FX), GateLimits())
    assert f"after {times[49]:%Y-%m-%d %H:%M}: 2 missing" in nobody.rows


@pytest.mark.parametrize(("days", "factor", "share"), [(7, 0.25, 1.0), (7, 1.0, 0.0), (7, 1 + 1e-6, 0.0)])
def test_a_rewritten_past_is_a_share_of_what_was_held(days, factor, share):
    rewrites = clean_bars(rewritten(factor, days), EQUITY).tally.rewrites
    assert max((each.share for each in rewrites), default=0.0) == share


def test_what_is_settled_before_the_decision_changes_no_history():
    raw = daily(bars=1).assign(_received_at=pd.Timestamp("2024-01-02T21:10Z"))
    again = raw.assign(close=100.5, _received_at=pd.Timestamp("2024-01-03T02:00Z"))
    assert clean_bars(pd.concat([raw, again]), EQUITY).tally.rewrites == ()


def test_one_corrected_bar_is_no_rewritten_past():
    first = pd.concat([daily(name) for name in "ABC"]).assign(_received_at=pd.Timestamp("2024-04-01", tz="UTC"))
    later = first.tail(1).assign(close=106.0, _received_at=pd.Timestamp("2024-04-08", tz="UTC"))
    (rewrite,) = clean_bars(pd.concat([first, later]), EQUITY).tally.rewrites
    assert rewrite.share == 1 / 50
    assert rewrite.received == pd.Timestamp("2024-04-08", tz="UTC")


def test_a_later_quiet_delivery_does_not_hide_a_rewrite_but_a_person_can_accept_it():
    raw = rewritten(0.5)
    new = daily(bars=80).tail(20).assign(_received_at=pd.Timestamp("2024-06-01", tz="UTC"))
    tally = clean_bars(pd.concat([raw, new]), EQUITY).tally
    delivery = Delivery("bars", "own:a", (), tally)
    closed = check_revisions(delivery, GateLimits())
    assert (closed.passed, closed.value) == (False, 1.0)
    assert closed.rows[0] == "received 2024-04-08 00:00:00+00:00"
    assert check_revisions(delivery, GateLimits(revisions_accepted="2024-04-09")).passed
    assert not check_revisions(delivery, GateLimits(revisions_accepted="2024-04-01")).passed
    with pytest.raises(ConfigurationError, match="revisions_accepted"):
        GateLimits(revisions_accepted="whenever")


def test_an_instrument_that_ended_is_not_stale():
    bars = good_case().bars
    ended = bars[(bars["instrument"] != "B") | (bars["ts"] < SESSIONS.iloc[15])]
    assert all(check.passed for check in ask_every_gate(good_case(bars=ended)) if check.rule == "max_stale_share")


# The answers as a table -------------------------------------------------------------------------------------------


def test_the_answers_become_a_table():
    checks = tuple(ask_every_gate(CASES["max_article_days"]()))
    answers = IngestionChecks("equity", checks, {"bars": {"duplicate": 5}}, {}, {"bars": 100})
    assert [check.rule for check in answers.warnings] == ["max_article_days"]
    table = results_table(answers, SESSIONS.iloc[-1])
    assert len(table) == len(checks) + 1
    warned = table[~table["passed"]].iloc[0]
    assert (warned["rule"], warned["severity"], warned["limit"]) == ("max_article_days", Severity.WARN, 7.0)
    noted = table[table["severity"] == Severity.NOTE].iloc[0]
    assert (noted["frame"], noted["rule"], noted["value"]) == ("bars", "quarantine.duplicate", 0.05)
    assert np.isnan(noted["limit"])


def test_without_bars_there_is_a_table_all_the_same():
    case = good_case(bars=good_case().bars.iloc[:0], deliveries={"bars": make_delivery(kept=0)})
    table = results_table(IngestionChecks("equity", tuple(ask_every_gate(case)), {}, {}), case.now)
    assert table["as_of"].isna().all()
    assert set(table.loc[~table["passed"], "rule"]) == {"not_empty", "min_instruments"}
