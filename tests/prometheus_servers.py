"""A real Prometheus and Alertmanager for tests, on free ports of the loopback interface."""

from __future__ import annotations

import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from debian_servers import installed
from redis_server import free_port

LONGEST_START_S = 30.0


def promtool() -> str:
    return installed("promtool", "prometheus")


def amtool() -> str:
    installed("prometheus-alertmanager", "prometheus-alertmanager")
    return installed("amtool", "prometheus-alertmanager")


@contextmanager
def running_prometheus(folder: Path, config: Path) -> Iterator[str]:
    """Start one that keeps its data in a folder; yields its address."""
    port = free_port()
    words = [f"--config.file={config}", f"--storage.tsdb.path={folder}", f"--web.listen-address=127.0.0.1:{port}"]
    with _running([installed("prometheus", "prometheus"), *words], port, "/-/ready") as url:
        yield url


@contextmanager
def running_alertmanager(folder: Path, config: Path) -> Iterator[str]:
    """Start one that keeps its data in a folder; yields its address."""
    port = free_port()
    words = [f"--config.file={config}", f"--storage.path={folder}", f"--web.listen-address=127.0.0.1:{port}"]
    program = installed("prometheus-alertmanager", "prometheus-alertmanager")
    with _running([program, *words, "--cluster.listen-address="], port, "/-/ready") as url:
        yield url


@contextmanager
def running_push_gateway(*words: str) -> Iterator[str]:
    """Start one that keeps nothing on the disk; yields its address."""
    port = free_port()
    program = installed("prometheus-pushgateway", "prometheus-pushgateway")
    with _running(
        [program, f"--web.listen-address=127.0.0.1:{port}", "--persistence.file=", *words], port, "/-/ready"
    ) as url:
        yield url


@contextmanager
def _running(command: list[str], port: int, ready: str) -> Iterator[str]:
    url = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + LONGEST_START_S
        while not _answers(url + ready):
            assert process.poll() is None, f"{command[0]} ended"
            assert time.monotonic() < end, f"{command[0]} is not ready"
            time.sleep(0.05)
        yield url
    finally:
        process.terminate()
        process.wait(30)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError as error:
        # It is there, and lets in whom it knows.
        return error.code == 401
    except OSError:
        return False
