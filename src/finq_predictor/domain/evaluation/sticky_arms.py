"""Which model answers whom while two are compared: always the same one for the same caller.

The place of a caller is a keyed hash, so that nobody can choose a name to get the model he wants, and so that a second
experiment divides callers anew. When the challenger's share grows, callers only move to it, never back.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from itertools import pairwise

import pandas as pd

from finq_predictor.domain.errors import ConfigurationError

_PLACES = 2**53


class Arm(StrEnum):
    """Whose answer a prediction is."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"
    SHADOW = "shadow"


@dataclass(frozen=True)
class RollOut:
    """How large a share of the callers a challenger answers, from when on.

    Attributes:
        name: Of the experiment; callers are divided anew under another one.
        steps: Times (UTC) with the share from then on, in [0, 1]; ascending, as the shares are. Before the first the
            share is 0.

    Raises:
        ConfigurationError: If a share lies outside [0, 1] or falls, or times do not ascend.
    """

    name: str
    steps: tuple[tuple[pd.Timestamp, float], ...]

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise ConfigurationError("An experiment has no name; give one, such as 'version-8-against-7'.")
        if wrong := [share for _, share in self.steps if not 0.0 <= share <= 1.0]:
            raise ConfigurationError(
                f"The experiment {self.name!r} has the share {wrong[0]}; expected one from 0 to 1."
            )
        for (before, less), (after, more) in pairwise(self.steps):
            if after <= before or more < less:
                raise ConfigurationError(
                    f"The experiment {self.name!r} goes from {less:g} at {before.isoformat()} to {more:g} at "
                    f"{after.isoformat()}; expected later times and no smaller shares. Begin another one to go back."
                )

    def share_at(self, clock: pd.Timestamp) -> float:
        """The share at a moment, UTC."""
        return max((share for since, share in self.steps if since <= clock), default=0.0)


def place_of(key: bytes, experiment: str, caller: str) -> float:
    """The place of a caller in [0, 1), the same for ever; evenly spread over callers.

    Args:
        key: A secret of the service.
        experiment: Name of the experiment.
        caller: Who asks.
    """
    # The length keeps names apart that read alike when put together.
    said = f"{len(experiment)}:{experiment}:{caller}".encode()
    return (int.from_bytes(hmac.digest(key, said, sha256)[:8], "big") >> 11) / _PLACES


def arm_of(key: bytes, roll_out: RollOut, caller: str, clock: pd.Timestamp) -> Arm:
    """Who answers a caller at a moment."""
    share = roll_out.share_at(clock)
    return Arm.CHALLENGER if place_of(key, roll_out.name, caller) < share else Arm.CHAMPION
