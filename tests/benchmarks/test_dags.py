"""How long Airflow takes to read each DAG: it does so again and again, and gives up on one that is slow."""

from __future__ import annotations

import json
import subprocess

import pytest

from airflow_server import airflow_python, environment

READ = """
import json, sys, time
import airflow.settings
airflow.settings.initialize()
from pathlib import Path
from airflow.dag_processing.dagbag import DagBag
DagBag(Path(sys.argv[1]).with_name("none"))
found = {}
for file in sorted(Path(sys.argv[1]).glob("*.py")):
    begun = time.perf_counter()
    bag = DagBag(file)
    found[file.name] = time.perf_counter() - begun
    assert bag.dags and not bag.import_errors
print("RESULT" + json.dumps(found))
"""


def test_seconds_to_read_each_dag(project_path, tmp_path):
    variables = environment(project_path, tmp_path, f"sqlite:///{tmp_path}/airflow.db")
    folder = project_path / "deploy" / "airflow" / "dags"
    done = subprocess.run(
        [airflow_python(project_path), "-c", READ, folder], env=variables, capture_output=True, text=True, timeout=180
    )
    line = next((line for line in done.stdout.splitlines() if line.startswith("RESULT")), None)
    if line is None:
        pytest.fail(done.stderr[-3000:])
    found = json.loads(line.removeprefix("RESULT"))
    print("\nSeconds to read a DAG, the first one with what all of them import:")
    for name, seconds in found.items():
        print(f"    {name:<45} {seconds:.3f}")
    assert len(found) == len(list(folder.glob("*.py")))
