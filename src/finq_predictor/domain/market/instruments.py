"""The kinds of instrument: how their names are spelled, and what their names say."""

from __future__ import annotations

import re
from enum import StrEnum

_AROUND = re.compile(r"^[\s$]+|\s+$")
# Three letters each, as codes or as a data vendor writes them: EURUSD, EUR/USD, EUR_USD=X.
_PAIR = re.compile(r"^([A-Z]{3})[^A-Z0-9]?([A-Z]{3})(?:=X)?$")
# Coins have names of any length; without a separator only the usual currencies of payment are recognised.
_COIN = re.compile(r"^([A-Z0-9]+)[^A-Z0-9]([A-Z]{2,5})$|^([A-Z0-9]{3,}?)(USDT|USDC|USD|EUR|GBP|JPY)$")
_PAIR_IN_TEXT = re.compile(r"(?<![A-Za-z])([A-Za-z]{3})[_\-/]?([A-Za-z]{3})(?![A-Za-z])")
_CURRENCIES = frozenset(
    {
        "AED", "ARS", "AUD", "BRL", "CAD", "CHF", "CLP", "CNH", "CNY", "COP", "CZK", "DKK", "EUR", "GBP",
        "HKD", "HUF", "IDR", "ILS", "INR", "JPY", "KRW", "MXN", "MYR", "NOK", "NZD", "PEN", "PHP", "PLN",
        "RON", "RUB", "SAR", "SEK", "SGD", "THB", "TRY", "TWD", "USD", "XAG", "XAU", "ZAR",
    }
)  # fmt: skip


def pairs_in(text: str) -> tuple[str, ...]:
    """The currency pairs that a text names, as ``BASE_QUOTE``, each once and in order: EUR/USD, eurusd, EUR-USD."""
    found = ((base.upper(), quote.upper()) for base, quote in _PAIR_IN_TEXT.findall(text))
    return tuple(dict.fromkeys(f"{b}_{q}" for b, q in found if b != q and {b, q} <= _CURRENCIES))


class InstrumentKind(StrEnum):
    """What is traded on a market."""

    STOCK = "stock"
    PAIR = "pair"
    COIN = "coin"

    @property
    def plural(self) -> str:
        """Several of them."""
        return f"{self}s"

    @property
    def has_actions(self) -> bool:
        """Whether there are splits and dividends, so that prices come adjusted as well."""
        return self is InstrumentKind.STOCK

    @property
    def has_sectors(self) -> bool:
        """Whether they belong to sectors."""
        return self is InstrumentKind.STOCK

    @property
    def join_indices(self) -> bool:
        """Whether they are members of an index, which they join and leave."""
        return self is InstrumentKind.STOCK

    @property
    def two_sided(self) -> bool:
        """Whether they are the price of one thing in another, so that news about either side counts."""
        return self in _TWO_SIDED

    @property
    def compares_economies(self) -> bool:
        """Whether both sides are currencies with an economy behind them, so that macro series count as difference."""
        return self is InstrumentKind.PAIR

    def spell(self, name: str) -> str:
        """The one spelling of an instrument's name: upper case, without cashtag; two sides as ``BASE_QUOTE``."""
        text = _AROUND.sub("", name).upper()
        pattern = _TWO_SIDED.get(self)
        found = pattern.match(text) if pattern else None
        return "_".join(side for side in found.groups() if side) if found else text

    def sides(self, name: str) -> tuple[str, str] | None:
        """Base and quote of an instrument that is the price of one thing in another; None where it has no sides."""
        if self not in _TWO_SIDED:
            return None
        base, _, quote = self.spell(name).partition("_")
        return (base, quote) if base and quote else None

    def exposure(self, subject: str, instrument: str) -> float:
        """Say how news about a subject counts for an instrument.

        Args:
            subject: An instrument, or one side of it, such as ``"EUR"``, ``"EUR_USD"``, ``"eur/usd"``.
            instrument: The instrument.

        Returns:
            1 for the instrument itself and its base, -1 for its quote and the inverse instrument, else 0.
        """
        about, target = self.spell(subject), self.spell(instrument)
        sides = self.sides(instrument)
        if sides is None:
            return float(about == target)
        base, quote = sides
        return {target: 1.0, base: 1.0, quote: -1.0, f"{quote}_{base}": -1.0}.get(about, 0.0)

    def named_in(self, text: str) -> str | None:
        """Find the instrument in a file's name: ``EUR_USD_H1_2016.parquet`` and ``eurusd.csv`` are ``EUR_USD``.

        Only currencies are so few that a word cannot be taken for one; any other kind is None.
        """
        if not self.compares_economies:
            return None
        return next(iter(pairs_in(text)), None)

    @property
    def survivorship(self) -> str:
        """What a list of instruments made today hides, in one or two sentences."""
        return _SURVIVORSHIP[self]


_TWO_SIDED = {InstrumentKind.PAIR: _PAIR, InstrumentKind.COIN: _COIN}
_SURVIVORSHIP = {
    InstrumentKind.STOCK: (
        "Survivorship: if the list of instruments was made with hindsight (only companies that still exist), results "
        "are too good. The simulator lists and delists companies; with your own files deliver the dated membership of "
        "the index, and bars of those that left it."
    ),
    InstrumentKind.PAIR: (
        "Survivorship: currency pairs do not disappear, but a list of today knows which ones stayed liquid."
    ),
    InstrumentKind.COIN: (
        "Survivorship: most coins that were ever listed are worth nothing now; a list of today knows which ones "
        "lasted, so results are too good unless the coins of each day are known."
    ),
}
