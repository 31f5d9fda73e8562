"""A real Redis for tests, on a free port of the loopback interface."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from debian_servers import installed

LONGEST_START_S = 20.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_redis(folder: Path, port: int | None = None, password: str = "") -> Iterator[str]:
    """Start an empty server that keeps nothing, and stop it again; yields its address."""
    program, port = installed("redis-server", "redis-server"), port or free_port()
    words = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", "--appendonly", "no"]
    secret = ["--requirepass", password] if password else []
    server = subprocess.Popen([program, *words, *secret], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + LONGEST_START_S
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                assert server.poll() is None
                assert time.monotonic() < end, "redis-server does not listen"
                time.sleep(0.02)
        yield f"redis://{f':{password}@' if password else ''}127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(30)
