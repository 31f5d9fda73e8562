"""The drawing of an instrument's last bars: all lies within it, and each answer is marked by what became of it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finq_predictor.serving.chart import HEIGHT, WIDTH, Became, became, chart_of, reach_of

numbers = st.floats(min_value=1e-6, max_value=1e9)
bars = st.fixed_dictionaries(
    {
        "close": st.none() | numbers,
        "probability": st.none() | st.floats(min_value=0.0, max_value=1.0),
        "outcome": st.none() | st.booleans(),
        "forward_return": st.none() | st.floats(min_value=-0.9, max_value=9.0),
    }
)


def places(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML]([\d.]+) ([\d.]+)", path)]


@given(st.lists(bars, min_size=1, max_size=60))
def test_whatever_happened_lies_within_the_drawing(given_bars):
    chart = chart_of(given_bars)
    drawn = places(chart.price) + places(chart.probability) + [(mark.x, mark.y) for mark in chart.marks]
    assert all(0.0 <= x <= WIDTH and 0.0 <= y <= HEIGHT for x, y in drawn)
    assert len(places(chart.price)) == sum(bar["close"] is not None for bar in given_bars)
    assert [mark.became for mark in chart.marks] == [
        became(bar) for bar in given_bars if bar["probability"] is not None
    ]


@given(st.lists(numbers, min_size=2, max_size=30))
def test_a_higher_price_is_never_drawn_lower(prices):
    chart = chart_of([{"close": one, "probability": None, "outcome": None, "forward_return": None} for one in prices])
    heights = [y for _, y in places(chart.price)]
    for one, y in zip(prices, heights, strict=True):
        assert all(other_y >= y for other, other_y in zip(prices, heights, strict=True) if other < one)
    assert (chart.low, chart.high) == (min(prices), max(prices))


def test_a_line_breaks_where_nothing_is_known():
    nothing = {"probability": None, "outcome": None, "forward_return": None}
    chart = chart_of([{"close": one, **nothing} for one in (1.0, 2.0, None, 3.0)])
    assert [step[0] for step in chart.price.split(" ") if step[0] in "ML"] == ["M", "L", "M"]


@pytest.mark.parametrize(
    ("probability", "outcome", "followed", "expected"),
    [
        (0.6, True, 0.1, Became.RIGHT),
        (0.6, False, -0.1, Became.WRONG),
        (0.4, False, -0.1, Became.RIGHT),
        (0.5, False, -0.1, Became.RIGHT),
        (0.5, True, 0.1, Became.WRONG),
        (0.6, None, 0.0, Became.TIE),
        (0.6, None, None, Became.OPEN),
        (None, True, 0.1, Became.NONE),
    ],
)
def test_what_became_of_an_answer(probability, outcome, followed, expected):
    assert became({"probability": probability, "outcome": outcome, "forward_return": followed}) is expected


@given(st.lists(st.floats(min_value=0.0, max_value=1.0)))
def test_the_scale_holds_every_probability(probabilities):
    assert all(abs(one - 0.5) <= reach_of(probabilities) for one in probabilities)
