"""Numbers and times read as people write them, and what is unknown is a dash."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pandas as pd
import pytest

from finq_predictor.reports import formatting
from finq_predictor.reports.formatting import FILTERS, UNKNOWN


@pytest.mark.parametrize(
    ("form", "value", "options", "text"),
    [
        ("number", 1.005, {}, "1.00"),
        ("number", -0.5, {"digits": 3}, "-0.500"),
        ("number", 0.5, {"digits": 1, "sign": True}, "+0.5"),
        ("percent", 0.0834, {}, "8.3 %"),
        ("percent", 0.0834, {"sign": True}, "+8.3 %"),
        ("percent", 0.95, {"digits": 0}, "95 %"),
        ("points", 0.0119, {}, "1.2"),
        ("thousands", 16708, {}, "16,708"),
        ("short", 0.10, {}, "0.1"),
        ("short", 48.0, {}, "48"),
        ("setting", 0.000106661, {}, "0.0001067"),
        ("setting", 100, {}, "100"),
        ("setting", "l2", {}, "l2"),
        ("moment", "2024-12-31T21:00:00+00:00", {}, "31 December 2024"),
        ("day", datetime(2024, 2, 3, 4, 5, tzinfo=UTC), {}, "2024-02-03"),
        ("minute", pd.Timestamp("2024-02-03 04:05:59"), {}, "2024-02-03 04:05"),
        ("listed", ["a", "b"], {}, "a, b"),
        ("listed", list("abcd"), {"most": 2}, "a, b and 2 more"),
        ("listed", [], {}, ""),
    ],
)
def test_a_value_is_written_so(form, value, options, text):
    assert FILTERS[form](value, **options) == text


@pytest.mark.parametrize("form", ["number", "percent", "points", "thousands", "short"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_not_finite_is_a_dash(form, value):
    assert FILTERS[form](value) == UNKNOWN


@pytest.mark.parametrize("form", ["moment", "day", "minute"])
def test_a_time_that_is_not_known_is_a_dash(form):
    assert FILTERS[form](pd.NaT) == UNKNOWN


def test_a_filter_is_a_function_of_the_module():
    assert all(getattr(formatting, name) is form for name, form in FILTERS.items())
