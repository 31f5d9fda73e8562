"""How much an article is worth listening to, by what could be seen of it when it became known."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd

from finq_predictor.domain.columns import INSTRUMENT, KNOWN_AT
from finq_predictor.domain.ingestion.mentions import mentions
from finq_predictor.domain.market.instruments import InstrumentKind

LOW = 0.5
"""An article of lower quality is counted in the notes of a delivery."""
_FEWEST_TO_TELL, _SHARE_TO_TELL = 10, 0.1
_ENOUGH_WORDS = 5
_FEW_INSTRUMENTS = 2
_DAY = pd.Timedelta(days=1)
_HALVED_EVERY = pd.Timedelta(days=3)
# As if that many articles that repeat nothing had come from a source before its first.
_CREDIT = 10.0
_ABOUT_OTHERS, _ROUNDUP, _LOUD, _FOREIGN, _NAMELESS = 0.5, 0.3, 0.5, 0.2, 0.8

# A title in capitals has more of them than a few tickers.
_MANY_CAPITALS = 16

_OTHER_SCRIPTS = re.compile(r"[^\W\d_\u0000-\u024f]")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_ROUNDUPS = re.compile(
    r"^\W*(?:the |top |these )*(?:\d+|two|three|four|five|six|seven|eight|nine|ten|dozen) (?:[\w'&-]+ ){0,4}?"
    r"(?:stocks?|shares|companies|etfs?|movers|gainers|losers|picks|things|reasons|ideas|charts|names|upgrades|changes)\b"
    r"|\b(?:earnings (?:scheduled|calendar)|stocks? to watch|market (?:update|wrap|summary|movers|clubhouse)|watchlist|"
    r"(?:top|biggest) (?:[\w'-]+ ){0,3}(?:gainers|losers|movers|upgrades|downgrades|stocks|picks)|"
    r"stocks? moving|(?:pre|mid|after)[- ]?(?:market|day|hours|morning|afternoon) "
    r"(?:update|movers|session|gainers|losers)|"
    r"(?:daily|weekly|morning|evening) (?:bulletin|digest|brief|roundup|round-up|recap)s?)\b",
    re.IGNORECASE,
)
_PROMOTION = re.compile(
    r"!{2,}|\b(?:click here|sign up|subscrib|join (?:us|now|our|the|my)|"
    r"free (?:trial|report|webinar|newsletter|alerts?)|"
    r"must[- ](?:see|read|attend|have)|don'?t (?:miss|be left)|penny stock|our (?:alerts?|picks|newsletter)|"
    r"limited time|guaranteed?|act now|check (?:it|them|us|this) out|investor alert|class action|lead plaintiff)",
    re.IGNORECASE,
)
_ENGLISH = frozenset(
    {
        "the", "of", "and", "to", "in", "for", "on", "is", "are", "with", "at", "by", "from", "as", "its",
        "it", "after", "this", "that", "has", "be", "will", "was", "an", "not", "up", "over", "new", "says",
        "more", "than", "what", "how", "why", "you", "your",
    }
)  # fmt: skip
_OTHER_LANGUAGES = frozenset(
    {
        "el", "los", "las", "una", "del", "que", "por", "para", "con", "más", "como", "está", "le", "les",
        "des", "du", "et", "est", "pour", "dans", "sur", "au", "aux", "une", "der", "die", "das", "und",
        "ist", "für", "mit", "auf", "von", "den", "dem", "ein", "eine", "nicht", "il", "lo", "gli", "della",
        "per", "che", "di", "non", "sono", "um", "uma", "não", "com", "os", "het", "een", "van", "voor",
        "met", "och", "att", "som", "på", "yang", "dan", "untuk", "dari", "ini", "itu", "ke",
    }
)  # fmt: skip


def quality_of(articles: pd.DataFrame, instruments: InstrumentKind) -> pd.DataFrame:
    """Rate articles; each reason is a factor, and the quality of an article is their product.

    A reason that nothing is held against is 1. Factors look at the article and at what was known no later:

    - ``short``: a fifth for each of up to five words of title and body.
    - ``about_others``: 0.5 where the text names instruments by cashtag or as a pair, and not the one it is filed under.
    - ``shared``: 2 / n where n > 2 instruments are named, or have had the same title by then.
    - ``roundup``: 0.3 for lists such as "14 Stocks To Watch" or "Mid-Day Market Update" (English).
    - ``loud``: 0.5 for promotion and for titles in capitals (English).
    - ``foreign``: 0.2 for text in another script than the Latin one, or with more small words of other languages than
      English ones; the lexicon and the vocabularies of the markets are English.
    - ``late``: halved for every three days beyond the first one that lie between publication and first sight.
    - ``source``: 0.8 without a source, else one minus the share of repetitions among its articles so far, as if ten
      articles that repeat nothing had come before.

    Args:
        articles: ``instrument, published_at, known_at, title, body, source, duplicate_of`` in the order in which they
            became known.
        instruments: What the market trades.

    Returns:
        One column per reason, in (0, 1], with the index of ``articles``. Known at ``known_at``.
    """
    texts = [f"{title} {body}".strip() for title, body in zip(articles["title"], articles["body"], strict=True)]
    names = [mentions(text) for text in texts]
    words = [_WORD.findall(text.lower()) for text in texts]
    count = np.array([len(each) for each in words])
    sharing = np.maximum([len(each) for each in names], _sharing(articles))
    about = (_is_about(*each, instruments) for each in zip(articles[INSTRUMENT], names, strict=True))
    titles = [str(title) for title in articles["title"]]
    factors = {
        "short": np.clip(count, 1, _ENOUGH_WORDS) / _ENOUGH_WORDS,
        "about_others": _against(_ABOUT_OTHERS, (not each for each in about)),
        "shared": _FEW_INSTRUMENTS / np.maximum(sharing, _FEW_INSTRUMENTS),
        "roundup": _against(_ROUNDUP, (_ROUNDUPS.search(title) is not None for title in titles)),
        "loud": _against(_LOUD, (_is_loud(*each) for each in zip(titles, texts, strict=True))),
        "foreign": _against(_FOREIGN, (_is_foreign(*each) for each in zip(texts, words, strict=True))),
        "late": _lateness(articles),
        "source": _trust(articles),
    }
    return pd.DataFrame(factors, index=articles.index, dtype="float64")


def note_on_quality(factors: pd.DataFrame) -> tuple[str, ...]:
    """Say how many articles are of low quality and what weighs most against them; nothing where they are few."""
    low = factors[factors.prod(axis=1) < LOW]
    if len(low) < max(_FEWEST_TO_TELL, _SHARE_TO_TELL * len(factors)):
        return ()
    reasons = ", ".join(f"{name} {count}" for name, count in low.idxmin(axis=1).value_counts().head(3).items())
    return (f"{len(low)} of {len(factors)} articles are of a quality below {LOW:g}, most of all for: {reasons}",)


def _against(factor: float, held: Iterable[bool]) -> np.ndarray:
    return np.where(np.fromiter(held, dtype=bool), factor, 1.0)


def _is_about(instrument: str, named: tuple[str, ...], instruments: InstrumentKind) -> bool:
    """Whether a text that names instruments names this one, or a pair that it is a side of."""
    return not named or any(
        instruments.exposure(one, other) for name in named for one, other in ((instrument, name), (name, instrument))
    )


def _sharing(articles: pd.DataFrame) -> np.ndarray:
    """Instruments that have had an article's title by the time at which it was known."""
    title = articles["title"].str.lower()
    first = ~pd.DataFrame({"title": title, "of": articles[INSTRUMENT]}).duplicated()
    so_far = first.astype("int64").groupby(title).cumsum()
    # What was known at the same moment was known to all of them.
    return np.asarray(so_far.groupby([title, articles[KNOWN_AT]]).transform("max"))


