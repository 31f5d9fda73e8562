from __future__ import annotations

import pytest

from finq_predictor.cli import cli
from finq_predictor.cli.reference_pages import pages, write_pages


@pytest.mark.parametrize("name", sorted(pages(cli)))
def test_committed_page_is_what_the_code_says(name, project_path, tmp_path):
    write_pages(tmp_path, cli)
    committed = project_path / "docs" / "reference" / name
    assert committed.read_text() == (tmp_path / name).read_text(), "run `make docs`"


def test_no_page_is_left_over(project_path):
    # What happens when a provider is not itself is found by playing it; a test of its own compares that page.
    played = {"faults.md"}
    assert {path.name for path in (project_path / "docs" / "reference").glob("*.md")} == set(pages(cli)) | played


def test_a_meaning_ends_where_the_next_section_of_the_docstring_begins(project_path):
    text = (project_path / "docs/reference/parameters.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    assert len(rows) > 80
    assert not [row for row in rows if "Raises:" in row or "Returns:" in row]
