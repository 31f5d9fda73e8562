"""Which instruments a text is about, by the names that it calls them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from finq_predictor.domain.market.instruments import pairs_in

# A class of shares may follow: $BRK.B. What stands before must not make it a price: US$, A$.
_CASHTAG = re.compile(r"(?<![\w$])\$([A-Z]{1,5}(?:[.-][A-Z])?)(?![\w$])")


def mentions(text: str, names: Mapping[str, str] | None = None) -> tuple[str, ...]:
    """Find the instruments that a text names.

    Cashtags (``$AAPL``), currency pairs (``EUR/USD``, ``EURUSD``) and given names count, as whole words only. There is
    noise that no rule can take out of a text: ``$T`` is a share to one author and a trillion to another; and a company
    that is called like a thing needs a name that is not the thing's, such as ``"Apple Inc"``.

    Args:
        text: A headline, with what stands below it.
        names: Names to instruments. One in small letters is found however it is written, one with a capital only so or
            all in capitals: ``"Target"`` is found in ``"TARGET RAISES TARGET"`` and not in ``"a price target"``.

    Returns:
        Each instrument once: those of cashtags, then pairs (``EUR_USD``), then names.
    """
    called = [instrument for name, instrument in (names or {}).items() if _is_called(name, text)]
    return tuple(dict.fromkeys((*_CASHTAG.findall(text), *pairs_in(text), *called)))


def _is_called(name: str, text: str) -> bool:
    ways = {name} if name == name.upper() else {name, name.upper()}
    flags = re.IGNORECASE if name == name.lower() else 0
    return any(re.search(rf"(?<!\w){re.escape(way)}(?!\w)", text, flags) for way in ways)
