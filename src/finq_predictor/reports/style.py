"""The one palette of pages and pictures."""

from __future__ import annotations

from enum import StrEnum

INK = "#1c2733"
"""Text and marks that must be read."""
MUTED = "#5f6c7a"
"""Text beside what must be read; on white it has a contrast of 5.4 to 1."""
FAINT = "#7b8794"
"""Lines of reference within a picture: zero, a coin, perfect calibration."""
LINE = "#e3e8ee"
"""Grid and rules."""
SOFT = "#f6f8fa"
"""The ground of what is set apart."""
ACCENT = "#1f5fa8"
"""What a page is about: the candidate, the present."""
BACKGROUND = "#9aa5b1"
"""What it is compared with: naive rules, the past, a leaking split."""
GOOD, WARN, BAD = "#1f7a56", "#d99a2b", "#a12f2f"
WARN_INK, WARN_SOFT = "#8a5a00", "#fff4d6"
"""``WARN`` as text, for which the plain one is too light, and as a ground below it."""
ACCENT_SOFT, BAD_SOFT = "#f2f7fd", "#fbeeee"
"""Grounds of rows that stand out, and of rows that alarm."""
SERIES = (ACCENT, "#c8642b", "#2f8f6b", "#7a4fa3", "#b03a5b")
"""Several candidates in one picture, in this order, from the start again when they run out."""

STYLESHEET = {
    "ink": INK,
    "muted": MUTED,
    "line": LINE,
    "soft": SOFT,
    "accent-soft": ACCENT_SOFT,
    "good": GOOD,
    "warn": WARN,
    "warn-ink": WARN_INK,
    "warn-soft": WARN_SOFT,
    "bad": BAD,
    "bad-soft": BAD_SOFT,
}
"""Colours by the names that the stylesheet of the pages gives them."""

PYPLOT = {
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "legend.frameon": False,
}
"""Settings of matplotlib for a notebook, so that what is drawn there looks like the pages."""


class Tone(StrEnum):
    """How a figure or a verdict is to be felt; the value is the class in the stylesheet."""

    PLAIN = ""
    GOOD = "good"
    WARN = "warn"
    BAD = "bad"


def series_colours(names: list[str]) -> dict[str, str]:
    """Name -> colour, the same in every picture of a page as long as the order is."""
    return {name: SERIES[index % len(SERIES)] for index, name in enumerate(names)}
