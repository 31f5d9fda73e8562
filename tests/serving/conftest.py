from __future__ import annotations

import asyncio
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from finq_predictor.serving.app import create_app
from finq_predictor.serving.settings import Settings
from serving import small_market
from serving.servers import BENTO, UVICORN, Server, running


def as_a_server(app: Any) -> Any:
    """Give the application a body in one message, as servers do; httpx announces a next one behind each piece."""

    async def called(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        waiting = [{"type": "http.request", "body": body, "more_body": False}]

        async def whole() -> Any:
            return waiting.pop() if waiting else await receive()

        await app(scope, whole, send)

    return called


class Client:
    """Calls an ASGI application in an event loop of its own, with its start and stop, as a server would."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Client:
        self._thread.start()
        self._lifespan = self.app.router.lifespan_context(self.app)
        self.run(self._lifespan.__aenter__())
        transport = httpx.ASGITransport(app=as_a_server(self.app), raise_app_exceptions=False)
        self._http = httpx.AsyncClient(transport=transport, base_url="http://finq")
        return self

    def __exit__(self, *_: object) -> None:
        self.run(self._http.aclose())
        self.run(self._lifespan.__aexit__(None, None, None))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    def run(self, work: Any) -> Any:
        """Wait for something to be done in that loop."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=120)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        return self.run(self._http.request(method, path, **options))

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, json: Any = None, **options: Any) -> httpx.Response:
        return self.request("POST", path, **({"json": json} if json is not None else {}), **options)

    @property
    def store(self) -> Any:
        return self.app.state.runtime.store


@contextmanager
def started(settings: Settings, *, loaded: bool = True) -> Iterator[Client]:
    """A client of a started application, after its first load; what it records is kept by tests of the keeper only."""
    with Client(create_app(settings and settings.model_copy(update={"keeper": False}))) as client:
        if loaded:
            wait_until(lambda: not client.store.loading, 120)
        yield client


def wait_until(condition: Any, seconds: float) -> None:
    waiting = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        waiting.wait(0.02)
    raise TimeoutError(f"not so within {seconds} seconds")


@pytest.fixture(scope="session")
def two_markets(tmp_path_factory) -> Path:
    """A data root with both markets; nobody writes into it."""
    root = tmp_path_factory.mktemp("served")
    small_market.build(root, "equity")
    small_market.build(root, "fx", bars=400, model="xgboost", status="provisional", version="3")
    return root


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder with a name that leaves room for those of sockets, which are 107 bytes at most."""
    with tempfile.TemporaryDirectory(prefix="finq", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def own_root(two_markets, tmp_path) -> Path:
    """A copy of it for a test that changes files, without what was served from it."""
    return Path(shutil.copytree(two_markets, tmp_path / "data", ignore=shutil.ignore_patterns("served")))


@pytest.fixture(scope="session")
def client(two_markets) -> Iterator[Client]:
    with started(Settings(data_root=two_markets)) as client:
        yield client


@pytest.fixture(scope="session")
def bentoml_server(two_markets, tmp_path_factory) -> Iterator[Server]:
    """A server as it is by itself, for tests that ask and change nothing; starting one is dear."""
    folder = tmp_path_factory.mktemp("bentoml_server")
    with running(BENTO, folder, seconds=240.0, FINQ_DATA_ROOT=str(two_markets)) as server:
        yield server


@pytest.fixture(scope="session")
def uvicorn_server(two_markets, tmp_path_factory) -> Iterator[Server]:
    """The same application under plain uvicorn, with the log of a server that nobody told to be silent."""
    folder = tmp_path_factory.mktemp("uvicorn_server")
    plain = tuple(word for word in UVICORN if word != "--no-access-log")
    with running(plain, folder, FINQ_DATA_ROOT=str(two_markets)) as server:
        yield server


@pytest.fixture(params=["bentoml", "uvicorn"])
def either_server(request: pytest.FixtureRequest) -> Server:
    """First one of them, then the other."""
    server: Server = request.getfixturevalue(f"{request.param}_server")
    return server
