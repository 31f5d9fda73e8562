"""A text is about the instruments that it names as whole words, and about no others."""

from __future__ import annotations

import pytest

from finq_predictor.domain.ingestion.mentions import mentions

NAMES = {"Apple": "AAPL", "Target": "TGT", "euro": "EUR_USD", "S&P 500": "SPX", "3M": "MMM"}


@pytest.mark.parametrize(
    ("text", "instruments"),
    [
        ("$AAPL and $MSFT rise, $AAPL most", ("AAPL", "MSFT")),
        ("Berkshire ($BRK.B) buys; ($V)", ("BRK.B", "V")),
        ("It costs $5, US$ABC, A$AP, $TOOLONG, $aapl and $$CASH", ()),
        # Noise: nobody can tell AT&T from a trillion.
        ("a $T market", ("T",)),
        ("EUR/USD, eurusd, EUR-USD and USD_SGD", ("EUR_USD", "USD_SGD")),
        ("EURUSDX AEURUSD EUR/EUR EUR/ABC bullet-points", ()),
        ("Apple's profit", ("AAPL",)),
        ("APPLE RAISES PRICES", ("AAPL",)),
        ("an apple a day, Applebee's", ()),
        ("TARGET RAISES TARGET", ("TGT",)),
        ("the price target", ()),
        ("The Euro falls; EURO slides; euros", ("EUR_USD",)),
        ("euros and europe", ()),
        ("the S&P 500, and S&P 5000", ("SPX",)),
        ("3M pays; 13M people", ("MMM",)),
        ("$AAPL: Apple, EUR/USD and the euro", ("AAPL", "EUR_USD")),
        ("", ()),
    ],
)
def test_instruments_are_found_by_whole_words(text, instruments):
    assert mentions(text, NAMES) == instruments


def test_without_names_only_tags_and_pairs_count():
    assert mentions("Apple, $MSFT and USDJPY") == ("MSFT", "USD_JPY")
