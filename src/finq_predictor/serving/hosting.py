"""How BentoML starts the services here, where it has no setting of its own.

Both the process that `bentoml serve` is and each of its workers read `service` before they open or start anything. The
first one then makes an arbiter, which starts the workers and takes commands; ours takes them from a folder that only
this user can enter. BentoML's takes them on two ports of the loopback device, and whoever can log in can have it start
any program as this user.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import os
import re
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from finq_predictor.adapters.environment.reading import foreign
from finq_predictor.adapters.living import is_alive
from finq_predictor.adapters.snapshots.store import SnapshotStore
from finq_predictor.domain.errors import FinqError
from finq_predictor.serving.metrics import MULTIPROCESS
from finq_predictor.serving.settings import AuthMode, InferenceMode, Settings, given_for
from finq_predictor.serving.supervisor import SUPERVISOR
from finq_predictor.serving.trial import TRIALS, try_ahead

logger = logging.getLogger(__name__)
_WORKER = "_bentoml_impl.worker.service"
_API = "service"
"""What BentoML calls the watcher of the first service."""
_FOLDER = "finq-serving-"


def arrange() -> None:
    """Have BentoML use our arbiter, and our connections in a worker."""
    if getattr(sys.modules["__main__"].__spec__, "name", None) == _WORKER:
        from uvicorn.config import HTTP_PROTOCOLS

        HTTP_PROTOCOLS["auto"] = "finq_predictor.serving.connections:Connection"
    else:
        from bentoml._internal.utils import circus

        circus.create_standalone_arbiter = make_arbiter


def workers() -> int:
    """How many processes of the API there shall be; one where the settings cannot work, to tell why."""
    try:
        return Settings.from_environment().workers
    except FinqError:
        return 1


def listening() -> dict[str, Any]:
    """Where the API listens, unless the command line or BentoML's own variables say otherwise."""
    try:
        settings = Settings.from_environment()
    except FinqError:
        # The workers tell why.
        settings = Settings()
    for name, ours in (("BENTOML_HOST", settings.api_host), ("BENTOML_PORT", str(settings.api_port))):
        field = name.replace("BENTOML", "api").lower()
        if given_for(field) and foreign(name) not in ("", ours):
            logger.warning("%s and FINQ_%s say different things; %s counts.", name, field.upper(), name)
    return {"host": settings.api_host, "port": settings.api_port}


def _hops() -> bool:
    """Whether anybody will ask the inference service; else it would only take memory, and time at the start."""
    try:
        return Settings.from_environment().inference == InferenceMode.SERVICE
    except FinqError:
        return False


def make_arbiter(watchers: list[Any], *, threaded: bool = False, check_delay: float = 10, **given: Any) -> Any:
    """Make the arbiter of a server, in place of BentoML's.

    Args:
        watchers: What starts the workers of each service.
        threaded: Whether it runs in a thread.
        check_delay: Seconds between two looks for workers that ended.
        given: What else an arbiter takes, such as its sockets.

    Raises:
        BentoMLConfigException: If others could reach the API and there is nobody to let in.
    """
    from bentoml._internal.utils.circus import Arbiter, ThreadedArbiter

    _require_private(given.get("sockets", ()))
    watchers = [watcher for watcher in watchers if watcher.name == _API or _hops()]
    _sweep()
    folder = Path(tempfile.mkdtemp(prefix=f"{_FOLDER}{os.getpid()}-"))
    (folder / "trials").mkdir()
    _try_ahead(folder / "trials")
    for watcher in watchers:
        # Only the API counts; what another service left there would be taken for a worker of it.
        counts = folder / ("metrics" if watcher.name == _API else f"metrics-{watcher.name}")
        counts.mkdir()
        told = {MULTIPROCESS: str(counts), TRIALS: str(folder / "trials"), SUPERVISOR: str(os.getpid())}
        watcher.env = {**(watcher.env or {}), **told}
    arbiter = (ThreadedArbiter if threaded else Arbiter)(
        watchers,
        endpoint=f"ipc://{folder / 'control'}",
        pubsub_endpoint=f"ipc://{folder / 'events'}",
        check_delay=check_delay,
        **given,
    )
    arbiter.exit_stack.callback(shutil.rmtree, folder, ignore_errors=True)
    return arbiter


def _try_ahead(place: Path) -> None:
    """Begin to try what will be served, while the workers are still starting."""
    try:
        settings = Settings.from_environment()
    except FinqError:
        # The workers tell why.
        return
    told = (_champions(settings), settings.trial_seconds, place)
    threading.Thread(target=try_ahead, args=told, name="finq-trials", daemon=True).start()


def _champions(settings: Settings) -> Iterator[Path]:
    for market in settings.markets:
        with contextlib.suppress(FinqError, OSError):
            snapshot = SnapshotStore(settings.data_root, market).newest()
            if snapshot.has("champion"):
                yield snapshot.path("champion")


def _require_private(sockets: Any) -> None:
    from bentoml.exceptions import BentoMLConfigException

    hosts = [socket.host for socket in sockets if getattr(socket, "path", None) is None]
    reached = [host for host in hosts if not _is_loopback(host)]
    if reached and (why := why_closed()) is not None:
        raise BentoMLConfigException(
            f"The API would listen on {reached[0]}, where others can reach it, and {why} Or leave --host, "
            "BENTOML_HOST and API_HOST out to listen on 127.0.0.1; see docs/how-to/serve-to-others.md."
        )


def why_closed() -> str | None:
    """Why a service must not listen where others can reach it, and what to type; None where it may."""
    from finq_predictor.serving.access.access import Access
    from finq_predictor.serving.access.store import FIRST

    try:
        settings = Settings.from_environment()
        if settings.auth is AuthMode.OFF:
            # That has to be said, and was.
            return None
        access = Access(settings.auth, settings.state)
        access.refresh()
    except FinqError as error:
        return f"its settings cannot work: {error}"
    if access.snapshot.accounts:
        return None
    return (
        f"nobody has an account to ask it with. Make one: {FIRST}; or say with FINQ_AUTH=off that whoever can reach it "
        "may ask without."
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _sweep() -> None:
    """Remove the folders of servers that were killed."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_FOLDER}*"):
        found = re.fullmatch(rf"{_FOLDER}(\d+)-.*", folder.name)
        with contextlib.suppress(OSError):
            if found and folder.stat().st_uid == os.getuid() and not is_alive(int(found[1])):
                shutil.rmtree(folder, ignore_errors=True)
