"""What a channel is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from finq_predictor.adapters.http.credentials import Secret
from finq_predictor.adapters.http.hosts import HOSTS, Hosts
from finq_predictor.adapters.http.policy import Policy
from finq_predictor.adapters.secret_values import read_secret
from finq_predictor.domain.alarms.wording import Wording
from finq_predictor.domain.errors import ConfigurationError

PREFIX = "FINQ_CHANNEL_"
# Somebody waits for it: a run of the schedule, or a person at a terminal.
PATIENCE = Policy(
    connect_seconds=3.0,
    read_seconds=5.0,
    total_seconds=10.0,
    attempts=3,
    first_wait_seconds=0.5,
    longest_wait_seconds=5.0,
    longest_retry_after_seconds=20.0,
)


class ChannelOptions(BaseModel):
    """What the configuration says of a channel; each kind has keys of its own, none of them secret."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True)
class Given:
    """What a channel is made of.

    Attributes:
        name: Its name in the configuration.
        options: What the configuration says of it.
        policy: Time-outs and retries.
        hosts: The hosts that are known; tests give their own.
        environment: Variables by name; None for those of this process.
    """

    name: str
    options: ChannelOptions
    policy: Policy = PATIENCE
    hosts: Hosts = HOSTS
    environment: Mapping[str, str] | None = field(default=None, repr=False)

    @property
    def variable(self) -> str:
        """The variable of its secret; ``<name>_FILE`` names a file, ``<name>_VAULT`` a place in a vault."""
        return PREFIX + self.name.upper().replace("-", "_")

    def secret(self, what: str, plain: tuple[str, ...] = ()) -> Secret:
        """The secret of the channel.

        Args:
            what: What it is, for messages.
            plain: Well-known variables that hold it where its own does not.

        Raises:
            ConfigurationError: If there is none, or it cannot be one; never shows it.
        """
        found = self.secret_if_any(what, plain)
        if found is None:
            raise ConfigurationError(
                f"The channel {self.name} has no secret; put {what} into {self.variable}, or best into a file that "
                f"{self.variable}_FILE names."
            )
        return found

    def secret_if_any(self, what: str, plain: tuple[str, ...] = ()) -> Secret | None:
        """The secret of the channel, or None where nobody gave one; errors as for `secret`."""
        found = read_secret(self.variable, what, self.environment, plain)
        if found is None:
            return None
        try:
            return Secret(found.decode("ascii"), self.variable)
        except UnicodeDecodeError:
            raise ConfigurationError(f"{self.variable} holds other than ASCII; copy it once more.") from None


class Channel(ABC):
    """Tells somebody.

    Attributes:
        options: The model of its options.
    """

    options: ClassVar[type[ChannelOptions]]

    @abstractmethod
    def __init__(self, given: Given) -> None:
        """Make it.

        Raises:
            ConfigurationError: If something that it needs is absent or cannot be right.
        """

    @abstractmethod
    def send(self, wording: Wording) -> None:
        """Tell it.

        Args:
            wording: What is said, with the message as it was before it was put into words.

        Raises:
            NotificationError: If it was not taken; says what came and shows no secret.
        """
