"""Sources made from the options of a catalog and the keys of a user."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from inspect import signature
from typing import Any

from finq_predictor.domain.errors import ConfigurationError

Credentials = Mapping[str, Mapping[str, Any]]
"""The entry of each provider in ``conf/local/credentials.yml``, by its name."""


def make_source(options: Mapping[str, Any], credentials: Credentials | None = None) -> Any:
    """Make a source.

    Args:
        options: ``class`` is the path of a class; the rest are its constructor's arguments.
        credentials: Keys by provider. A class that names its ``provider`` gets the entry of it; one that makes sources
            of its own gets them all.

    Raises:
        ConfigurationError: If there is no such class, or its arguments are others.
    """
    given = {str(name): value for name, value in options.items() if name != "class"}
    made = _class(options)
    if "credentials" in signature(made).parameters:
        provider = getattr(made, "provider", None)
        given["credentials"] = credentials if provider is None else (credentials or {}).get(provider)
    try:
        return made(**given)
    except TypeError as error:
        raise ConfigurationError(f"A {made.__name__} cannot be made of {sorted(given)}: {error}") from error


def _class(options: Mapping[str, Any]) -> type:
    if "class" not in options:
        raise ConfigurationError(f"A source needs a `class`; found only {sorted(options)}.")
    path = str(options["class"])
    module, _, name = path.rpartition(".")
    try:
        found: type = getattr(import_module(module), name)
    except (ImportError, ValueError, AttributeError) as error:
        raise ConfigurationError(f"There is no class {path!r}: {error}") from error
    return found
