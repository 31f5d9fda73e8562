"""Whoever asks, and what may be asked by them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from finq_predictor.serving.errors import ForbiddenError


class Role(StrEnum):
    """What an account may do; each one may do whatever those before it may."""

    VIEWER = "viewer"
    PREDICTOR = "predictor"
    OPERATOR = "operator"
    ADMIN = "admin"

    def covers(self, other: Role) -> bool:
        """Whether this one may do what the other may."""
        return _RANK[self] >= _RANK[other]


_RANK = {role: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever sent a request.

    Attributes:
        name: The account, or a word for those without.
        role: What they may do.
        markets: The markets they may ask about; None for all.
        models: The names of models that may answer them; None for all.
        way: How they showed who they are: ``key``, ``token``, ``session``, ``issuer``, or ``open`` where nobody asks.
        credential: Which key or session that was, for those who revoke it; no secret.
    """

    name: str
    role: Role
    markets: frozenset[str] | None = None
    models: frozenset[str] | None = None
    way: str = "open"
    credential: str = ""

    @property
    def user(self) -> str | None:
        """The account; None where nobody was asked who they are."""
        return None if self.way == "open" else self.name

    @property
    def sees_all(self) -> bool:
        """Whether they may ask about every market, whatever answers it."""
        return self.markets is None and self.models is None

    def require(self, role: Role | None = None, market: str | None = None, model: str | None = None) -> None:
        """Make sure that they may do something.

        Args:
            role: The least role that may.
            market: The market that is asked about.
            model: The name of the model that would answer.

        Raises:
            ForbiddenError: If they may not; names what they have and what it takes.
        """
        if role is not None and _RANK[self.role] < _RANK[role]:
            raise ForbiddenError(f"This takes the role {role}, and {self.name} is {self.role}; ask whoever runs this.")
        if market is not None and self.markets is not None and market not in self.markets:
            raise ForbiddenError(
                f"{self.name} may not ask about the market {market}, only about {_listed(self.markets)}; ask whoever "
                "runs this."
            )
        if model is not None and self.models is not None and model not in self.models:
            raise ForbiddenError(
                f"The model {model} may not answer {self.name}, only {_listed(self.models)}; ask whoever runs this."
            )

    def sees(self, market: str, model: str) -> bool:
        """Whether they may ask about a market that this model answers."""
        return (self.markets is None or market in self.markets) and (self.models is None or model in self.models)


ANYONE = Caller("anyone", Role.ADMIN)
"""Whoever asks where nobody is asked who they are."""


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "none"
