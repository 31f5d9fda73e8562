"""What is served at one moment: a request looks at nothing else from its first byte to its last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from finq_predictor.domain.errors import UnknownNameError
from finq_predictor.serving.answers import Served
from finq_predictor.serving.errors import InvalidRequestError, UnavailableError, UnsuggestedNameError


@dataclass(frozen=True)
class View:
    """The markets at one moment.

    Attributes:
        markets: What is served of each market; None where it cannot answer.
        problems: Why markets are not served, or not with the newest files.
        loading: Whether the first load has not come to its end.
        failure: Why nothing can be served at all.
    """

    markets: Mapping[str, Served | None]
    problems: Mapping[str, str]
    loading: bool = False
    failure: str | None = None

    @property
    def served(self) -> list[Served]:
        """The markets that can answer."""
        return [served for served in self.markets.values() if served is not None]

    def get(self, market: str) -> Served:
        """A market that can answer.

        Raises:
            UnknownNameError: If there is no such market; suggests near misses.
            UnavailableError: If it cannot answer now; says why.
        """
        self._require_any()
        if market not in self.markets:
            raise UnknownNameError("market", market, self.markets)
        served = self.markets[market]
        if served is None:
            raise UnavailableError(
                f"Market {market!r} is not served: {self.problems.get(market) or 'its model is being loaded.'}"
            )
        return served

    def only(self) -> Served:
        """The market of a request that names none.

        Raises:
            InvalidRequestError: If there are several.
        """
        if len(served := self.served) == 1:
            return served[0]
        raise InvalidRequestError(f"Which market? Give one of {', '.join(self.markets)}.")

    def find(self, instrument: str, market: str | None = None, *, suggest: bool = True) -> tuple[Served, str]:
        """The market and the name of an instrument as a client wrote it.

        Args:
            instrument: What the client wrote.
            market: The market it has to be in; None is any.
            suggest: Whether near misses are worth their time.

        Raises:
            UnknownNameError: If no market has it; suggests near misses.
            InvalidRequestError: If several have it.
            UnavailableError: If the market, or every market, cannot answer now.
        """
        searched = [self.get(market)] if market is not None else self._searched()
        found = [(one, name) for one in searched if (name := one.find(instrument)) is not None]
        if not found:
            if market is None and self.loading:
                raise UnavailableError(f"{instrument!r} is not known yet: models are still being loaded.")
            if not suggest:
                raise UnsuggestedNameError("instrument", instrument)
            raise UnknownNameError("instrument", instrument, _instruments(searched))
        if len(found) > 1:
            names = " or ".join(repr(one.market.name) for one, _ in found)
            raise InvalidRequestError(f"{instrument!r} is traded in several markets; add market {names}.")
        return found[0]

    def _searched(self) -> list[Served]:
        self._require_any()
        if served := self.served:
            return served
        raise UnavailableError(f"No market is served: {' '.join(self.problems.values()) or 'models are loading.'}")

    def _require_any(self) -> None:
        if self.failure is not None:
            raise UnavailableError(f"Nothing is served: {self.failure}")


def _instruments(served: list[Served]) -> Iterator[str]:
    for one in served:
        yield from one.predictor.panel.instruments
