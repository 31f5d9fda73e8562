"""Where a better scorer cannot answer, the next lower one does, and every row says which did."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.errors import ConfigurationError, UnknownNameError
from finq_predictor.domain.market.markets import Vocabulary
from finq_predictor.domain.sentiment.scorers import SCORERS, Scorer, create_scorer, score_with_ladder

TEXTS = ["Acme profit rises", "Acme profit falls"]


class Broken(Scorer):
    name = "broken"

    def __init__(self, vocabulary: str) -> None:
        self.vocabulary = vocabulary

    def score(self, texts):
        raise RuntimeError("out of memory")


class Picky(Broken):
    name = "picky"

    def score(self, texts):
        read = np.array(["rises" in text for text in texts])
        return pd.DataFrame({"tone": np.where(read, 0.9, np.nan), "confidence": np.where(read, 1.0, np.nan)})


class Wild(Broken):
    name = "wild"

    def score(self, texts):
        return pd.DataFrame({"tone": [7.0] * len(texts), "confidence": [1.0] * len(texts)})


class Short(Broken):
    name = "short"

    def score(self, texts):
        return pd.DataFrame({"tone": [0.0], "confidence": [0.0]})


@pytest.fixture(autouse=True)
def more_scorers():
    with SCORERS.trial():
        for rung in (Broken, Picky, Wild, Short):
            SCORERS.add(rung.name, rung)
        yield


def test_the_first_rung_answers_when_it_can():
    result = score_with_ladder(TEXTS, ["lexicon", "broken"], Vocabulary.SHARES)
    assert result.scores["scorer"].tolist() == ["lexicon", "lexicon"]
    assert result.fallbacks == ()


@pytest.mark.parametrize(
    ("rung", "reason"),
    [
        ("broken", "RuntimeError: out of memory"),
        ("wild", "2 of its scores lie outside"),
        ("short", "1 rows for 2 texts"),
        ("transformer", "no folder was given"),
    ],
)
def test_a_failing_rung_passes_everything_down(rung, reason):
    result = score_with_ladder(TEXTS, [rung, "lexicon"], Vocabulary.SHARES)
    assert result.scores["scorer"].tolist() == ["lexicon", "lexicon"]
    (fallback,) = result.fallbacks
    assert (fallback.scorer, fallback.rows) == (rung, 2)
    assert reason in fallback.reason


def test_a_picky_rung_passes_single_rows_down():
    result = score_with_ladder(TEXTS, ["picky", "lexicon"], Vocabulary.SHARES)
    assert result.scores["scorer"].tolist() == ["picky", "lexicon"]
    assert result.scores["tone"].iloc[0] == 0.9
    assert result.scores["tone"].iloc[1] < 0
    assert result.fallbacks[0].rows == 1


def test_when_no_rung_can_the_error_says_what_each_said():
    with pytest.raises(ConfigurationError, match=r"broken: RuntimeError: out of memory.*lexicon"):
        score_with_ladder(TEXTS, ["broken"], Vocabulary.SHARES)


def test_no_rung_and_unknown_rung():
    with pytest.raises(ConfigurationError, match="empty"):
        score_with_ladder(TEXTS, [], Vocabulary.SHARES)
    with pytest.raises(UnknownNameError, match="Did you mean 'lexicon'"):
        score_with_ladder(TEXTS, ["lexikon"], Vocabulary.SHARES)
    with pytest.raises(UnknownNameError):
        create_scorer("gpt", Vocabulary.SHARES)


def test_no_texts_need_no_rung():
    result = score_with_ladder([], ["broken"], Vocabulary.SHARES)
    assert result.scores.dtypes.astype("str").to_dict() == {"tone": "float64", "confidence": "float64", "scorer": "str"}
