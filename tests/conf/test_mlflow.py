from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import sys
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

bootstrap_project(sys.argv[1])
with KedroSession.create(sys.argv[1], runtime_params={"data_root": sys.argv[2]}) as session:
    session.load_context()
print([type(finder).__module__ for finder in sys.meta_path])
"""


def test_a_session_hooks_nothing_into_imports(project_path: Path, tmp_path: Path) -> None:
    """A hook of MLflow loads libraries past the locks that keep two threads from finding half of one."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(project_path), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "mlflow" not in done.stdout.splitlines()[-1], done.stdout
