"""There is one palette: no page, picture or notebook spells a colour of its own."""

from __future__ import annotations

import re

from finq_predictor.reports.style import PYPLOT, STYLESHEET, Tone

COLOUR = re.compile(r"#[0-9a-fA-F]{6}\b|#[0-9a-fA-F]{3}\b")


def test_colours_are_spelled_in_one_place(project_path):
    reports = project_path / "src" / "finq_predictor" / "reports"
    files = [*reports.rglob("*.py"), *reports.rglob("*.j2"), *(project_path / "notebooks").glob("*.ipynb")]
    spelled = {
        path.relative_to(project_path).as_posix(): found
        for path in files
        if path.name != "style.py" and (found := set(COLOUR.findall(path.read_text(encoding="utf-8"))) - {"#fff"})
    }
    assert spelled == {}


def test_the_stylesheet_uses_every_colour_and_knows_every_tone(project_path):
    sheet = (project_path / "src/finq_predictor/reports/templates/style.css.j2").read_text(encoding="utf-8")
    used = set(re.findall(r"var\(--([\w-]+)\)", sheet))
    assert used == set(STYLESHEET)
    assert all(f".{tone}" in sheet for tone in Tone if tone)


def test_a_notebook_is_drawn_in_the_same_colours():
    import matplotlib as mpl

    with mpl.rc_context(PYPLOT):
        assert mpl.rcParams["grid.color"] == STYLESHEET["line"]
