"""The markets, what is traded on them, and when each is open; the calendars are imported by who asks for the time."""

from finq_predictor.domain.market.instruments import InstrumentKind
from finq_predictor.domain.market.markets import MARKETS, BarUnit, Market, Trait, Vocabulary, get_market

__all__ = ["MARKETS", "BarUnit", "InstrumentKind", "Market", "Trait", "Vocabulary", "get_market"]
