"""The one place that looks into the environment, and what it says of all that it finds there."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches

from finq_predictor.adapters.environment.declared import DECLARED, FOREIGN
from finq_predictor.adapters.environment.variable import OWN, PREFIX, Variable, by_name
from finq_predictor.domain.errors import ConfigurationError

Known = Callable[[], Mapping[str, Variable]]
"""Gives all variables; what the API declares is imported when somebody asks."""
logger = logging.getLogger(__name__)
PAGE = "docs/reference/environment.md"
Environment = Mapping[str, str]
# What Kubernetes and docker tell every container of a service whose name begins so.
_LINK = re.compile(r"\w+_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)")
_LINKED = ("tcp://", "udp://", "sctp://")


def value_of(name: str, environment: Environment | None = None) -> str:
    """The value of a declared variable that is no secret, without blanks at its ends; empty where nobody gave one.

    Args:
        name: Its name, such as ``"FINQ_KEDRO_ENV"``; well-known names that mean the same are looked at after it.
        environment: Variables by name; None for those of this process.
    """
    variables = given(environment)
    return next((value for one in DECLARED[name].forms if (value := plainly(variables, one))), "")


def foreign(name: str) -> str:
    """The value of a variable that belongs to others, such as ``"AWS_REGION"``; empty where there is none."""
    if name not in FOREIGN:
        raise KeyError(name)
    return os.environ.get(name, "")


def given(environment: Environment | None = None) -> Environment:
    """What was given; None is this process."""
    return os.environ if environment is None else environment


def hand_on(name: str, value: str) -> None:
    """Set a variable for this process and those that it starts."""
    os.environ[name] = value


def take_back(name: str) -> None:
    """Let a variable be absent for this process and those that it starts."""
    os.environ.pop(name, None)


def plainly(variables: Environment, name: str) -> str:
    """A value without blanks at its ends; what Kubernetes says of a service of that name is none."""
    value = variables.get(name, "").strip()
    return "" if _is_link(name, value) else value


def given_as(name: str, environment: Environment | None = None) -> str:
    """Under which name a variable was given, for messages; its own where it was not."""
    variables = given(environment)
    declared = DECLARED.get(name)
    forms = (name, f"{name}_FILE", f"{name}_VAULT") if declared is None else declared.forms
    return next((one for one in forms if plainly(variables, one)), name)


def check_environment(known: Mapping[str, Variable], environment: Environment | None = None) -> list[str]:
    """Make sure that everything that begins with ``FINQ_`` is known, and that what is known can be used.

    Args:
        known: All variables by name.
        environment: Variables by name; None for those of this process.

    Returns:
        What is worth a warning: two names that mean the same and say different things.

    Raises:
        ConfigurationError: If a name is unknown, near misses are suggested; or a value cannot be one. No secret is
            shown.
    """
    variables = given(environment)
    if unknown := sorted(name for name, value in variables.items() if _is_unknown(known, name, value)):
        raise ConfigurationError(_told(unknown, known))
    for variable in known.values():
        for name in _counting(variable, variables):
            variable.check(name, plainly(variables, name))
    return [note for variable in known.values() for note in _conflicts(variable, variables)]


def require_known(known: Known) -> None:
    """Make sure that no variable that begins with ``FINQ_`` is unknown or cannot be used; warns of contradictions.

    Args:
        known: Gives all variables. It is asked only where the API's own may be among those that were given: most
            commands would import it for nothing.

    Raises:
        ConfigurationError: If one is; no secret is shown.
    """
    others = any(_is_unknown(DECLARED, name, value) for name, value in os.environ.items())
    for note in check_environment(known() if others else DECLARED):
        if note not in _noted:
            _noted.add(note)
            logger.warning("%s", note)


_noted: set[str] = set()


def _is_unknown(known: Mapping[str, Variable], name: str, value: str) -> bool:
    if not name.startswith(PREFIX) or name.startswith(OWN) or _is_link(name, value):
        return False
    return by_name(known, name) is None


def _told(unknown: list[str], known: Mapping[str, Variable]) -> str:
    said = []
    for name in unknown[:5]:
        near = get_close_matches(name, [one for variable in known.values() for one in variable.forms], 3, 0.7)
        said.append(name + (f" (did you mean {' or '.join(near)}?)" if near else ""))
    more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
    return (
        f"Nobody reads the environment variable {', '.join(said)}{more}. Correct the name or take it out; {PAGE} lists "
        f"all. One of your own may begin with {OWN}."
    )


def _counting(variable: Variable, variables: Environment) -> Iterator[str]:
    """The name whose value counts, where it is said by a value and not by where that lies."""
    for name in (variable.name, *variable.plain):
        if plainly(variables, name):
            yield name
            return
        if variable.secret and any(plainly(variables, f"{name}{form}") for form in ("_FILE", "_VAULT")):
            return


def _conflicts(variable: Variable, variables: Environment) -> Iterator[str]:
    found = {name: value for name in variable.forms if (value := plainly(variables, name))}
    first = next(iter(found), None)
    for name, value in found.items():
        if first is not None and not _of_one(first, name) and value != found[first]:
            yield f"{first} and {name} say different things; {first} counts."


def _of_one(first: str, name: str) -> bool:
    """Whether two are forms of one name: a secret that is given twice is an error of its own."""
    return _bare(first) == _bare(name)


def _bare(name: str) -> str:
    return name.removesuffix("_FILE").removesuffix("_VAULT")


def _is_link(name: str, value: str) -> bool:
    return bool(_LINK.fullmatch(name)) or (name.endswith("_PORT") and value.startswith(_LINKED))
