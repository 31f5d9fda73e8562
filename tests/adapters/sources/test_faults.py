"""The page of faults says what happens: each of its rows is played again."""

from __future__ import annotations

import logging

import pytest

from fault_matrix import FAULTS, PAGE, PROVIDERS, Provider, outcomes, page, section

# What a provider has nothing for: no prices, or no word about a currency.
IMPOSSIBLE = {
    "Alpha Vantage": {"another currency"},
    "FRED": {"another currency"},
    "NewsAPI": {"another currency", "a hundredfold for one row"},
    "RSS": {"another currency", "a hundredfold for one row"},
}


@pytest.fixture(autouse=True)
def _yfinance_alone(tmp_path):
    """What yfinance remembers of symbols is that of this test."""
    pytest.importorskip("yfinance").set_tz_cache_location(str(tmp_path / "yfinance"))


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_the_page_says_what_happens(provider: Provider, caplog):
    caplog.set_level(logging.CRITICAL)
    found = outcomes(provider)
    assert set(FAULTS) - set(found) == IMPOSSIBLE.get(provider.name, set())
    good = found["nothing is wrong"]
    assert not good.said
    for name, came in found.items():
        # Nothing is lost in silence: whoever keeps less says why, and never takes more than there is twice.
        assert came.said or came.kept >= good.kept, name
        # Only who asks to be left alone holds up the others.
        assert came.others == good.others or "an hour" in name, name
    written = section(provider.name, PAGE.read_text(encoding="utf-8"))
    assert written == section(provider.name, page({provider.name: found})), "run `make faults`"


def test_the_page_is_about_every_provider_and_nothing_else():
    parts = PAGE.read_text(encoding="utf-8").split("\n## ")[1:]
    assert [part.partition("\n")[0] for part in parts] == [provider.name for provider in PROVIDERS]
    assert PAGE.read_text(encoding="utf-8").startswith(page({}))
