"""The notebooks run from top to bottom on what the pipelines made, for both markets."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from finq_predictor.domain.market.markets import MARKETS

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
FIGURES = {"01-explore-the-data": 4, "02-study-features-and-labels": 3, "03-compare-models": 6, "04-study-a-feature": 3}
CHOICE = re.compile(r'^MARKET = "(\w+)"', re.MULTILINE)


def _read(name: str) -> Any:
    return nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)


def _choose(notebook: Any, market: str) -> None:
    cell = next(cell for cell in notebook.cells if cell.cell_type == "code")
    cell.source, changed = CHOICE.subn(f'MARKET = "{market}"', cell.source)
    assert changed == 1, f"the first cell must choose the market: {cell.source!r}"


def _figures(notebook: Any) -> int:
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    return sum("image/png" in output.get("data", {}) for output in outputs)


def test_every_notebook_is_run_by_a_test() -> None:
    assert sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")) == sorted(FIGURES)


@pytest.mark.parametrize("name", FIGURES)
def test_no_output_is_committed(name: str) -> None:
    code = [cell for cell in _read(name).cells if cell.cell_type == "code"]
    assert [cell.source for cell in code if cell.outputs or cell.execution_count] == []


def _cases() -> Iterator[Any]:
    """Each notebook with one market, the markets by turns; with the others it is a proof."""
    for place, name in enumerate(FIGURES):
        for turn, market in enumerate(MARKETS):
            yield pytest.param(name, market, marks=() if turn == place % len(MARKETS) else pytest.mark.proof)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "market"), list(_cases()))
def test_a_notebook_runs_and_draws(name: str, market: str, small_project: Path) -> None:
    notebook = _read(name)
    _choose(notebook, market)
    where = {"metadata": {"path": str(NOTEBOOKS)}}
    client = NotebookClient(notebook, timeout=240, kernel_name="python3", resources=where)
    # Kedro takes the environment of the small project from here; the notebooks know nothing of it.
    client.execute(env={**os.environ, "KEDRO_ENV": "test"})
    # Hourly quotes have one picture more: what a trade costs by the hour.
    assert _figures(notebook) >= FIGURES[name]
