"""What is served at one moment: a request looks at nothing else from its first byte to its last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from finq_predictor.domain.errors import UnknownNameError
from finq_predictor.serving.access.callers import Caller
from finq_predictor.serving.answers import Served
from finq_predictor.serving.errors import ForbiddenError, InvalidRequestError, UnavailableError, UnsuggestedNameError


@dataclass(frozen=True)
class View:
    """The markets at one moment.

    Attributes:
        markets: What is served of each market; None where it cannot answer.
        problems: Why markets are not served, or not with the newest files.
        loading: Whether the first load has not come to its end.
        failure: Why nothing can be served at all.
        asking: For whom it is, where that is not all there is.
        barred: Markets of which the one it is for may know that they are there, and that their models may not answer.
    """

    markets: Mapping[str, Served | None]
    problems: Mapping[str, str]
    loading: bool = False
    failure: str | None = None
    asking: Caller | None = None
    barred: frozenset[str] = frozenset()

    def seen_by(self, asking: Caller) -> View:
        """The part that somebody may ask about, so that not even a near miss tells of the rest."""
        if asking.sees_all:
            return self
        theirs = {name: one for name, one in self.markets.items() if asking.markets is None or name in asking.markets}
        # Of what cannot answer it is not known which model would.
        markets = {
            name: served
            for name, served in theirs.items()
            if (asking.models is None if served is None else asking.sees(name, served.model["name"]))
        }
        problems = {name: problem for name, problem in self.problems.items() if name in markets}
        failure = None if self.failure is None else "The service cannot work; whoever runs it sees why in the log."
        barred = frozenset(theirs.keys() - markets.keys())
        return replace(self, markets=markets, problems=problems, failure=failure, asking=asking, barred=barred)

    @property
    def served(self) -> list[Served]:
        """The markets that can answer."""
        return [served for served in self.markets.values() if served is not None]

    def get(self, market: str) -> Served:
        """A market that can answer.

        Raises:
            UnknownNameError: If there is no such market; suggests near misses.
            ForbiddenError: If it is for somebody who may not ask about it; names only what they may ask about.
            UnavailableError: If it cannot answer now; says why.
        """
        self._require_any()
        if market not in self.markets:
            if self.asking is not None:
                self.asking.require(market=market)
                self._require_not_barred(market)
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
        if self.asking is not None and not self.markets:
            raise ForbiddenError(f"Nothing of what is served may answer {self.asking.name}; ask whoever runs this.")
        raise UnavailableError(f"No market is served: {' '.join(self.problems.values()) or 'models are loading.'}")

    def _require_not_barred(self, market: str) -> None:
        if self.asking is not None and market in self.barred:
            raise ForbiddenError(
                f"The model of the market {market} may not answer {self.asking.name}, only "
                f"{', '.join(sorted(self.asking.models or ())) or 'none'}; ask whoever runs this."
            )

    def _require_any(self) -> None:
        if self.failure is not None:
            raise UnavailableError(f"Nothing is served: {self.failure}")


def _instruments(served: list[Served]) -> Iterator[str]:
    for one in served:
        yield from one.predictor.panel.instruments
