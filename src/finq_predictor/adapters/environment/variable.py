"""What a variable of the environment is, and what its value may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlsplit

from finq_predictor.domain.errors import ConfigurationError

PREFIX = "FINQ_"
OWN = "FINQ_OWN_"
"""How variables begin that belong to the user: nothing of the product reads or refuses them."""
ANY = "<NAME>"
_FORMS = ("_FILE", "_VAULT")
_HIGHEST_PORT = 65_535


class Reader(StrEnum):
    """Who reads a variable."""

    API = "API"
    RUNS = "runs"
    COMMANDS = "commands"
    SCHEDULER = "scheduler"
    ALARMS = "alarms"
    AIRFLOW = "Airflow"
    COMPOSE = "compose"
    COLLECTOR = "collector of logs"
    BUILD = "builds"
    TESTS = "tests"
    PRODUCT = "the product itself"


OUTSIDE = frozenset({Reader.AIRFLOW, Reader.COMPOSE, Reader.COLLECTOR, Reader.BUILD, Reader.TESTS})
"""Readers that are no code of the product."""


@dataclass(frozen=True)
class Kind:
    """What values a variable takes.

    Attributes:
        expected: In words, for messages.
        takes: Whether it takes a value.
        shown: Whether a value that is wrong may be shown.
    """

    expected: str
    takes: Callable[[str], bool]
    shown: bool = True


@dataclass(frozen=True)
class Variable:
    """A variable that somebody reads.

    Attributes:
        name: Its name; one with ``<NAME>`` stands for many.
        meaning: What it is for.
        readers: Who reads it.
        default: What holds without it, in words; empty where nothing does.
        kind: What it takes; None where its reader looks at it.
        secret: Whether it may also come from a file or a vault, and is shown nowhere.
        plain: Well-known names that mean the same, the first one first; this one goes before them.
    """

    name: str
    meaning: str
    readers: tuple[Reader, ...]
    default: str = ""
    kind: Kind | None = None
    secret: bool = False
    plain: tuple[str, ...] = ()

    @property
    def forms(self) -> tuple[str, ...]:
        """The names under which it can be given, this one's own first."""
        return tuple(one for name in (self.name, *self.plain) for one in self._forms(name))

    def _forms(self, name: str) -> tuple[str, ...]:
        return (name, *(f"{name}{form}" for form in _FORMS)) if self.secret else (name,)

    def is_called(self, name: str) -> bool:
        """Whether a name is one of its own forms; ``<NAME>`` is anything."""
        for form in self.forms:
            before, star, after = form.partition(ANY)
            if name == form or (star and name.startswith(before) and name.endswith(after) and name != before + after):
                return True
        return False

    def check(self, name: str, value: str) -> None:
        """Make sure that a value can be one.

        Args:
            name: The name under which it was given.
            value: The value.

        Raises:
            ConfigurationError: If it cannot; a secret is not shown.
        """
        if self.kind is None or self.kind.takes(value):
            return
        shown = f"is {value[:100]!r}" if self.kind.shown and not self.secret else "cannot be used"
        raise ConfigurationError(f"{name} {shown}; expected {self.kind.expected}.")


def by_name(variables: Mapping[str, Variable], name: str) -> Variable | None:
    """The variable that a name belongs to, as one of its forms; None where there is none."""
    return variables.get(name) or next((one for one in variables.values() if one.is_called(name)), None)


def is_secret(variables: Mapping[str, Variable], name: str) -> bool:
    """Whether a variable of this name holds a secret, or says where one lies."""
    found = by_name(variables, name)
    return (found is not None and found.secret) or any(name in one.forms for one in variables.values() if one.secret)


def choice(*values: str) -> Kind:
    """One of some words."""
    return Kind(f"one of {', '.join(values)}", lambda value: value.lower() in values)


def address(*schemes: str, such_as: str) -> Kind:
    """An address whose scheme is one of some; it may hold a password, and is never shown."""

    def takes(value: str) -> bool:
        try:
            found = urlsplit(value)
        except ValueError:
            return False
        # A port that is none raises when it is asked for.
        return found.scheme.partition("+")[0] in schemes and _has_port(value)

    return Kind(f"an address such as {such_as}", takes, shown=False)


def _has_port(value: str) -> bool:
    try:
        return urlsplit(value).port is None or True
    except ValueError:
        return False


PORT = Kind(
    f"the number of a port, 1 to {_HIGHEST_PORT}",
    lambda value: value.isascii() and value.isdigit() and 1 <= int(value) <= _HIGHEST_PORT,
)
WHOLE = Kind("a whole number", lambda value: value.isascii() and value.isdigit())
DATABASE = address("postgresql", "postgres", "sqlite", such_as="postgresql://user@host:5432/database or sqlite:///file")
REDIS = address("redis", "rediss", "unix", such_as="redis://host:6379/0")
WEB = address("http", "https", such_as="https://host/path")
TRACKING = address(
    "http", "https", "sqlite", "postgresql", "mysql", "file", such_as="http://host:5000 or sqlite:////folder/file"
)
WAREHOUSE = Kind(
    "an address of SQLAlchemy, such as postgresql://user@host/database", lambda value: "://" in value, False
)
