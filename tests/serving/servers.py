"""Real server processes on a free loopback port; every wait has an end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

BIN = Path(sys.executable).parent
BENTO = (str(BIN / "bentoml"), "serve", "finq_predictor.serving.service:Api", "--host", "127.0.0.1", "--port")
_END_S = 30.0
UVICORN = (str(BIN / "uvicorn"), "finq_predictor.serving.app:app", "--no-access-log", "--host", "127.0.0.1", "--port")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Server:
    """A server process that answers: where, its id, and the file it writes its log to."""

    url: str
    pid: int
    log: Path


@contextmanager
def running(
    command: tuple[str, ...],
    folder: Path,
    *,
    wait_for: str = "/ready",
    ready: tuple[int, ...] = (200,),
    seconds: float = 90.0,
    arguments: tuple[str, ...] = (),
    port_by: str = "",
    **environment: str,
) -> Iterator[Server]:
    """Start a server and wait until a route answers.

    Args:
        command: The command; the port is put after its last word.
        folder: Working folder, which also takes the log and BentoML's home.
        wait_for: The route to ask.
        ready: The statuses to wait for.
        seconds: Longest wait.
        arguments: What follows the port.
        port_by: A variable that says the port, which then stands in no word of the command.
        environment: Variables on top of the present ones.

    Yields:
        The server.
    """
    port = free_port()
    log = folder / f"server-{port}.log"
    variables = os.environ | {"BENTOML_HOME": str(folder / "bentoml"), "PYTHONWARNINGS": "ignore"} | environment
    words = [*command, *([] if port_by else [str(port)]), *arguments]
    variables |= {port_by: str(port)} if port_by else {}
    with log.open("w") as output:
        process = subprocess.Popen(
            words,
            cwd=folder,
            env=variables,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(process, url + wait_for, ready, seconds, log)
            yield Server(url, process.pid, log)
        finally:
            _stop(process)


@contextmanager
def serving(command: tuple[str, ...], folder: Path, **options: Any) -> Iterator[str]:
    """The base URL of a server, see :func:`running`."""
    with running(command, folder, **options) as server:
        yield server.url


def _wait(process: subprocess.Popen[bytes], url: str, ready: tuple[int, ...], seconds: float, log: Path) -> None:
    end = time.monotonic() + seconds
    last = "no answer"
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with {process.returncode}:\n{log.read_text()[-3000:]}")
        try:
            answer = httpx.get(url, timeout=5)
            if answer.status_code in ready:
                return
            last = f"{answer.status_code} {answer.text[:500]}"
        except httpx.HTTPError as error:
            last = repr(error)
        time.sleep(0.1)
    raise TimeoutError(f"{url} not ready within {seconds} s, last: {last}\n{log.read_text()[-3000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End a server; fails where it does not end by itself when it is told to."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=_END_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=_END_S)
        raise TimeoutError(f"the server did not end within {_END_S:g} s of being told to") from None
    # What it started and left behind.
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
