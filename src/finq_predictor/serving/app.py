"""The ASGI application: lean under uvicorn (`uvicorn finq_predictor.serving.app:app`), or mounted by BentoML."""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.routing import Route

from finq_predictor.adapters.log_lines import WrittenAlready, write_json_lines
from finq_predictor.domain.errors import ConfigurationError, FinqError
from finq_predictor.serving import lean_memory, request_log
from finq_predictor.serving.access.cors import Cors
from finq_predictor.serving.access.guarding import guarded
from finq_predictor.serving.access.issuer import issuer_of
from finq_predictor.serving.application import Application
from finq_predictor.serving.inference import RemoteModel
from finq_predictor.serving.media_types import NoPickles
from finq_predictor.serving.metrics import Metrics
from finq_predictor.serving.middleware import Observed, error_handlers
from finq_predictor.serving.operation import names_by_path
from finq_predictor.serving.recording import Recording
from finq_predictor.serving.request_log import RequestLog
from finq_predictor.serving.routes import OPERATIONS
from finq_predictor.serving.runtime import Runtime
from finq_predictor.serving.settings import InferenceMode, Settings
from finq_predictor.serving.store import Store
from finq_predictor.serving.supervisor import end_with_supervisor

logger = logging.getLogger(__name__)
# A worker takes no requests before its models are loaded; one that takes longer (compiling, a cold disk) answers 503.
_START_SECONDS = 20.0
_SHORTEST_GUARD_S = 0.1
_SHORTEST_PAUSE_S = 0.5
_SWITCH_S = 0.001
PATHS = dict(names_by_path(OPERATIONS))
"""Each path of the API, and the name under which requests to it are counted."""
_SINGLE = frozenset(path for path, name in PATHS.items() if name == "/predict")


def create_app(settings: Settings | None = None) -> Application:
    """Make the application; it loads nothing before it is started.

    Args:
        settings: The settings; read from the environment at start when None.
    """
    metrics, log = Metrics(), RequestLog()

    @asynccontextmanager
    async def lifespan(app: Application) -> AsyncIterator[None]:
        end_with_supervisor()
        lean_memory.begin()
        app.state.runtime = make_runtime(settings, metrics, app.state.remote)
        _keep_a_log()
        store: Store = app.state.runtime.store
        recording: Recording = app.state.runtime.recording
        with _without_garbage():
            # First, because it waits for trials in processes of their own.
            store.start()
            for part in (app.state.runtime.access, app.state.runtime.rates, recording):
                await run_in_threadpool(part.start)
            await run_in_threadpool(store.wait, _START_SECONDS)
        app.shorten(app.state.runtime, _SINGLE, metrics, log)
        _hurry()
        tasks = (_guard(store), _observe(app.state.runtime), recording.follow())
        keeping = [asyncio.create_task(task) for task in tasks]
        yield
        for task in keeping:
            task.cancel()
        log.write()
        for part in (app.state.runtime.access, app.state.runtime.rates):
            await run_in_threadpool(part.stop)
        await run_in_threadpool(store.stop)
        await run_in_threadpool(recording.stop)
        app.state.runtime.past.leave()
        if app.state.runtime.tracing is not None:
            await run_in_threadpool(app.state.runtime.tracing.stop)

    app = Application(
        routes=[Route(path, guarded(one), methods=[one.method]) for one in OPERATIONS for path in one.paths],
        middleware=[
            Middleware(Observed, metrics=metrics, routes=PATHS, log=log),
            Middleware(Cors),
            Middleware(NoPickles, metrics=metrics),
        ],
        exception_handlers=error_handlers(metrics, PATHS),
        lifespan=lifespan,
    )
    # It would send clients to whatever host they name.
    app.router.redirect_slashes = False
    app.state.remote, app.state.operations = None, OPERATIONS
    return app


async def _guard(store: Store) -> None:
    """Start the thread that looks for new files again wherever it ended."""
    while True:
        await asyncio.sleep(max(store.settings.poll_seconds, _SHORTEST_GUARD_S))
        store.start()


@contextmanager
def _without_garbage() -> Iterator[None]:
    """Look for no garbage while all is loaded: nearly all stays, and to look through it takes a sixth of the time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _hurry() -> None:
    """Let no request wait for the others' garbage, or long for a thread: both stop the event loop."""
    gc.collect()
    # What was imported and loaded until now stays; looking through it takes a tenth of a second each time.
    gc.freeze()
    sys.setswitchinterval(_SWITCH_S)


def _keep_a_log() -> None:
    """Let the lines about requests be seen, and those of the server not, which would hold what clients ask for."""
    logging.getLogger("uvicorn.access").disabled = True
    log = logging.getLogger("finq_predictor")
    if log.level == logging.NOTSET:
        log.setLevel(logging.INFO)
    if not log.hasHandlers():
        log.addHandler(_handler(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s")))
    if not request_log.logger.handlers:
        # Lines of JSON, which nothing may stand before; whoever wants them elsewhere gives the logger its handler.
        request_log.logger.addHandler(_handler(WrittenAlready("%(message)s")))
        request_log.logger.propagate = False
    try:
        write_json_lines()
    except ConfigurationError as error:
        # A service that fails at start is only started again and again.
        log.error("Lines are written as text: %s", error)


def _handler(form: logging.Formatter) -> logging.Handler:
    handler = _ToStderr()
    handler.setFormatter(form)
    return handler


class _ToStderr(logging.Handler):
    """Writes to what is the error output of the process at the time."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()
        except Exception:
            self.handleError(record)


async def _observe(api: Runtime) -> None:
    """Note the state of this process again and again: another worker may be the one that is asked for it."""
    while True:
        api.observe()
        await asyncio.sleep(max(api.settings.poll_seconds, _SHORTEST_PAUSE_S))


def make_runtime(settings: Settings | None, metrics: Metrics, remote: RemoteModel | None) -> Runtime:
    """Put the parts together.

    Settings that cannot work do not raise: BentoML starts a worker that fails again and again, and its clients hang.
    The service starts, answers 503 and says why.
    """
    try:
        settings = settings or Settings.from_environment()
        if settings.inference == InferenceMode.SERVICE and remote is None:
            raise ConfigurationError(
                "FINQ_INFERENCE is 'service', but there is no inference service; start with `bentoml serve` or use "
                f"FINQ_INFERENCE={InferenceMode.IN_PROCESS}."
            )
        issuer_of(settings)
        store = Store(settings)
    except FinqError as error:
        logger.error("The service starts without serving anything: %s", error)
        settings = Settings(record=False)
        store = Store(settings, failure=str(error))
    return Runtime(settings, store, metrics, remote)


app = create_app()
