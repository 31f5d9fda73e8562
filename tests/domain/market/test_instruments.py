"""Names of instruments: one spelling, their sides, and what news about a side means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finq_predictor.domain.market import InstrumentKind
from finq_predictor.domain.market.instruments import pairs_in

STOCK, PAIR, COIN = InstrumentKind.STOCK, InstrumentKind.PAIR, InstrumentKind.COIN


@pytest.mark.parametrize(
    ("kind", "given", "spelled"),
    [
        (STOCK, " $aapl ", "AAPL"),
        (STOCK, "BRK.B", "BRK.B"),
        (STOCK, "EURUSD", "EURUSD"),
        (PAIR, "eur/usd", "EUR_USD"),
        (PAIR, "EURUSD=X", "EUR_USD"),
        (PAIR, "EUR", "EUR"),
        (PAIR, "DE30", "DE30"),
        (COIN, "btc-usd", "BTC_USD"),
        (COIN, "BTCUSDT", "BTC_USDT"),
        (COIN, "1INCH/USD", "1INCH_USD"),
        (COIN, "DOGE_BTC", "DOGE_BTC"),
        (COIN, "BTC", "BTC"),
        (COIN, "BUSD", "BUSD"),
        (STOCK, "", ""),
    ],
)
def test_one_spelling(kind, given, spelled):
    assert kind.spell(given) == spelled
    assert kind.spell(spelled) == spelled


@given(st.sampled_from(list(InstrumentKind)), st.text(max_size=12))
def test_spelling_again_changes_nothing(kind, name):
    once = kind.spell(name)
    assert kind.spell(once) == once


def test_sides():
    assert PAIR.sides("eurusd") == ("EUR", "USD")
    assert COIN.sides("BTC-USD") == ("BTC", "USD")
    assert PAIR.sides("EUR") is None
    assert STOCK.sides("BRK_B") is None


@pytest.mark.parametrize(
    ("subject", "expected"),
    [("EUR", 1), ("usd", -1), ("EUR_USD", 1), ("eur/usd", 1), ("USDEUR", -1), ("JPY", 0), ("", 0)],
)
def test_exposure_to_a_pair(subject, expected):
    assert PAIR.exposure(subject, "EUR_USD") == expected


def test_exposure_to_a_coin_and_a_stock():
    assert [COIN.exposure(name, "BTC_USD") for name in ("btc", "BTCUSD", "USD", "ETH")] == [1, 1, -1, 0]
    assert [STOCK.exposure(name, "AAPL") for name in ("$aapl", "MSFT")] == [1, 0]


def test_only_pairs_compare_two_economies():
    assert [kind.compares_economies for kind in (STOCK, PAIR, COIN)] == [False, True, False]


def test_every_kind_says_what_a_list_of_today_hides():
    texts = [kind.survivorship for kind in InstrumentKind]
    assert len(set(texts)) == len(InstrumentKind)
    assert all(text.startswith("Survivorship: ") for text in texts)


@pytest.mark.parametrize(
    ("text", "pairs"),
    [
        ("EUR/USD, eurusd and USD-JPY", ("EUR_USD", "USD_JPY")),
        ("EUR/EUR, EUR/ABC, EURUSDX", ()),
        ("", ()),
    ],
)
def test_the_pairs_of_a_text_are_found_once_and_in_order(text, pairs):
    assert pairs_in(text) == pairs
