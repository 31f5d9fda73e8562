"""How a command ends when something is wrong: with what is wrong, where, and what to do, instead of a traceback."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import IO, Any

import click

from finq_predictor.adapters.environment.variable import Variable
from finq_predictor.adapters.log_lines import JsonLine, wants_json
from finq_predictor.domain.errors import FinqError

# Kedro's own errors, by name: the commands that do not need Kedro do not import it.
_OF_KEDRO = ("DatasetError", "DataValidationError", "ParameterValidationError")


@contextmanager
def reported_failures() -> Iterator[None]:
    """End a command with exit code 1 and one message if an error of the product's own tree stops it.

    Any other error is a defect and keeps its traceback, as every error does at debug level.
    """
    try:
        yield
    except Exception as error:
        message = explain(error)
        if message is None or logging.getLogger("finq_predictor").isEnabledFor(logging.DEBUG):
            raise
        raise _Stopped(message) from error


class _Stopped(click.ClickException):
    """Shown to a person as a message, and to a collector of lines as a line."""

    def show(self, file: IO[Any] | None = None) -> None:
        if not wants_json():
            super().show(file)
            return
        record = logging.LogRecord("finq_predictor.cli", logging.ERROR, "", 0, self.message, None, None)
        record.told = {"event": "stopped", "error": {"type": type(self.__cause__).__name__, "text": self.message}}
        click.echo(JsonLine().format(record), file=file, err=True)


def reporting(command: click.Command) -> click.Command:
    """Let a command end so; of a group, every command in it."""
    if isinstance(command, click.Group):
        for each in command.commands.values():
            reporting(each)
    work = command.callback or (lambda: None)

    @wraps(work)
    def guarded(*args: Any, **options: Any) -> Any:
        with reported_failures():
            _look_at_environment()
            return work(*args, **options)

    command.callback = guarded
    return command


def _look_at_environment() -> None:
    """Every command refuses a variable that nobody reads."""
    from finq_predictor.adapters.environment.reading import require_known

    def known() -> Mapping[str, Variable]:
        from finq_predictor.serving.settings import every_variable

        return every_variable()

    require_known(known)


def explain(error: BaseException) -> str | None:
    """What is wrong, and where, in the error's own words.

    Args:
        error: What stopped a command.

    Returns:
        The message of the innermost error of the product, or of Kedro's where it has no other cause, then the notes of
        what carried it up; None where the error is neither.
    """
    chain = list(_causes(error))
    own = [each for each in chain if isinstance(each, FinqError)]
    if not own and not all(_is_kedros(each) for each in chain):
        return None
    message = str(own[-1]) if own else _without_addresses(str(chain[0]))
    if type(chain[0]).__name__ == "ParameterValidationError":
        message += "\nEvery parameter with its type and default: docs/reference/parameters.md"
    return "\n".join([message, *dict.fromkeys(note for each in chain for note in getattr(each, "__notes__", ()))])


def _without_addresses(message: str) -> str:
    """What pydantic says about a value, without where to read about pydantic."""
    return "\n".join(line for line in message.splitlines() if "https://errors.pydantic.dev" not in line)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__


def _is_kedros(error: BaseException) -> bool:
    return any(kind.__name__ in _OF_KEDRO and kind.__module__.startswith("kedro.") for kind in type(error).__mro__)
