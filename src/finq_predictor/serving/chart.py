"""The drawing of an instrument's last bars: its price, the probability beneath, and what became of each answer.

Only geometry: where the lines run and the marks stand. What a mark is, is told by its shape and in words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

WIDTH, HEIGHT = 560.0, 340.0
_LEFT, _RIGHT = 76.0, 548.0
_PRICE = (20.0, 150.0)
_PROBABILITY = (186.0, 306.0)
_EVEN = 0.5
_REACHES = (0.02, 0.05, 0.1, 0.2, 0.5)


class Became(StrEnum):
    """What became of an answer."""

    RIGHT = "right"
    WRONG = "wrong"
    TIE = "tie"
    OPEN = "not known yet"
    NONE = "no answer"


@dataclass(frozen=True)
class Mark:
    """The answer at one bar.

    Attributes:
        x: From the left.
        y: From the top.
        became: What became of it.
    """

    x: float
    y: float
    became: Became


@dataclass(frozen=True)
class Chart:
    """What is drawn; all places are within ``WIDTH`` and ``HEIGHT``.

    Attributes:
        price: Path of the price; empty where no two neighbouring bars have one.
        probability: Path of the probability.
        marks: The answers.
        low: Lowest price; None where there is none.
        high: Highest price.
        reach: Half the width of the scale of the probability.
    """

    price: str
    probability: str
    marks: tuple[Mark, ...]
    low: float | None
    high: float | None
    reach: float


def became(bar: Mapping[str, Any]) -> Became:
    """What became of the answer at a bar.

    Args:
        bar: ``probability``, ``outcome``, ``forward_return``; None where nothing is known.
    """
    probability, outcome = bar["probability"], bar["outcome"]
    if probability is None:
        return Became.NONE
    if outcome is None:
        return Became.OPEN if bar["forward_return"] is None else Became.TIE
    return Became.RIGHT if (probability > _EVEN) == outcome else Became.WRONG


def reach_of(probabilities: Sequence[float]) -> float:
    """Half the width of the scale around one half that all probabilities fit into."""
    widest = max((abs(one - _EVEN) for one in probabilities), default=0.0)
    return next(reach for reach in _REACHES if widest <= reach)


def chart_of(bars: Sequence[Mapping[str, Any]]) -> Chart:
    """Draw bars.

    Args:
        bars: The oldest first, at least one: ``close`` and what :func:`became` reads.
    """
    closes = [bar["close"] for bar in bars]
    said = [bar["probability"] for bar in bars]
    known = [one for one in closes if one is not None]
    low, high = (min(known), max(known)) if known else (None, None)
    reach = reach_of([one for one in said if one is not None])
    step = (_RIGHT - _LEFT) / max(len(bars) - 1, 1)
    across = [_LEFT + step * place for place in range(len(bars))]
    prices = [None if one is None else _height(one, low, high, _PRICE) for one in closes]
    heights = [None if one is None else _height(one, _EVEN - reach, _EVEN + reach, _PROBABILITY) for one in said]
    marks = [
        Mark(round(x, 1), y, became(bar)) for x, y, bar in zip(across, heights, bars, strict=True) if y is not None
    ]
    return Chart(_path(across, prices), _path(across, heights), tuple(marks), low, high, reach)


def _height(value: float, low: float | None, high: float | None, between: tuple[float, float]) -> float:
    top, bottom = between
    if low is None or high is None or high <= low:
        return round((top + bottom) / 2.0, 1)
    return round(bottom - (value - low) / (high - low) * (bottom - top), 1)


def _path(across: Sequence[float], heights: Sequence[float | None]) -> str:
    """A line that is broken where nothing is known."""
    words, drawing = [], False
    for x, y in zip(across, heights, strict=True):
        if y is not None:
            words.append(f"{'L' if drawing else 'M'}{x:.1f} {y:.1f}")
        drawing = y is not None
    return " ".join(words)
