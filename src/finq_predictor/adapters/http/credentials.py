"""Keys of providers: where they come from, and how they are kept from being seen."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from finq_predictor.adapters.secret_values import read_secret
from finq_predictor.adapters.secrets import HIDDEN, masked
from finq_predictor.domain.errors import ConfigurationError

CREDENTIALS_FILE = "conf/local/credentials.yml"
SHORTEST = 4
"""Characters of a key at least; a shorter one cannot be kept out of texts in which it stands by chance."""


class MissingKeyError(ConfigurationError):
    """A provider wants a key, and nobody gave one; a source that can do without that provider goes on without it."""


class Secret:
    """A value that is shown nowhere: not by repr, str, format, json or pickle.

    Args:
        value: The value, in printable ASCII, as every provider's keys are; blanks at its ends are dropped.
        where: Where it belongs, to be named when a provider does not accept it.

    Raises:
        ConfigurationError: If it is too short, or holds other characters, which no header can carry.
    """

    __slots__ = ("_value", "where")

    def __init__(self, value: str, where: str = "its credentials") -> None:
        self._value = value.strip()
        self.where = where
        if len(self._value) < SHORTEST or not (self._value.isascii() and self._value.isprintable()):
            raise ConfigurationError(
                f"The key in {where} is shorter than {SHORTEST} characters or holds some that are not printable ASCII. "
                "Copy it once more, without quotes or line breaks."
            )

    def reveal(self) -> str:
        """The value itself, for the one line that sends it."""
        return self._value

    def __repr__(self) -> str:
        return HIDDEN

    __str__ = __repr__

    def __format__(self, specification: str) -> str:
        return HIDDEN

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        return hash(self._value)

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("A secret is not written anywhere. Read it again from where it belongs, in the other process.")


@dataclass(frozen=True)
class Key:
    """A secret, and how a provider wants to see it.

    Args:
        secret: The secret.
        header: Name of the header that carries it.
        parameter: Name of the parameter of the query that carries it instead.
        prefix: What stands before it in the header.
        user: User name for ``Authorization: Basic``, where the secret is a password.
    """

    secret: Secret
    header: str | None = None
    parameter: str | None = None
    prefix: str = ""
    user: str | None = None

    @classmethod
    def bearer(cls, secret: Secret) -> Key:
        """A token in ``Authorization: Bearer``."""
        return cls(secret, header="Authorization", prefix="Bearer ")

    @classmethod
    def in_query(cls, secret: Secret, name: str) -> Key:
        """A key in the query, as ``?name=...``."""
        return cls(secret, parameter=name)

    @classmethod
    def in_header(cls, secret: Secret, name: str) -> Key:
        """A key in a header of its own."""
        return cls(secret, header=name)

    @classmethod
    def basic(cls, user: str, secret: Secret) -> Key:
        """A user and a password in ``Authorization: Basic``."""
        return cls(secret, header="Authorization", prefix="Basic ", user=user)

    def headers(self) -> dict[str, str]:
        """What it adds to the headers of a request."""
        if self.header is None:
            return {}
        value = self.secret.reveal()
        if self.user is not None:
            value = base64.b64encode(f"{self.user}:{value}".encode()).decode()
        return {self.header: self.prefix + value}

    def query(self) -> dict[str, str]:
        """What it adds to the query of a request."""
        return {} if self.parameter is None else {self.parameter: self.secret.reveal()}


def variable(source: str, field: str = "key") -> str:
    """The environment variable of a key: ``FINQ_ALPHA_VANTAGE_KEY`` for ``alpha_vantage``, ``key``."""
    return f"FINQ_{source}_{field}".upper().replace("-", "_")


def where(source: str, field: str = "key") -> str:
    """Both places in which a key may stand, for messages."""
    return f"the environment variable {variable(source, field)} or the entry `{source}: {field}:` of {CREDENTIALS_FILE}"


def secret_of(
    source: str,
    field: str = "key",
    credentials: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> Secret:
    """The key of a source: from the environment, else from its entry of the credentials, from nowhere else.

    Args:
        source: The provider's name in this project, such as ``"oanda"``.
        field: What it is called there, such as ``"token"``.
        credentials: The source's entry of ``conf/local/credentials.yml``, as Kedro gives it to a dataset.
        environment: Variables by name; None for those of this process.

    Raises:
        MissingKeyError: If it stands in neither place.
        ConfigurationError: If it cannot be a key.
    """
    found = read_secret(variable(source, field), f"the {field} of {source}", environment)
    value = (credentials or {}).get(field) if found is None else found.decode("latin-1")
    if not value:
        raise MissingKeyError(
            f"There is no {field} for {source}. Give it in {where(source, field)}; that file is never committed."
        )
    return Secret(str(value), where(source, field))


def refuse_keys(source: str, options: Mapping[str, Any]) -> None:
    """Make sure that no key is written into the options of a catalog.

    Args:
        source: The provider's name in this project.
        options: Options by name, without the credentials that Kedro puts in.

    Raises:
        ConfigurationError: If an option, at any depth, or the user or query of an address is secret by its name.
    """
    hidden = masked(options)
    found = [str(name) for name, value in options.items() if hidden[name] != value]
    if found:
        raise ConfigurationError(
            f"The catalog's options of {source} hold what belongs to no catalog, in {', '.join(map(repr, found))}: it "
            f"would be committed and shown. Take it out and give it in {where(source)}, and make a new key if this "
            "one was committed."
        )
