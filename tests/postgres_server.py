"""A real PostgreSQL for tests, on a free port of the loopback interface."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from debian_servers import installed

LONGEST_START_S = 30.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _programs() -> Path:
    """Folder of the newest server: Debian keeps it off the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        installed("postgres", "postgresql")
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    if not found:
        pytest.skip("postgres is not here; install it with: apt-get install -y postgresql")
    return found[-1].parent


@contextmanager
def running_postgres(folder: Path, port: int | None = None) -> Iterator[str]:
    """Start a server and stop it again.

    Args:
        folder: A folder for its files, which its own user has to be able to reach; empty, or left by a former one.
        port: Where it listens; None for one that is free.

    Yields:
        SQLAlchemy's address of its database.
    """
    programs, port = _programs(), port or free_port()
    # It refuses to run as root.
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
        for parent in folder.parents:
            if parent.stat().st_uid == 0 and parent != Path("/"):
                parent.chmod(parent.stat().st_mode | 0o011)
    as_user = {"user": user} if os.geteuid() == 0 else {}
    data = folder / "data"
    if not data.exists():
        subprocess.run(
            [programs / "initdb", "-A", "trust", "--no-sync", "-U", "finq", "-D", data],
            check=True, capture_output=True, cwd=folder, **as_user,
        )  # fmt: skip
    with (folder / "log").open("a") as log:
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, "-p", str(port), "-k", folder]
            + [word for setting in ("listen_addresses=127.0.0.1", "fsync=off") for word in ("-c", setting)],
            stdout=log, stderr=log, cwd=folder, **as_user,
        )  # fmt: skip
    try:
        end = time.monotonic() + LONGEST_START_S
        ready = [programs / "pg_isready", "-h", "127.0.0.1", "-p", str(port), "-q"]
        while subprocess.run(ready, check=False).returncode:
            assert server.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < end, (folder / "log").read_text()
            time.sleep(0.05)
        yield f"postgresql+psycopg://finq:secret@127.0.0.1:{port}/postgres"
    finally:
        # At once: told to end by SIGTERM it waits for whoever still holds a connection.
        server.send_signal(signal.SIGINT)
        server.wait(30)
