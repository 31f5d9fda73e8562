"""The programs of PostgreSQL that dump a database and restore it; they read no password from any list of processes."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from finq_predictor.adapters.environment.reading import given
from finq_predictor.adapters.http.redaction import Redactor
from finq_predictor.domain.errors import ConfigurationError, StoreError

if TYPE_CHECKING:
    from sqlalchemy import URL

_DEBIAN = Path("/usr/lib/postgresql")
_LONGEST_S = 3600.0


def program(name: str) -> Path:
    """Where a program of PostgreSQL lies, such as ``"pg_dump"``.

    Raises:
        ConfigurationError: If it is not installed.
    """
    # The newest: one reads older servers, and none reads newer ones. Debian keeps them off the path.
    versions = sorted(
        _DEBIAN.glob(f"*/bin/{name}"), key=lambda path: [int(one) for one in re.findall(r"\d+", str(path))]
    )
    found = versions[-1] if versions else shutil.which(name)
    if found is None:
        raise ConfigurationError(
            f"{name} is not installed, and a database cannot be backed up or restored without it. Install the clients "
            "of PostgreSQL, such as: apt-get install postgresql-client"
        )
    return Path(found)


def run(name: str, words: Sequence[str | Path], url: URL, what: str) -> None:
    """Run a program on a database.

    Args:
        name: The program.
        words: Its options, without those that say which database.
        url: The database.
        what: What it does, for messages, such as ``"back up the store"``.

    Raises:
        ConfigurationError: If it is not installed.
        StoreError: If it fails; shows neither password, user nor host.
    """
    address = url.set(drivername="postgresql", password=None).render_as_string()
    secret = {} if url.password is None else {"PGPASSWORD": str(url.password)}
    command = [str(program(name)), f"--dbname={address}", *map(str, words)]
    try:
        done = subprocess.run(
            command,
            env={**given(), **secret, "PGCONNECT_TIMEOUT": "10"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LONGEST_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise StoreError(f"{name} took more than an hour to {what} and was ended.") from None
    if done.returncode:
        hidden = Redactor([str(one) for one in (url.password, url.username, url.host) if one])
        lines = [line for line in done.stderr.splitlines() if line.strip()] or [f"status {done.returncode}"]
        raise StoreError(f"{name} did not {what}: {hidden.short(lines[0])}")
