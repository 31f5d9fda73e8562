"""Invented companies: ticker, name and sector from a running number, the same in every market."""

from __future__ import annotations

from dataclasses import dataclass

SECTORS = (
    "Information Technology",
    "Financials",
    "Health Care",
    "Consumer Discretionary",
    "Industrials",
    "Communication Services",
    "Consumer Staples",
    "Energy",
    "Utilities",
    "Materials",
    "Real Estate",
)

_SUFFIXES: dict[str, tuple[str, ...]] = {
    "Information Technology": ("Software", "Systems", "Semiconductor", "Networks", "Technologies"),
    "Financials": ("Bancorp", "Financial", "Capital Group", "Insurance Group"),
    "Health Care": ("Pharma", "Therapeutics", "Medical", "Biosciences"),
    "Consumer Discretionary": ("Motors", "Retail Group", "Hotels", "Apparel"),
    "Industrials": ("Industries", "Aerospace", "Logistics", "Engineering"),
    "Communication Services": ("Media", "Telecom", "Communications", "Entertainment"),
    "Consumer Staples": ("Foods", "Beverages", "Household Brands"),
    "Energy": ("Petroleum", "Energy", "Drilling", "Pipelines"),
    "Utilities": ("Electric", "Power & Light", "Water"),
    "Materials": ("Chemicals", "Steel", "Mining", "Packaging"),
    "Real Estate": ("Properties", "Realty Trust", "Residential"),
}

_CONSONANTS = "BCDFGHJKLMNPQRSTVWXYZ"
_VOWELS = "AEIOU"
_ENDS = "AIOUX"
_TICKERS = len(_CONSONANTS) ** 2 * len(_VOWELS) * len(_ENDS)
_STRIDE = 4099  # coprime with the number of tickers, so neighbours look unlike


@dataclass(frozen=True)
class Company:
    """One invented company."""

    ticker: str
    name: str
    sector: str


def company(number: int) -> Company:
    """The company with a running number; distinct numbers have distinct tickers."""
    lap, place = divmod(number, _TICKERS)
    code = (place * _STRIDE + 17) % _TICKERS
    code, end = divmod(code, len(_ENDS))
    code, third = divmod(code, len(_CONSONANTS))
    first, second = divmod(code, len(_VOWELS))
    ticker = _CONSONANTS[first] + _VOWELS[second] + _CONSONANTS[third] + _ENDS[end]
    if lap:
        ticker += chr(ord("A") + (lap - 1) % 26)
    sector = SECTORS[(number * 7) % len(SECTORS)]
    suffixes = _SUFFIXES[sector]
    return Company(ticker, f"{ticker.capitalize()} {suffixes[code % len(suffixes)]}", sector)
