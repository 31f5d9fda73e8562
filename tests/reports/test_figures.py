"""Pictures have the same bytes for the same content, and the size at which they are shown."""

from __future__ import annotations

import base64

import pytest

from finq_predictor.reports.figures import (
    DPI,
    SHOWN_DPI,
    Image,
    add_legend,
    dashed,
    finish,
    new_figure,
    patch,
    say_instead,
    to_png,
    to_svg,
)
from finq_predictor.reports.style import ACCENT, SERIES, STYLESHEET, series_colours


def drawn(size=(4, 3)):
    figure, (axes,) = new_figure(size=size)
    axes.plot([0, 1], [0, 1], color=ACCENT, label="a line")
    finish(axes, "A title", "x, days", "y, %")
    add_legend(axes)
    return figure


@pytest.mark.parametrize("save", [to_png, to_svg])
def test_the_same_picture_has_the_same_bytes(save):
    assert save(drawn()) == save(drawn())


def test_a_picture_does_not_say_when_or_by_what_it_was_made():
    assert b"Matplotlib" not in to_png(drawn())
    text = to_svg(drawn())
    assert text.startswith("<svg")
    assert "Matplotlib" not in text
    assert "<dc:date>" not in text


def test_the_words_of_an_svg_are_text():
    assert ">A title</text>" in to_svg(drawn())


def test_both_kinds_are_shown_at_the_same_size():
    png, svg = Image.from_png(to_png(drawn())), Image.of(drawn())
    assert (png.width, png.height) == (svg.width, svg.height) == (4 * SHOWN_DPI, 3 * SHOWN_DPI)
    assert DPI > SHOWN_DPI


def test_a_picture_is_embedded_whole():
    kind, _, content = Image.of(drawn()).uri.partition(";base64,")
    assert kind == "data:image/svg+xml"
    assert base64.b64decode(content).decode() == to_svg(drawn())


def test_panels_come_row_by_row():
    figure, axes = new_figure(2, 3, size=(6, 4), heights=(2, 1))
    assert len(axes) == 6
    assert axes[0].get_subplotspec().rowspan.start == 0
    assert axes[3].get_subplotspec().rowspan.start == 1
    assert figure.get_size_inches().tolist() == [6, 4]


def test_an_empty_panel_says_why():
    figure, (axes,) = new_figure(size=(4, 1))
    say_instead(axes, "Nothing was measured.")
    assert ">Nothing was measured.</text>" in to_svg(figure)
    add_legend(axes)
    assert axes.get_legend() is None


def test_entries_of_a_legend_have_names():
    assert patch(ACCENT, "area").get_label() == "area"
    assert dashed(ACCENT, "limit").get_linestyle() == "--"


def test_colours_begin_again_when_they_run_out():
    names = [f"model {k}" for k in range(len(SERIES) + 1)]
    colours = series_colours(names)
    assert len(set(colours.values())) == len(SERIES)
    assert colours[names[0]] == colours[names[-1]] == ACCENT


def test_text_can_be_read_on_white():
    for name in ("ink", "muted", "good", "warn-ink", "bad"):
        assert _contrast_to_white(STYLESHEET[name]) >= 4.5, name


def _contrast_to_white(colour: str) -> float:
    """Contrast ratio of WCAG 2."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 1.05 / (0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05)