def _is_loud(title: str, text: str) -> bool:
    capitals = sum(map(str.isupper, title))
    shouts = capitals >= _MANY_CAPITALS and capitals > 0.8 * sum(map(str.isalpha, title))
    return shouts or _PROMOTION.search(text) is not None


def _is_foreign(text: str, words: list[str]) -> bool:
    if not text.isascii() and len(_OTHER_SCRIPTS.findall(text)) > 0.3 * sum(map(str.isalpha, text)):
        return True
    distinct = set(words)
    return len(distinct & _OTHER_LANGUAGES) > max(1, len(distinct & _ENGLISH))


def _lateness(articles: pd.DataFrame) -> np.ndarray:
    # What carries a date only is known when the day ends: that is our caution, not the source's delay.
    beyond = (articles[KNOWN_AT] - articles["published_at"] - _DAY).clip(lower=pd.Timedelta(0))
    return np.asarray(0.5 ** (beyond / _HALVED_EVERY))


def _trust(articles: pd.DataFrame) -> np.ndarray:
    source = articles["source"]
    repeated = (articles["duplicate_of"] != "").astype("float64")
    before = repeated.groupby(source).cumsum() - repeated
    share = before / (source.groupby(source).cumcount() + _CREDIT)
    return np.where(source == "", _NAMELESS, 1.0 - share)
