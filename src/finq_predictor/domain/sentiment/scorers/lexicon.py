"""A finance-aware lexicon scorer: directions read with the nouns beside them, negation, degree and concession."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import ClassVar

import pandas as pd

from finq_predictor.domain.errors import UnknownNameError
from finq_predictor.domain.market.markets import Vocabulary
from finq_predictor.domain.sentiment.scorers import vocabulary as words
from finq_predictor.domain.sentiment.scorers.base import CONFIDENCE, TONE, Scorer

_TOKEN = re.compile(r"https?://\S+|[a-z]+(?:'[a-z]+)?|(?<![\w-])[+-]\d[\d.,]*%|\d[\d.,]*|[;:.,!?]")
_NUMBER = "#"
_REACH = 4  # tokens between a direction and the noun it moves
_NEGATION_REACH = 4
_NEGATED = -0.6  # "not strong" is bad, but less than "weak"
_INTENSE, _HEDGED = 1.4, 0.7
_CONCEDED = 0.4  # what follows "despite" and what precedes "but"
_AT_REST = 0.3
_QUESTION = 0.3
_REASON = 0.5  # what follows "after" or "on" explains the news that the main clause gave
_BAD_NOUN_ALONE = -0.6
_SIGNED_MOVE = 0.8  # "+3.2%"
_GAIN = 0.8
_REMEMBERED = 262_144


@dataclass(frozen=True, slots=True)
class Word:
    """What a word or phrase does: its role and, for directions and tones, its signed weight."""

    role: str
    weight: float = 0.0


_SILENT = Word("none")


class LexiconScorer(Scorer):
    """Scores English financial headlines from a word list of our own, without training or download.

    Args:
        vocabulary: Whose news it is: a rate cut is good for a share and bad for its currency.

    Raises:
        UnknownNameError: If there is no such vocabulary.
    """

    name: ClassVar[str] = "lexicon"

    def __init__(self, vocabulary: Vocabulary = Vocabulary.SHARES) -> None:
        if vocabulary not in _EXTRAS:
            raise UnknownNameError("vocabulary", vocabulary, _EXTRAS)
        self._vocabulary = vocabulary
        self._exact, self._stems, self._phrases = _compile(vocabulary)

    def score(self, texts: Sequence[str]) -> pd.DataFrame:
        """Score texts; see ``Scorer.score``. A text without a known word has tone 0 and confidence 0."""
        memo: dict[str, Word] = {}
        scores = [self._remembered(text, memo) for text in texts]
        return pd.DataFrame(scores, columns=[TONE, CONFIDENCE], dtype="float64")

    def explain(self, text: str) -> list[tuple[str, float]]:
        """List what a text was scored from: each word or phrase that counts, with its signed contribution."""
        tokens, read = self._read(text, {})
        return [(tokens[position], weight) for position, weight in _contributions(read)]

    def _remembered(self, text: str, memo: dict[str, Word]) -> tuple[float, float]:
        """Tone and confidence of a text, which follow from nothing but the text; scored once where it comes again."""
        key = self._vocabulary, blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
        found = _SCORES.get(key)
        if found is None:
            if len(_SCORES) >= _REMEMBERED:
                _SCORES.clear()
            found = _SCORES[key] = self._score_one(text, memo)
        return found

    def _score_one(self, text: str, memo: dict[str, Word]) -> tuple[float, float]:
        _, read = self._read(text, memo)
        weights = [weight for _, weight in _contributions(read)]
        evidence = sum(map(abs, weights))
        if evidence == 0.0:
            return 0.0, 0.0
        total = sum(weights)
        tone = math.tanh(_GAIN * total / math.sqrt(max(1.0, len(weights) / 2)))
        return tone, abs(total) / evidence * (1.0 - math.exp(-evidence))

    def _read(self, text: str, memo: dict[str, Word]) -> tuple[list[str], list[Word]]:
        """Split a text into tokens and phrases, each with its role."""
        raw = ["^", *map(_plain, _TOKEN.findall(_fold(text)))]
        tokens: list[str] = []
        read: list[Word] = []
        position, n = 0, len(raw)
        while position < n:
            token = raw[position]
            length = 1
            found: Word | None = None
            for phrase, meaning in self._phrases.get(token[:3], ()):
                if len(phrase) <= n - position and all(map(_fits, phrase, raw[position : position + len(phrase)])):
                    found, length = meaning, len(phrase)
                    break
            if found is None:
                found = memo.get(token)
                if found is None:
                    found = memo[token] = self._look_up(token)
            tokens.append(" ".join(raw[position : position + length]))
            read.append(found)
            position += length
        return tokens, read

    def _look_up(self, token: str) -> Word:
        if token in self._exact:
            return self._exact[token]
        for length in range(len(token), 2, -1):
            if token[:length] in self._stems:
                return self._stems[token[:length]]
        return _SILENT


# Whoever lives through a history bar by bar scores the same articles at every bar. A text is known by its hash, so that
# long ones take no more room than short ones.
_SCORES: dict[tuple[Vocabulary, bytes], tuple[float, float]] = {}


def _fold(text: str) -> str:
    return text.lower().replace("’", "'")


def _plain(token: str) -> str:
    """Reduce a token to the form the word list knows: ``#`` for a number, ``+%`` and ``-%`` for a signed move."""
    first = token[0]
    if first.isdigit():
        return _NUMBER
    if first in "+-":
        return first + "%"
    if token.endswith("'s"):
        return token[:-2]
    return "^link" if token.startswith("http") else token


