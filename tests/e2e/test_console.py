"""What a person sees of a run in a terminal or a log: real commands in processes of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from finq_predictor.switches import TELEMETRY

BIN = Path(sys.executable).parent
LINE = re.compile(r" ?\d+ of \d+  ingestion\.fx\.\w+ +\d+\.\d s(  +[\d,]+ rows)?")
pytestmark = pytest.mark.slow


def run(project: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command, its output no terminal and 40 columns wide if anybody asks."""
    clean = {name: value for name, value in os.environ.items() if name not in {*TELEMETRY, "PYTHONWARNINGS"}}
    command = [str(BIN / words[0]), *words[1:]]
    return subprocess.run(
        command,
        cwd=project,
        capture_output=True,
        text=True,
        timeout=300,
        env={**clean, "COLUMNS": "40", **environment},
    )


def ingest(project: Path, root: Path, *more: str, params: str = "", **environment: str):
    given = ["--env", "test", "--pipelines=ingestion", "--namespaces=ingestion.fx", *more]
    return run(project, "kedro", "run", *given, "--params", f"data_root={root}{params}", **environment)


def test_a_run_is_a_line_for_each_node_and_where_the_time_went(project_path, tmp_path):
    result = ingest(project_path, tmp_path)
    assert result.returncode == 0, result.stderr
    assert not result.stderr
    nodes = [line for line in result.stdout.splitlines() if " of 13  " in line]
    assert len(nodes) == 13
    assert all(LINE.fullmatch(line) for line in nodes), nodes
    assert [int(line.split()[0]) for line in nodes] == list(range(1, 14))
    others = [line for line in result.stdout.splitlines() if line not in nodes]
    assert [line for line in others if not line.startswith("    ")] == others[-2:]
    assert re.fullmatch(r"Done in .*: ingestion .* s\.", others[-2])
    assert others[-1].startswith("Slowest nodes: ingestion.fx.")
    assert not re.search(r"Warning|\x1b|it/s", result.stdout)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        (
            ",fx.ingestion.gates.min_instruments=500",
            ["bars, rule min_instruments: found 6, allowed 500.", "Where: node ingestion.fx.check_gates"],
        ),
        (
            ",fx.ingestion.gates.min_instrument=5",
            ["Parameter 'fx.ingestion'", "gates.min_instrument\n", "docs/reference/parameters.md"],
        ),
    ],
    ids=["gate", "parameter"],
)
def test_what_stops_a_run_is_said_once_and_without_traceback(project_path, tmp_path, params, words):
    result = ingest(project_path, tmp_path, params=params)
    assert result.returncode == 1
    assert result.stderr.startswith("Error: ")
    for word in words:
        assert (result.stdout + result.stderr).count(word) == 1, result.stdout + result.stderr
    assert "Traceback" not in result.stdout + result.stderr
    assert "pydantic.dev" not in result.stderr


def test_a_missing_file_names_node_dataset_and_what_to_give(project_path, tmp_path):
    given = ["--env", "own", "--pipelines=fx", "--namespaces=ingestion.fx"]
    result = run(project_path, "kedro", "run", *given, "--params", f"data_root={tmp_path},quotes=/no/such.csv")
    assert result.returncode == 1
    assert "Error: There is no file /no/such.csv (run parameter `quotes`)" in result.stderr
    assert "Where: node ingestion.fx.receive_bars, loading fx.source_bars" in result.stderr
    assert "Traceback" not in result.stdout + result.stderr


def test_the_long_form_is_for_debug_level(project_path, tmp_path):
    result = ingest(project_path, tmp_path, params=",fx.ingestion.gates.min_instruments=500", FINQ_LOG_LEVEL="DEBUG")
    assert result.returncode == 1
    assert "Traceback (most recent call last)" in result.stderr
    assert result.stderr.rstrip().endswith("Where: node ingestion.fx.check_gates")
    assert "INFO kedro.runner" in result.stdout
    assert result.stdout.count("1 of 13  ingestion.fx") == 1


def test_an_unknown_pipeline_is_answered_with_the_nearest(project_path):
    result = run(project_path, "kedro", "run", "--pipelines=equiti")
    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == "Error: Unknown pipeline 'equiti'. Did you mean 'equity'?\n"


def test_the_products_own_command_ends_the_same_way(project_path, tmp_path):
    result = run(project_path, "finq", "audit", "--root", str(tmp_path), "--market", "fx")
    assert result.returncode == 1
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.stderr
