"""Spans of requests for a collector of OpenTelemetry, where one is named; else nothing of it is imported.

The standard variables decide: `OTEL_EXPORTER_OTLP_ENDPOINT` (or that of the traces alone) says where, and those of the
sampler, the service, the batches and the headers mean what the specification says (OpenTelemetry, Environment Variable
Specification, 2025). A span is made when its request has ended, from what is known by then, so that nothing hangs on a
request while it is answered; whatever goes wrong with spans costs spans, never an answer.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple

from finq_predictor.adapters.environment.reading import given as variables_of
from finq_predictor.domain.errors import ConfigurationError

logger = logging.getLogger(__name__)
ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
VARIABLES = {
    ENDPOINTS[1]: "Address of a collector that takes OTLP over HTTP, such as `http://127.0.0.1:4318`; without it "
    "nothing is traced",
    "OTEL_EXPORTER_OTLP_HEADERS": "What it lets in, such as `authorization=Bearer ...`",
    "OTEL_SERVICE_NAME": "What the service is called there; else `finq-api`",
    "OTEL_TRACES_SAMPLER": "Which traces are sent: `parentbased_always_on` is the usual, `parentbased_traceidratio` "
    "with `OTEL_TRACES_SAMPLER_ARG=0.1` a tenth of those that nobody else began",
    "OTEL_SDK_DISABLED": "`true`: nothing is traced",
}
"""The variables that matter most, and what they are for; all others of the specification work too."""
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_SPOKEN = "http/protobuf"
_CARRIED = frozenset({b"traceparent", b"tracestate"})
_NAME = "finq-api"
# A batch may look at hundreds of bars; nobody reads so many spans of one request.
_MOST_PARTS = 64
_STOP_S, _ABORT_S = 2.0, 1.0
_SELDOM_S = 60.0


class Part(NamedTuple):
    """A piece of the work on a request.

    Attributes:
        name: What was done, such as ``features``.
        began: In nanoseconds since 1970.
        ended: In nanoseconds since 1970.
    """

    name: str
    began: int
    ended: int


class Request(NamedTuple):
    """What a span says of a request.

    Attributes:
        id: Its id.
        method: One that HTTP knows.
        route: The name under which it is counted.
        status: Of the answer; 499 where the client left.
        seconds: From its first byte to its last.
        answered_by: Model and snapshot of each market that was looked at.
        arm: Whose answer it is, where callers are divided; None where they are not.
    """

    id: str
    method: str
    route: str
    status: int
    seconds: float
    answered_by: Sequence[tuple[str, str | None]] = ()
    arm: str | None = None


_parts: ContextVar[list[Part] | None] = ContextVar("finq_parts", default=None)


@contextmanager
def part(name: str) -> Iterator[None]:
    """Note how long a piece of work took, where the request that it belongs to is traced."""
    noted = _parts.get()
    if noted is None:
        yield
        return
    began = time.time_ns()
    try:
        yield
    finally:
        if len(noted) < _MOST_PARTS:
            noted.append(Part(name, began, time.time_ns()))


@contextmanager
def noting() -> Iterator[list[Part]]:
    """Collect the parts of what is done within, in its threads too."""
    noted: list[Part] = []
    before = _parts.set(noted)
    try:
        yield noted
    finally:
        _parts.reset(before)


class Tracing:
    """Makes spans of requests and has them sent in the background, many at a time.

    Args:
        exporter: What sends them; of the SDK of OpenTelemetry.
    """

    def __init__(self, exporter: Any) -> None:
        from opentelemetry.context import Context
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
        from opentelemetry.trace import SpanKind, Status, StatusCode
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        # A provider of our own: that of the process belongs to whoever hosts it, such as BentoML.
        self._provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._exporter = exporter
        self._tracer = self._provider.get_tracer("finq_predictor.serving")
        self._nothing, self._parent = Context(), TraceContextTextMapPropagator()
        self._server, self._inner = SpanKind.SERVER, SpanKind.INTERNAL
        self._failed = Status(StatusCode.ERROR)

    def told(self, request: Request, headers: Iterable[tuple[bytes, bytes]], parts: Sequence[Part] = ()) -> str | None:
        """Make the span of a request that has just ended; never raises.

        Args:
            request: What it says.
            headers: Those of the request, of which only those of W3C Trace Context are read.
            parts: What was done for it.

        Returns:
            The trace that it belongs to, as the log shows it; None where it is not sent.
        """
        try:
            return self._told(request, headers, parts)
        except Exception:
            logger.exception("Request %s has no span", request.id)
            return None

    def _told(self, request: Request, headers: Iterable[tuple[bytes, bytes]], parts: Sequence[Part]) -> str | None:
        from opentelemetry.trace import set_span_in_context

        ended = time.time_ns()
        carried: dict[str, str] = {}
        for name, value in headers:
            if name in _CARRIED:
                carried.setdefault(name.decode(), value.decode("latin-1"))
        above = self._parent.extract(carried, self._nothing) if carried else self._nothing
        span = self._tracer.start_span(
            f"{request.method} {request.route}",
            above,
            self._server,
            _attributes(request),
            start_time=ended - int(1e9 * request.seconds),
        )
        if not span.is_recording():
            return None
        if request.status >= 500:
            span.set_status(self._failed)
        within = set_span_in_context(span, self._nothing) if parts else self._nothing
        for one in parts:
            inner = self._tracer.start_span(one.name, within, self._inner, start_time=one.began)
            inner.end(one.ended)
        span.end(ended)
        return f"{span.get_span_context().trace_id:032x}"

    def stop(self) -> None:
        """Send what waits; a collector that does not answer is given up after a moment."""
        ending = threading.Thread(target=self._provider.shutdown, daemon=True)
        ending.start()
        ending.join(_STOP_S)
        if ending.is_alive():
            self._exporter.shutdown()
            ending.join(_ABORT_S)


def _attributes(request: Request) -> dict[str, Any]:
    found = {
        "http.request.method": request.method,
        "http.route": request.route,
        "http.response.status_code": request.status,
        "finq.request_id": request.id,
        "finq.models": [model for model, _ in request.answered_by],
        "finq.snapshots": [snapshot for _, snapshot in request.answered_by if snapshot is not None],
        "finq.arm": request.arm,
    }
    return {name: value for name, value in found.items() if value not in (None, [])}


def tracing_of(environment: Mapping[str, str] | None = None) -> Tracing | None:
    """What traces requests; None where no collector is named, or nothing can be sent there, which the log tells.

    Args:
        environment: Variables by name; None for those of this process, which the libraries read in any case.
    """
    given = variables_of(environment)
    if not _is_wanted(given):
        return None
    try:
        found = Tracing(_exporter(given))
    except ConfigurationError as error:
        # A service that fails at start is only started again and again.
        logger.error("Nothing is traced: %s", error)
        return None
    except Exception as error:
        # What a wrong value raises differs from variable to variable.
        logger.error("Nothing is traced: OpenTelemetry cannot work with the OTEL_ variables that are set: %s", error)
        return None
    logger.info("Requests are traced.")
    return found


def _is_wanted(given: Mapping[str, str]) -> bool:
    said = {name: given.get(name, "").strip().lower() for name in ("OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER")}
    if said["OTEL_SDK_DISABLED"] == "true" or said["OTEL_TRACES_EXPORTER"] not in ("", "otlp"):
        return False
    return any(given.get(name, "").strip() for name in ENDPOINTS)


def _exporter(given: Mapping[str, str]) -> Any:
    spoken = next((given[name].strip() for name in _PROTOCOLS if given.get(name, "").strip()), _SPOKEN)
    if spoken != _SPOKEN:
        raise ConfigurationError(f"{_PROTOCOLS[1]} is {spoken!r}; expected {_SPOKEN}, which is what is spoken here.")
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    except ImportError:
        raise ConfigurationError(
            f"{ENDPOINTS[1]} is set, and the exporter is not installed; install the extra `otel`."
        ) from None
    its_log = logging.getLogger(OTLPSpanExporter.__module__)
    if not any(isinstance(one, _Seldom) for one in its_log.filters):
        its_log.addFilter(_Seldom())
    return OTLPSpanExporter()


def _resource() -> Any:
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource

    found = Resource.create()
    named = str(found.attributes.get(SERVICE_NAME, "")).startswith("unknown_service")
    return found.merge(Resource({SERVICE_NAME: _NAME})) if named else found


class _Seldom(logging.Filter):
    """Lets the same words through once a minute: a collector that is away is tried again every few seconds."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[object, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is written."""
        last = self._said.get(record.msg)
        if last is not None and record.created - last < _SELDOM_S:
            return False
        self._said[record.msg] = record.created
        return True