def _fits(pattern: str, token: str) -> bool:
    return token.startswith(pattern[:-1]) if pattern.endswith("*") else token == pattern


def _contributions(read: list[Word]) -> list[tuple[int, float]]:
    """Weigh every direction and tone of a text, sentence by sentence."""
    weighed: list[tuple[int, float]] = []
    start = 0
    for end in [p + 1 for p, word in enumerate(read) if word.role in _SENTENCE_ENDS] + [len(read)]:
        if end > start:
            weighed += [(start + place, weight) for place, weight in _of_sentence(read[start:end])]
        start = end
    return weighed


def _of_sentence(read: list[Word]) -> list[tuple[int, float]]:
    """Weigh every direction and tone of a sentence in its surroundings."""
    found: list[tuple[int, float]] = []
    used: set[int] = set()
    for position, word in enumerate(read):
        if word.role == "tone":
            found.append((position, word.weight))
        elif word.role == "direction":
            noun = _noun_of(read, position)
            sign = -1.0 if noun is not None and read[noun].role != "good" else 1.0
            if noun is not None:
                used.add(noun)
            found.append((position, sign * word.weight))
    found += [(p, _BAD_NOUN_ALONE) for p, word in enumerate(read) if word.role == "bad" and p not in used]
    if not found:
        return found
    scale = _QUESTION if read[-1].role == "question" else 1.0
    if any(word.role == "rest" for word in read):
        scale *= _AT_REST
    turn = max((p for p, word in enumerate(read) if word.role == "turn"), default=-1)
    first = min(position for position, _ in found)
    reason = next((p for p in range(first, len(read)) if read[p].role == "reason"), None)
    weighed = []
    for position, weight in found:
        weight *= scale * _degree(read, position)
        if reason is not None and position > reason:
            weight *= _REASON
        if position < turn or _conceded(read, position):
            weight *= _CONCEDED
        weighed.append((position, weight))
    return weighed


def _noun_of(read: list[Word], position: int) -> int | None:
    """Find the noun a direction moves: the subject before it, or else the object after it, in the same clause."""
    candidates: list[int] = []
    for step in (-1, 1):
        for distance in range(1, _REACH + 1):
            place = position + step * distance
            if not 0 <= place < len(read) or read[place].role in _CLAUSE_ENDS:
                break
            if read[place].role in _NOUNS:
                candidates.append(place)
                break
    bad = [place for place in candidates if read[place].role != "good"]
    nearest = bad or candidates
    return nearest[0] if nearest else None


