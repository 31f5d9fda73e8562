"""What befalls a service in a soak: its store and its Redis go away and come back, and its workers are killed."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from postgres_server import free_port, running_postgres
from redis_server import running_redis
from serving.access.doors import make_door

AWAY_S = 5.0
"""So long a server is away."""
WORKER = "_bentoml_impl.worker"
"""Tells a process that answers requests from those beside it."""


@dataclass
class Service:
    """A server that can be sent away and fetched back.

    Attributes:
        name: What people call it.
        start: Starts it, where it was before.
    """

    name: str
    start: Callable[[], AbstractContextManager[str]]
    _running: ExitStack = field(default_factory=ExitStack)

    def begin(self) -> str:
        """Start it; gives its address."""
        return self._running.enter_context(self.start())

    def end(self) -> None:
        """Stop it."""
        self._running.close()


@dataclass
class Troubles:
    """The servers that a service leans on, and what it is let in by.

    Attributes:
        services: The servers.
        environment: What the service has to be told of them.
        key: Lets a client in.
        told: What befell, and when, in seconds since the beginning.
        kills: How many workers were killed.
    """

    services: list[Service]
    environment: dict[str, str]
    key: str
    told: list[str] = field(default_factory=list)
    kills: int = 0

    def restart(self, place: int) -> Callable[[psutil.Process], None]:
        """What sends a server away and fetches it back."""
        service = self.services[place]

        def befall(_: psutil.Process) -> None:
            service.end()
            self.told.append(f"{service.name} away for {AWAY_S:g} s")
            time.sleep(AWAY_S)
            service.begin()

        return befall

    def kill(self, server: psutil.Process) -> None:
        """Kill the youngest worker, without a word before."""
        # The keeper is a child of a worker: it is told by its parent's end.
        workers = [one for one in server.children() if any(WORKER in word for word in _words(one))]
        if len(workers) < 2:
            raise RuntimeError(f"of {len(server.children())} processes of the server {len(workers)} are workers")
        victim = max(workers, key=psutil.Process.create_time)
        end = time.monotonic() + AWAY_S
        while not (held := _held(victim)) and time.monotonic() < end:
            time.sleep(0.001)
        victim.kill()
        self.kills += 1
        self.told.append(f"worker {victim.pid} killed, and with it {held} connections")

    def following(self, seconds: float) -> Iterator[tuple[float, Callable[[psutil.Process], None]]]:
        """When what befalls: each server goes away twice, and between them three workers are killed."""
        events = [self.kill, *(self.restart(place) for place in range(len(self.services)))] * 2 + [self.kill]
        for number, event in enumerate(events):
            yield seconds * (number + 1) / (len(events) + 1), event


@contextmanager
def prepared(root: Path) -> Iterator[Troubles]:
    """Start a PostgreSQL and a Redis, and make accounts.

    Args:
        root: Folder of the data that will be served.
    """
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        database, cache = Path(folder) / "postgres", Path(folder) / "redis"
        ports = free_port(), free_port()
        services = [
            Service("PostgreSQL", lambda: running_postgres(database, ports[0])),
            Service("Redis", lambda: running_redis(cache, ports[1])),
        ]
        for place in (database, cache):
            place.mkdir()
        addresses = []
        for service in services:
            stack.callback(service.end)
            addresses.append(service.begin())
        key = make_door(root).keys["the-predictor"]
        environment = {"FINQ_STORE_URL": addresses[0], "FINQ_REDIS_URL": addresses[1], "FINQ_WORKERS": "2"}
        with told_by_environment(environment):
            yield Troubles(services, {**environment, "FINQ_AUTH": "on"}, key)


@contextmanager
def told_by_environment(values: dict[str, str]) -> Iterator[None]:
    """Let this process know, too, where the store is."""
    before = dict(os.environ)
    os.environ.update(values)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _held(process: psutil.Process) -> int:
    """How many clients are connected to a process."""
    port = min(one.laddr.port for one in process.net_connections("tcp") if one.status == psutil.CONN_LISTEN)
    return sum(
        one.status == psutil.CONN_ESTABLISHED and one.laddr.port == port for one in process.net_connections("tcp")
    )


def _words(process: psutil.Process) -> list[str]:
    with suppress(psutil.Error):
        return process.cmdline()
    return []
