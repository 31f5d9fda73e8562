"""Programs that check what is in deploy/ and .github/, in an environment of theirs: `make .venv-checkers/.ready`."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
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
        "otel-collector": "lib/python3.11/site-packages/otel_collector/bin/otelcol-contrib_linux_amd64",
    }
    found = ENVIRONMENT / within.get(name, f"bin/{name}")
    if not (ENVIRONMENT / ".ready").exists() or not found.exists():
        pytest.skip(f"no {name} is here: `make .venv-checkers/.ready` installs it")
    return str(found)


def ran(*words: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a checker to its end; what it says is in `stdout` and `stderr`."""
    given = {"capture_output": True, "text": True, "timeout": 300, **options}
    return subprocess.run([str(word) for word in words], **given)  # type: ignore[call-overload, no-any-return] # options


def packed(name: str, version: str, digest: str, folder: Path) -> Path:
    """Fetch a package of npm and unpack it, nothing of which runs; skips where that is impossible.

    Args:
        name: Its name.
        version: Its version.
        digest: SHA-512 of the archive in base 64, as npm writes it.
        folder: Where to put it.
    """
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("npm and node are not here; install them with: apt-get install -y npm")
    try:
        done = ran(npm, "pack", f"{name}@{version}", "--silent", cwd=folder, timeout=60)
    except subprocess.TimeoutExpired:
        pytest.skip(f"npm has not fetched {name} within a minute; is there a network?")
    if done.returncode:
        pytest.skip(f"npm cannot fetch {name}: {done.stderr.strip()[-200:]}")
    archive = folder / done.stdout.split()[-1]
    assert base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode() == digest, f"{name} is another one"
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    return folder / "package"
