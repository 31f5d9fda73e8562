"""By which terms the champion of a snapshot was judged, and what it said is traded on paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from finq_predictor.adapters.typed_json import from_json
from finq_predictor.domain.errors import StoreError
from finq_predictor.domain.evaluation.paper_book import TradingTerms

if TYPE_CHECKING:
    from finq_predictor.adapters.snapshots.store import Snapshot
    from finq_predictor.domain.market.markets import Market


def trading_terms(snapshot: Snapshot, market: Market) -> TradingTerms:
    """The terms that a snapshot holds; the usual ones of the market where it holds none that can be read.

    Args:
        snapshot: The snapshot.
        market: Its market.
    """
    if not snapshot.has("trading_terms"):
        return TradingTerms.usual(market)
    try:
        place = snapshot.path("trading_terms")
        return from_json(TradingTerms, place.read_bytes(), place.name, "Run the evaluation again.")
    except (OSError, StoreError):
        return TradingTerms.usual(market)
