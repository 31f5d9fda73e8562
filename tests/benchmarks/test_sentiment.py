"""Sentences per second: ours beside a plain loop over a word list, and beside VADER's own word list where it is."""

from __future__ import annotations

import gzip
import re
from time import perf_counter

import pytest

from finq_predictor.domain.sentiment.scorers.lexicon import LexiconScorer

HEADLINES = [
    "Acme beats estimates as cloud revenue jumps 24%",
    "Shares of Acme fall after the company cuts its full-year guidance",
    "Net loss widens to $12 million on higher costs",
    "Acme appoints a new chief financial officer",
    "Dollar little changed ahead of the central bank's decision",
    "Unemployment rises to a three-year high, dampening hopes of a recovery",
    "Analysts downgrade Acme, citing weak demand in Europe",
    "Will the rally in small caps continue?",
] * 2_500
WORD = re.compile(r"[a-z']+")


def per_second(score):
    best = float("inf")
    for _ in range(3):
        start = perf_counter()
        score(HEADLINES)
        best = min(best, perf_counter() - start)
    return len(HEADLINES) / best


def token_sum(weights):
    """The peer: a sum of word weights, without phrases, nouns, negation or degree."""
    return lambda texts: [sum(weights.get(word, 0.0) for word in WORD.findall(text.lower())) for text in texts]


def small_list():
    return {"beats": 1.0, "jumps": 1.0, "fall": -1.0, "cuts": -1.0, "loss": -1.0, "weak": -1.0, "rally": 1.0}


def test_sentences_per_second():
    ours = per_second(LexiconScorer().score)
    peer = per_second(token_sum(small_list()))
    print(f"\nsentences per second: lexicon scorer {ours:,.0f}; plain token loop {peer:,.0f}")


def test_sentences_per_second_beside_vaders_words(shared_data):
    path = shared_data / "lexicon" / "vader_lexicon.txt.gz"
    if not path.is_file():
        pytest.skip("VADER's word list is not there")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        weights = {line.split("\t")[0]: float(line.split("\t")[1]) for line in lines}
    ours, vader = per_second(LexiconScorer().score), per_second(token_sum(weights))
    print(f"\nsentences per second: lexicon scorer {ours:,.0f}; sum of VADER's words {vader:,.0f}")
