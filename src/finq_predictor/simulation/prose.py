"""Plausible financial English, composed sentence by sentence from the phrase books."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from finq_predictor.simulation import phrases, phrases_fx

NEUTRAL, STRONG = 0.4, 1.3
Book = dict[str, tuple[str, ...]]


@dataclass(frozen=True)
class Subject:
    """Who an article is about.

    Attributes:
        symbol: Ticker or currency, as in the ``symbol`` column.
        name: Name in running text.
        field: Sector of a company, or central bank of a currency.
    """

    symbol: str
    name: str
    field: str


def currency_subject(currency: str) -> Subject:
    """A currency as a subject."""
    name, bank = phrases_fx.CURRENCIES.get(currency, (currency, "central bank"))
    return Subject(currency, name, bank)


def mood(tone: float) -> str:
    """Class of a tone: ``very_good``, ``good``, ``neutral``, ``bad`` or ``very_bad``."""
    if abs(tone) < NEUTRAL:
        return "neutral"
    side = "good" if tone > 0 else "bad"
    return f"very_{side}" if abs(tone) >= STRONG else side


def write_article(subject: Subject, tone: float, occasion: str, draw: np.random.Generator) -> tuple[str, str]:
    """Write one article.

    Args:
        subject: Who it is about.
        tone: Its mood, see ``mood``.
        occasion: ``"earnings"``, ``"company"`` or ``"currency"``.
        draw: Random stream; the same state writes the same article.

    Returns:
        Title, and a body of two to four sentences; the body's later sentences wander around the mood of the title.
    """
    lead, background, context = _books(occasion)
    turn = iter(draw.random(24).tolist())
    kind = mood(tone)
    values = _values(subject, kind, turn)
    title = _pick(lead[kind], turn).format(**values)
    first = _pick(background[kind], turn)
    sentences = [first.format(**values)]
    wobble = mood(tone + 1.2 * (next(turn) - 0.5))
    sentences.append(_pick(tuple(line for line in background[wobble] if line != first), turn).format(**values))
    if next(turn) < 0.6:
        sentences.append(_pick(context["neutral"], turn).format(**values))
    if next(turn) < 0.35:
        sentences.insert(1, _pick(context[kind], turn).format(**values))
    return _capital(title), " ".join(_capital(sentence) for sentence in sentences)


def _books(occasion: str) -> tuple[Book, Book, Book]:
    if occasion == "currency":
        return phrases_fx.TITLES, phrases_fx.SENTENCES, phrases_fx.CONTEXT
    if occasion == "earnings":
        return phrases.EARNINGS_TITLES, phrases.EARNINGS_SENTENCES, phrases.CONTEXT
    return phrases.TITLES, phrases.SENTENCES, phrases.CONTEXT


def _values(subject: Subject, kind: str, turn: Iterator[float]) -> dict[str, str]:
    large = 3.0 if kind.startswith("very") else 1.0
    return {
        "name": subject.name,
        "symbol": subject.symbol,
        "field": subject.field,
        "sector": subject.field.lower(),
        "percent": f"{large * (1.5 + 4.0 * next(turn)):.1f}%",
        "small": f"{0.2 + 1.6 * next(turn):.1f}%",
        "million": f"${round(20 + 900 * next(turn) ** 2)} million",
        "eps": f"${0.2 + 3.0 * next(turn):.2f}",
        "basis": f"{25 * (1 + int(2 * next(turn)))} basis points",
        "broker": _pick(phrases.BROKERS, turn),
        "analyst": _pick(phrases.ANALYSTS, turn),
        "region": _pick(phrases.REGIONS, turn),
        "product": _pick(phrases.PRODUCTS.get(subject.field, ("flagship product",)), turn),
        "quarter": _pick(("first", "second", "third", "fourth"), turn),
    }


def _pick(options: tuple[str, ...], turn: Iterator[float]) -> str:
    return options[int(next(turn) * len(options))]


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]
