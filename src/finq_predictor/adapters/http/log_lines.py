"""Keep secrets out of what libraries below the client write into the log."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock
from weakref import WeakSet

from finq_predictor.adapters.http.redaction import Redactor

# At level DEBUG httpcore writes the headers of answers, in which a provider may echo a key.
_LOGGERS = ("httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy", "httpcore.socks")


class _Hiding(logging.Filter):
    """Takes what the redactors know out of each line; it stays with its loggers for good and does nothing for none."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = Lock()
        self._redactors: WeakSet[Redactor] = WeakSet()

    def add(self, redact: Redactor) -> None:
        with self._lock:
            self._redactors.add(redact)

    def discard(self, redact: Redactor) -> None:
        with self._lock:
            self._redactors.discard(redact)

    def filter(self, record: logging.LogRecord) -> bool:
        with self._lock:
            redactors = list(self._redactors)
        if redactors:
            text = record.getMessage()
            for redact in redactors:
                text = redact(text)
            record.msg, record.args = text, ()
        return True


_HIDING = _Hiding()


def hide_in_logs(redact: Redactor) -> Callable[[], None]:
    """Have a redactor see each line of the libraries from now on.

    Returns:
        Ends that.
    """
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_HIDING)
    _HIDING.add(redact)
    return lambda: _HIDING.discard(redact)
