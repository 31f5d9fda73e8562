"""The one writer of log lines: JSON, one form for runs, schedules, services and whoever tells of alarms.

A person reads short lines of text; a collector wants fields. ``FINQ_LOG_FORMAT=json`` makes every handler of the
process write a line for each record, with the id of the run that it belongs to. What a scheduler says of its jobs and
the service of requests is JSON in any case. All of it is made by :func:`fields`, and fits ``SCHEMA``.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from finq_predictor.adapters.environment.reading import hand_on, value_of
from finq_predictor.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from finq_predictor.adapters.http.redaction import Redactor

FORMAT, RUN = "FINQ_LOG_FORMAT", "FINQ_RUN_ID"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
_OTHERS = (
    *("time", "timestamp", "ts", "@timestamp", "severity", "lvl", "msg", "name"),
    *("run_id", "runId", "request_id", "requestId", "id", "trace_id", "traceId"),
)
_TEXT, _MAYBE = {"type": "string"}, {"type": ["string", "null"]}
SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "A line of the log",
    "type": "object",
    "required": ["at", "level", "event"],
    "properties": {
        "at": {
            "description": "When, in UTC.",
            "type": "string",
            "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?\+00:00$",
        },
        "level": {"description": "How bad it is.", "enum": list(LEVELS)},
        "event": {"description": "What happened; `log` where it has no name.", "type": "string", "minLength": 1},
        "run": {"description": "The run that it belongs to.", **_MAYBE},
        "request": {"description": "The request that it is about: its X-Request-ID.", **_MAYBE},
        "trace": {
            "description": "The trace that it belongs to, as W3C Trace Context names it.",
            "type": ["string", "null"],
            "pattern": "^[0-9a-f]{32}$",
        },
        "logger": {"description": "Who says it.", **_TEXT},
        "message": {"description": "What is said, for people.", **_TEXT},
        "error": {
            "description": "What went wrong; with its traceback where it is a defect.",
            "type": "object",
            "required": ["type", "text"],
            "properties": {"type": _TEXT, "text": _TEXT, "traceback": _TEXT},
            "additionalProperties": False,
        },
    },
    "propertyNames": {
        "description": "One name for one thing: the other names of time, level, run, request and trace are not used.",
        "not": {"enum": list(_OTHERS)},
    },
}
"""What every line is like, as JSON Schema; a line may hold more than what is named here."""
_FORMS = ("text", "json")
_ours: dict[str, str] = {}
_secrets: set[str] = set()
_redact: list[Redactor] = []


def fields(event: str, level: str = "INFO", at: datetime | None = None, run: str | None = None) -> dict[str, Any]:
    """What a line begins with; whoever has more to say puts it behind.

    Args:
        event: What happened, in a word.
        level: One of ``LEVELS``.
        at: When, UTC; None is now.
        run: The run that it belongs to; None where it belongs to none.
    """
    return {"at": datetime.now(UTC) if at is None else at, "level": level, "event": event, "run": run}


def line_of(said: dict[str, Any]) -> str:
    """Write a line, without a line feed at its end; line feeds within are escaped, and secrets are hidden.

    Args:
        said: What :func:`fields` gives, and more; what JSON does not know is written as text.
    """
    text = json.dumps(said, default=_plain)
    return text if not _secrets else _hidden(text)


def hide(secret: str) -> None:
    """Let no line of this process hold a text from now on, nor the password of it where it is an address."""
    parts = {secret, *secret.split(), urlsplit(secret.split()[0]).password if "://" in secret else None} - {"", None}
    if not _secrets.issuperset(parts):
        _secrets.update(part for part in parts if part)
        _redact.clear()


def _hidden(text: str) -> str:
    if not _redact:
        from finq_predictor.adapters.http.redaction import Redactor

        _redact.append(Redactor(_secrets))
    shown = _redact[0](text)
    try:
        json.loads(shown)
    except json.JSONDecodeError:
        # What was hidden was part of the form of the line: its text is kept, as one.
        return json.dumps({**fields("log", "WARNING"), "message": shown}, default=_plain)
    return shown


def _plain(value: object) -> str:
    return value.astimezone(UTC).isoformat() if isinstance(value, datetime) else str(value)


class JsonLine(logging.Formatter):
    """Writes a record as one object, see ``SCHEMA``.

    What a record tells beside its message is given as ``extra={"told": {...}}``: an ``event`` of its own and values
    that JSON knows; anything else is written as text. An exception is ``error``: its type, text and traceback.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line, without a line feed at its end."""
        level = record.levelname if record.levelname in LEVELS else "INFO"
        said = fields("log", level, datetime.fromtimestamp(record.created, UTC), value_of(RUN) or None)
        said |= {"logger": record.name, "message": record.getMessage()}
        said |= getattr(record, "told", {})
        if record.exc_info and record.exc_info[0] is not None:
            kind, error, _ = record.exc_info
            said["error"] = {
                "type": kind.__name__,
                "text": str(error),
                "traceback": self.formatException(record.exc_info),
            }
        return line_of(said)


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