def _degree(read: list[Word], position: int) -> float:
    """Negation, intensity and hedging just before (and intensity just after) a word."""
    scale = 1.0
    for place in range(position - 1, max(-1, position - 1 - _NEGATION_REACH), -1):
        role = read[place].role
        if role in _CLAUSE_ENDS:
            break
        if role == "negation":
            scale *= _NEGATED
        elif role == "hedge":
            scale *= _HEDGED
        elif role == "intensifier":
            scale *= _INTENSE
    if position + 1 < len(read) and read[position + 1].role == "intensifier":
        scale *= _INTENSE
    return scale


def _conceded(read: list[Word], position: int) -> bool:
    return any(read[place].role == "concession" for place in range(max(0, position - 4), position))


_NOUNS = frozenset({"good", "bad", "inverse"})
_CLAUSE_ENDS = frozenset({"reason", "break", "stop", "question", "concession", "turn"})
_SENTENCE_ENDS = frozenset({"stop", "question"})
_Weighted = dict[float, str]
_EXTRAS: dict[Vocabulary, tuple[dict[str, tuple[str, float]], _Weighted, _Weighted]] = {
    Vocabulary.SHARES: (words.SHARE_PHRASES, {}, {}),
    Vocabulary.CURRENCIES: (words.CURRENCY_PHRASES, words.CURRENCY_POSITIVE, words.CURRENCY_NEGATIVE),
}


def _compile(
    vocabulary: Vocabulary,
) -> tuple[dict[str, Word], dict[str, Word], dict[str, list[tuple[tuple[str, ...], Word]]]]:
    """Turn the word lists into look-ups: exact words, stems, and phrases by the first letters of their first word."""
    extra_phrases, extra_positive, extra_negative = _EXTRAS[vocabulary]
    exact: dict[str, Word] = {}
    stems: dict[str, Word] = {}

    def put(entries: Iterable[str], word: Word) -> None:
        for entry in entries:
            if entry.endswith("*"):
                stems[entry[:-1]] = word
            else:
                exact[entry] = word

    put(["+%"], Word("direction", _SIGNED_MOVE))
    put(["-%"], Word("direction", -_SIGNED_MOVE))
    put(words.GOOD_NOUNS.split(), Word("good"))
    put(words.BAD_NOUNS.split(), Word("bad"))
    put(words.INVERSE_NOUNS.split(), Word("inverse"))
    for lists, role, sign in (
        ((words.UP,), "direction", 1.0),
        ((words.DOWN,), "direction", -1.0),
        ((words.POSITIVE, extra_positive), "tone", 1.0),
        ((words.NEGATIVE, extra_negative), "tone", -1.0),
    ):
        for weighted in lists:
            for weight, entries in weighted.items():
                put(entries.split(), Word(role, sign * weight))
    for entries, role in (
        (words.INTENSIFIERS, "intensifier"),
        (words.HEDGES, "hedge"),
        (words.NEGATIONS, "negation"),
        (words.CONCESSIONS, "concession"),
        (words.REASONS, "reason"),
        (words.BREAKS, "break"),
        (words.STOPS, "stop"),
        (words.TURNS, "turn"),
        (words.REST, "rest"),
        ("?", "question"),
    ):
        put(entries.split(), Word(role))
    phrases: dict[str, list[tuple[tuple[str, ...], Word]]] = {}
    for text, (role, weight) in {**words.PHRASES, **extra_phrases}.items():
        phrase = tuple(text.split())
        word = Word(role, weight)
        phrases.setdefault(phrase[0].rstrip("*")[:3], []).append((phrase, word))
    for group in phrases.values():
        group.sort(key=lambda entry: len(entry[0]), reverse=True)
    return exact, stems, phrases
