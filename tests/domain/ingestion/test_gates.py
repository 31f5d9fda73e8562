"""Each gate has an input that must fail it."""

from __future__ import annotations

import pandas as pd
import pytest

from finq_predictor.domain.errors import GateError
from finq_predictor.domain.ingestion import gates
from finq_predictor.domain.ingestion.rules import GateLimits
from finq_predictor.domain.market.calendars import get_calendar
from synthetic_values import make_delivery

LIMITS = GateLimits(min_instruments=2)
NEW_YORK = get_calendar("XNYS")
CLOSES = NEW_YORK.closes(pd.Timestamp("2024-01-02"), pd.Timestamp("2024-02-29")).reset_index(drop=True)


@pytest.fixture
def bars():
    return pd.DataFrame({"ts": [*CLOSES, *CLOSES], "instrument": ["A"] * len(CLOSES) + ["B"] * len(CLOSES)})


@pytest.fixture
def index():
    return pd.DataFrame({"ts": CLOSES, "close": 1.0})


def test_all_good(bars, index):
    checks = [
        gates.check_instruments(bars, LIMITS),
        *gates.check_nulls(make_delivery(null_shares={"close": 0.05}), LIMITS),
        gates.check_quarantine(make_delivery(), LIMITS),
        gates.check_not_empty(make_delivery()),
        gates.check_one_origin(
            [make_delivery(source="own:a"), make_delivery("benchmark", "own:b"), make_delivery("macro", "")]
        ),
        gates.check_benchmark_age(bars, index, NEW_YORK, None, LIMITS),
        gates.check_benchmark_gaps(bars, index, NEW_YORK, LIMITS),
    ]
    assert [check.passed for check in gates.judge(checks)] == [True] * 7


def test_too_few_instruments(bars):
    check = gates.check_instruments(bars[bars["instrument"] == "A"], LIMITS)
    assert (check.passed, check.value, check.rows) == (False, 1, ("A",))


def test_too_many_nulls():
    found = make_delivery(null_shares={"close": 0.1, "open": 0.0}, null_rows={"close": ("row 4 (A 2024-01-02)",)})
    closed, opened = gates.check_nulls(found, LIMITS)
    assert (closed.passed, closed.frame, closed.rows) == (False, "bars.close", ("row 4 (A 2024-01-02)",))
    assert opened.passed


def test_no_volume_at_all_is_a_kind_of_source():
    assert gates.check_nulls(make_delivery(null_shares={"volume": 1.0}), LIMITS) == []
    assert not gates.check_nulls(make_delivery(null_shares={"volume": 0.5}), LIMITS)[0].passed


def test_too_much_quarantine():
    found = make_delivery(
        rules={"missing_price": 6, "duplicate": 40}, examples={"missing_price": ("row 1: no number in close",)}
    )
    check = gates.check_quarantine(found, LIMITS)
    assert (check.passed, check.value) == (False, 0.06)
    assert "row 1" in check.rows[0]
    assert gates.check_quarantine(make_delivery(rules={"duplicate": 40}), LIMITS).passed


def test_nothing_left():
    assert not gates.check_not_empty(make_delivery(kept=0)).passed


def test_invented_and_real_tables():
    check = gates.check_one_origin([make_delivery(source="own:a"), make_delivery("macro", "simulated:b")])
    assert (check.passed, check.rows) == (False, ("bars is own", "macro is simulated"))


def test_old_benchmark(bars, index):
    assert gates.check_benchmark_age(bars, index.iloc[:-2], NEW_YORK, None, LIMITS).passed
    check = gates.check_benchmark_age(bars, index.iloc[:-3], NEW_YORK, None, LIMITS)
    assert (check.passed, check.value) == (False, 3)
    assert check.rows[2:] == ("2024-02-27", "2024-02-28", "2024-02-29")
    # Over a week-end nothing is missing; three sessions later it is.
    live = [pd.Timestamp(day, tz="UTC") for day in ("2024-03-03", "2024-03-05 22:00")]
    assert [gates.check_benchmark_age(bars, index, NEW_YORK, now, LIMITS).passed for now in live] == [True, False]


def test_hole_in_benchmark(bars, index):
    one = index.drop(index=[5, 9])
    assert gates.check_benchmark_gaps(bars, one, NEW_YORK, LIMITS).passed
    check = gates.check_benchmark_gaps(bars, index.drop(index=[5, 6]), NEW_YORK, LIMITS)
    assert (check.passed, check.value, check.rows) == (False, 2, ("2024-01-09", "2024-01-10"))
    assert not gates.check_benchmark_gaps(bars, index.drop(index=[5, 6]), get_calendar("inferred"), LIMITS).passed
    # A benchmark that starts after the bars has a hole at the start.
    assert not gates.check_benchmark_gaps(bars, index.iloc[5:], NEW_YORK, LIMITS).passed


def test_a_benchmark_of_hours_is_expected_where_a_bar_is():
    """The last hour of a session that begins at half past ends after it."""
    hours = pd.date_range("2024-01-02 15:30", periods=7, freq="h", tz="UTC")
    bars, benchmark = pd.DataFrame({"ts": [*hours, *hours], "instrument": "A"}), pd.DataFrame({"ts": hours})
    assert gates.check_benchmark_gaps(bars, benchmark, NEW_YORK, LIMITS).value > 0
    assert gates.check_benchmark_gaps(bars, benchmark, NEW_YORK, LIMITS, daily=False).value == 0
    holed = benchmark.drop(index=[2, 3])
    assert gates.check_benchmark_gaps(bars, holed, NEW_YORK, LIMITS, daily=False).value == 2


def test_error_tells_everything_at_once(bars, index):
    checks = [
        gates.check_instruments(bars[bars["instrument"] == "A"], LIMITS),
        gates.check_benchmark_gaps(bars, index.drop(index=[5, 6]), NEW_YORK, LIMITS),
    ]
    with pytest.raises(GateError) as error:
        gates.judge(checks)
    message = str(error.value)
    for part in (
        "2 quality gate(s)",
        "bars, rule min_instruments: found 1, allowed 2",
        "Rows: 2024-01-09; 2024-01-10",
        "Deliver",
    ):
        assert part in message
