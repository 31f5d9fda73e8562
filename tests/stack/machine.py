"""What the machine has to have: programs of Debian's packages, and what says how to get those that are missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

PLACES = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
PACKAGES = {
    "nginx": "nginx-light",
    "postgres": "postgresql",
    "redis-server": "redis-server",
    "redis-cli": "redis-tools",
    "prometheus": "prometheus",
    "prometheus-alertmanager": "prometheus-alertmanager",
    "prometheus-node-exporter": "prometheus-node-exporter",
    "prometheus-postgres-exporter": "prometheus-postgres-exporter",
    "prometheus-redis-exporter": "prometheus-redis-exporter",
    "openssl": "openssl",
    "wget": "wget",
    "sed": "sed",
}
"""Programs, and the packages of Debian that bring them."""


def path_of(program: str) -> str | None:
    """Where a program lies; None where it is not installed."""
    if program in ("postgres", "pg_isready", "initdb"):
        found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
        return str(found[-1]) if found else None
    return shutil.which(program, path=PLACES)


def missing() -> Mapping[str, str]:
    """Programs that are not here, and their packages."""
    return {program: package for program, package in PACKAGES.items() if path_of(program) is None}


def require(install: bool) -> None:
    """Say what is missing and how it is installed; root installs it where that was asked for.

    Raises:
        SystemExit: If something is missing after all.
    """
    absent = missing()
    packages = sorted(set(absent.values()))
    if packages and install and os.geteuid() == 0:
        # At this level no server is started by its installation.
        variables = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
        for words in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *packages]):
            subprocess.run(["apt-get", *words], env=variables, check=False, timeout=600)
        absent = missing()
    if absent:
        packages = sorted(set(absent.values()))
        sys.exit(
            f"These programs are not here: {', '.join(absent)}. Debian has them; as root:\n"
            f"    apt-get update && apt-get install -y --no-install-recommends {' '.join(packages)}\n"
            "or let it be done: make stack-test APT=1"
        )


def needed(program: str) -> str:
    """Where a program lies that is here."""
    found = path_of(program)
    if found is None:
        raise FileNotFoundError(f"{program} is not here; apt-get install {PACKAGES.get(program, program)}")
    return found
