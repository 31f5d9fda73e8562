"""One line of JSON about every request, written a few at a time.

A line says what was asked of which route, by whom it was answered and how; never what a client sent, but for its
`X-Request-ID` where that is well-formed and the trace that it belongs to (W3C Trace Context, 2021).
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence

import orjson

from finq_predictor.adapters.environment.reading import value_of
from finq_predictor.adapters.log_lines import RUN, fields

logger = logging.getLogger("finq_predictor.serving.requests")
_TRACE = re.compile(rb"(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")
# A worker that is killed loses the lines of so long; what it predicted is kept elsewhere.
_PAUSE_S, _MOST = 0.05, 512


def trace_of(traceparent: bytes) -> str | None:
    """The trace that a `traceparent` names; None where it is not well-formed."""
    found = _TRACE.fullmatch(traceparent)
    return found[1].decode() if found else None


class RequestLog:
    """Collects lines and writes them together: a system call for each would cost as much as the answer.

    They go through the logger `finq_predictor.serving.requests`, one record for several lines.
    """

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._planned = False
        self._run = value_of(RUN) or None

    def told(
        self,
        request_id: str,
        method: str,
        route: str,
        status: int,
        seconds: float,
        answered_by: Sequence[tuple[str, str | None]] = (),
        trace: str | None = None,
        user: str | None = None,
    ) -> None:
        """Note a request.

        Args:
            request_id: Its id.
            method: One that HTTP knows.
            route: The name under which it is counted.
            status: Of the answer; 499 where the client left.
            seconds: From the first byte to the last.
            answered_by: Model and snapshot of each market that was looked at.
            trace: The trace that it belongs to.
            user: The account that asked; None where nobody was asked who they are, or nobody was let in.
        """
        if not logger.isEnabledFor(logging.INFO):
            return
        line = fields("request", run=self._run)
        line |= {
            "request": request_id,
            "trace": trace,
            "method": method,
            "route": route,
            "status": status,
            "ms": round(1e3 * seconds, 3),
            "models": [model for model, _ in answered_by],
            "snapshots": [snapshot for _, snapshot in answered_by],
            "user": user,
        }
        self.add(orjson.dumps(line))

    def add(self, line: bytes) -> None:
        """Note a line that is written already."""
        self._waiting.append(line)
        if len(self._waiting) >= _MOST:
            self.write()
        elif not self._planned:
            self._planned = True
            asyncio.get_running_loop().call_later(_PAUSE_S, self.write)

    def write(self) -> None:
        """Write what waits."""
        self._planned = False
        if lines := self._waiting:
            self._waiting = []
            logger.info("%s", b"\n".join(lines).decode())
