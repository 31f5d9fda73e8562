"""A real server of the S3 protocol for tests, on a free port of the loopback interface, and a wire that can be cut."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from postgres_server import free_port

LONGEST_START_S = 60.0
KEYS = {"AWS_ACCESS_KEY_ID": "finq-tests", "AWS_SECRET_ACCESS_KEY": "not-a-secret", "AWS_EC2_METADATA_DISABLED": "true"}


@contextmanager
def running_s3(folder: Path) -> Iterator[str]:
    """Start an empty server, which keeps everything in memory, and stop it again.

    Yields:
        Its address.
    """
    port = free_port()
    words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(words, stdout=log, stderr=log, cwd=folder)
    try:
        end = time.monotonic() + LONGEST_START_S
        while not _answers(port):
            assert server.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < end, (folder / "log").read_text()
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(30)


def tell(server: str, path: str, body: str = "") -> None:
    """Tell the server something about itself, such as to forget everything, or to ask for keys from now on."""
    connection = HTTPConnection(server.removeprefix("http://"), timeout=30)
    connection.request("POST", f"/moto-api/{path}", body)
    assert connection.getresponse().status == 200
    connection.close()


def _answers(port: int) -> bool:
    with suppress(OSError):
        connection = HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/moto-api/")
        return connection.getresponse().status < 500
    return False


@contextmanager
def wire(server: str, cut: Callable[[bytes, int], bool]) -> Iterator[str]:
    """Stand between a client and the server.

    Args:
        server: Address of the server.
        cut: Takes the first bytes of a request and how many bytes of its answer went through; says whether the
            connection breaks now.

    Yields:
        The address to be asked instead.
    """
    host, port = server.removeprefix("http://").split(":")
    listening = socket.create_server(("127.0.0.1", 0))

    def serve(client: socket.socket) -> None:
        with client, socket.create_connection((host, int(port))) as behind:
            request = [b""]
            threading.Thread(target=_forward, args=(client, behind, request), daemon=True).start()
            passed = 0
            with suppress(OSError):
                while chunk := behind.recv(1 << 14):
                    passed += len(chunk)
                    if cut(request[0], passed):
                        # Another thread waits for its next request, and closing alone would not wake it.
                        client.shutdown(socket.SHUT_RDWR)
                        return
                    client.sendall(chunk)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=serve, args=(listening.accept()[0],), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        listening.close()


def _forward(client: socket.socket, behind: socket.socket, request: list[bytes]) -> None:
    with suppress(OSError):
        while chunk := client.recv(1 << 14):
            request[0] = chunk[:200] if chunk[:4] in (b"GET ", b"PUT ", b"HEAD", b"POST", b"DELE") else request[0]
            behind.sendall(chunk)


def make_bucket(server: str, name: str) -> Any:
    """Make a bucket and give a client that can do everything."""
    import boto3

    client = boto3.client("s3", endpoint_url=server, region_name="us-east-1")
    client.create_bucket(Bucket=name)
    return client
