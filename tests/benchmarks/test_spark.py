"""Gold on Spark beside one machine that makes it part by part: what beginning costs, and what a row does."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

PROOF = "tests/endurance/spark_features.py"
MADE = re.compile(r"(local|spark): ([\d,]+) rows in ([\d.]+) s \(([\d.]+) s")


@pytest.mark.parametrize("symbols", [100, 500])
def test_seconds_of_one_machine_and_of_spark(project_path, symbols):
    python = project_path / ".venv-spark" / "bin" / "python"
    if not python.exists():
        pytest.skip("no Spark environment: make .venv-spark/.ready makes it")
    done = subprocess.run(
        [python, PROOF, "--symbols", str(symbols), "--same"],
        cwd=project_path,
        env={**os.environ, "PYTHONPATH": str(project_path / "src")},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    print("\n" + done.stdout, end="")
    assert "largest difference of both at the first and the last bars: 0\n" in done.stdout
    for name, rows, seconds, begun in MADE.findall(done.stdout):
        count = int(rows.replace(",", ""))
        print(f"{name}: {1e6 * (float(seconds) - float(begun)) / count:.1f} µs a row after {begun} s to begin")
    sys.stdout.flush()
