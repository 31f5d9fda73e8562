"""Log records as lines of JSON, one form for runs, schedules and services, where somebody collects them.

A person reads short lines of text; a collector wants fields. ``FINQ_LOG_FORMAT=json`` makes every handler of the
process write a line for each record, with the id of the run that it belongs to. What the service says of requests is
JSON in any case, with the same names for the same things.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from finq_predictor.adapters.environment.reading import hand_on, value_of
from finq_predictor.domain.errors import ConfigurationError

FORMAT, RUN = "FINQ_LOG_FORMAT", "FINQ_RUN_ID"
_FORMS = ("text", "json")
_ours: dict[str, str] = {}


class JsonLine(logging.Formatter):
    """Writes a record as one object: ``at``, ``event``, ``level``, ``logger``, ``message``, ``run`` and what it tells.

    What a record tells beside its message is given as ``extra={"told": {...}}``: an ``event`` of its own and values
    that JSON knows; anything else is written as text. An exception is ``error``: its type, text and traceback.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line, without a line feed at its end; line feeds within are escaped."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "event": "log",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "run": value_of(RUN) or None,
        }
        line |= getattr(record, "told", {})
        if record.exc_info and record.exc_info[0] is not None:
            kind, error, _ = record.exc_info
            line["error"] = {
                "type": kind.__name__,
                "text": str(error),
                "traceback": self.formatException(record.exc_info),
            }
        return json.dumps(line, default=str)


def wants_json() -> bool:
    """Whether lines of JSON are wanted.

    Raises:
        ConfigurationError: If the environment names a form that there is not.
    """
    form = value_of(FORMAT).lower() or "text"
    if form not in _FORMS:
        raise ConfigurationError(
            f"{FORMAT} is {form!r}; expected text, for people, or json, for whoever collects lines."
        )
    return form == "json"


def begin_run(run_id: str) -> None:
    """Say which run the records of this process, and of those it starts, belong to; an id that was handed on stays."""
    if value_of(RUN) in ("", _ours.get(RUN)):
        _ours[RUN] = run_id
        hand_on(RUN, run_id)


def write_json_lines() -> None:
    """Let every handler that is there write lines of JSON, where that is wanted; else nothing is changed.

    Raises:
        ConfigurationError: See :func:`wants_json`.
    """
    if wants_json():
        for handler in _handlers():
            if not isinstance(handler.formatter, WrittenAlready):
                handler.setFormatter(JsonLine())


class WrittenAlready(logging.Formatter):
    """Of records whose message is lines of JSON."""


def _handlers() -> Iterator[logging.Handler]:
    known = [logger for logger in logging.root.manager.loggerDict.values() if isinstance(logger, logging.Logger)]
    for logger in (logging.root, *known):
        yield from logger.handlers
