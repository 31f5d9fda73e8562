"""Programs of other people that tests run for real, from the packages of Debian."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest
from filelock import FileLock

# Where servers lie, which need not be on the path of a user.
_PLACES = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])


def installed(program: str, package: str) -> str:
    """The path of a program, installed if that is possible here; the test is skipped where it is not.

    Args:
        program: Its name.
        package: The Debian package that brings it.
    """
    found = shutil.which(program, path=_PLACES)
    if found is None:
        found = _install(program, package)
    return found


def _install(program: str, package: str) -> str:
    why = f"{program} is not here, and apt-get did not install {package}"
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        pytest.skip(f"{program} is not here; install it with: apt-get install -y {package}")
    mark = Path(tempfile.gettempdir()) / f"finq-no-{package}-{os.environ.get('PYTEST_XDIST_TESTRUNUID', os.getpid())}"
    with FileLock(f"{tempfile.gettempdir()}/finq-apt.lock"):
        if (found := shutil.which(program, path=_PLACES)) is None and not mark.exists():
            # At this level no server is started by its installation.
            variables = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
            for words in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", package]):
                try:
                    subprocess.run(["apt-get", *words], env=variables, capture_output=True, timeout=180)
                except subprocess.TimeoutExpired:
                    break
            found = shutil.which(program, path=_PLACES)
            if found is None:
                mark.touch()
    if found is None:
        pytest.skip(f"{why}; do it by hand: apt-get install -y {package}")
    return found
