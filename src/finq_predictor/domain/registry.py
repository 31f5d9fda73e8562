"""What can be extended: things of one kind by name, refused in one way when unknown or given twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol, TypeVar, cast, overload

from finq_predictor.domain.errors import ConfigurationError, UnknownNameError


class Named(Protocol):
    """Anything that knows its own name."""

    @property
    def name(self) -> str:
        """Its name in parameters, tables and messages."""


T = TypeVar("T")
D = TypeVar("D")
E = TypeVar("E")
N = TypeVar("N", bound=Named)


@dataclass(frozen=True)
class _Elsewhere:
    """An entry that is imported when it is asked for."""

    module: str
    attribute: str


class Registry(Mapping[str, T]):
    """Things of one kind by name, in the order in which they were added.

    It reads like a dictionary, except that an unknown name raises an error that suggests near misses. A name stands for
    one thing: adding it again is refused, so that two files cannot replace each other unseen.

    Args:
        kind: What a name stands for, such as ``"drift test"``; used in messages.
        lazy: Name to ``"module:attribute"``. The module is imported when the entry is first asked for, so that listing
            names costs nothing.

    Example:
        >>> SHAPES: Registry[type] = Registry("shape")
        >>> SHAPES.add("circle", object)
        >>> SHAPES["cirle"]
        Traceback (most recent call last):
        ...
        finq_predictor.domain.errors.UnknownNameError: Unknown shape 'cirle'. Did you mean 'circle'?
    """

    def __init__(self, kind: str, lazy: Mapping[str, str] | None = None) -> None:
        self.kind = kind
        self._entries: dict[str, T | _Elsewhere] = {}
        for name, where in (lazy or {}).items():
            module, _, attribute = where.partition(":")
            self._keep(name, _Elsewhere(module, attribute))

    @classmethod
    def of(cls, kind: str, *entries: N) -> Registry[N]:
        """Make a registry of things that know their own names.

        Raises:
            ConfigurationError: If two of them have the same name.
        """
        registry: Registry[N] = Registry(kind)
        for entry in entries:
            registry.add(entry.name, entry)
        return registry

    def __getitem__(self, name: str) -> T:
        """Look an entry up.

        Raises:
            UnknownNameError: If there is none of that name; near misses are suggested.
            ConfigurationError: If it is listed, but cannot be imported.
        """
        self.require(name)
        entry = self._entries[name]
        if isinstance(entry, _Elsewhere):
            entry = self._entries[name] = self._imported(name, entry)
        return entry

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"<registry of {len(self)} x {self.kind}: {', '.join(self)}>"

    @overload
    def get(self, name: str, /) -> T | None: ...
    @overload
    def get(self, name: str, /, default: T | D) -> T | D: ...
    def get(self, name: str, /, default: Any = None) -> Any:
        """The entry, or the default where there is none of that name."""
        if name not in self:
            return default
        return self[name]

    def require(self, *names: str) -> None:
        """Make sure that names exist, without importing what they stand for.

        Raises:
            UnknownNameError: For the first that does not; near misses are suggested.
        """
        for name in names:
            if name not in self._entries:
                raise UnknownNameError(self.kind, str(name), self._entries)

    def add(self, name: str, entry: T) -> None:
        """Put an entry at the end.

        Raises:
            ConfigurationError: If the name is taken.
        """
        self._keep(name, entry)

    def register(self, *names: str) -> Callable[[E], E]:
        """Decorate a class or function that is to be found under one name or several.

        Raises:
            ConfigurationError: If a name is taken.
        """

        def keep(entry: E) -> E:
            for name in names:
                self._keep(name, cast("T", entry))
            return entry

        return keep

    def remove(self, name: str) -> None:
        """Take an entry out, as when a notebook defines it once more.

        Raises:
            UnknownNameError: If there is none of that name; near misses are suggested.
        """
        self.require(name)
        del self._entries[name]

    @contextmanager
    def trial(self) -> Iterator[None]:
        """Undo, at the end of the block, whatever was added or removed inside it."""
        before = dict(self._entries)
        try:
            yield
        finally:
            self._entries.clear()
            self._entries.update(before)

    def _keep(self, name: str, entry: T | _Elsewhere) -> None:
        if name in self._entries:
            raise ConfigurationError(
                f"There is a {self.kind} {name!r} already{self._place(name)}; give the new one another name, or remove "
                "the old one first."
            )
        self._entries[name] = entry

    def _place(self, name: str) -> str:
        entry = self._entries[name]
        if isinstance(entry, _Elsewhere):
            return f" in {entry.module}"
        return f" in {entry.__module__}" if callable(entry) else ""

    def _imported(self, name: str, where: _Elsewhere) -> T:
        try:
            return cast("T", getattr(import_module(where.module), where.attribute))
        except (ImportError, AttributeError) as error:
            raise ConfigurationError(
                f"The {self.kind} {name!r} is listed as {where.module}:{where.attribute}, which cannot be imported: "
                f"{error}. Correct the line in its registry, or install what it needs."
            ) from error
