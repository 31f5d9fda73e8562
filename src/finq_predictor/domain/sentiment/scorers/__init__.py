"""The ladder of sentiment scorers: better ones first, and the next lower one answers where one cannot.

Adding a scorer is one file and one line in ``SCORERS``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.domain.errors import ConfigurationError, ScorerUnavailableError
from finq_predictor.domain.market.markets import Vocabulary
from finq_predictor.domain.registry import Registry
from finq_predictor.domain.sentiment.scorers.base import CONFIDENCE, SCORER, TONE, Scorer

SCORERS: Registry[Callable[..., Scorer]] = Registry(
    "scorer",
    lazy={"lexicon": f"{__name__}.lexicon:LexiconScorer", "transformer": f"{__name__}.transformer:TransformerScorer"},
)


@dataclass(frozen=True)
class Fallback:
    """A rung of the ladder that could not answer.

    Attributes:
        scorer: Name of the rung.
        rows: Texts it passed down.
        reason: Why, in one sentence.
    """

    scorer: str
    rows: int
    reason: str


@dataclass(frozen=True)
class LadderResult:
    """Scores with, for every row, the rung that gave it.

    Attributes:
        scores: ``tone``, ``confidence`` and ``scorer``, one row per text in the order given.
        fallbacks: The rungs that could not answer all they were asked, top first.
    """

    scores: pd.DataFrame
    fallbacks: tuple[Fallback, ...]


def create_scorer(name: str, vocabulary: Vocabulary, options: Mapping[str, Any] | None = None) -> Scorer:
    """Make a scorer by name.

    Args:
        name: A key of ``SCORERS``.
        vocabulary: Whose news it is; the same words can mean opposite things for a share and a currency.
        options: Further keyword arguments of the scorer.

    Raises:
        UnknownNameError: If there is no such scorer.
        ScorerUnavailableError: If its library or weights are absent.
    """
    return SCORERS[name](vocabulary=vocabulary, **(options or {}))


def score_with_ladder(
    texts: Sequence[str],
    order: Sequence[str],
    vocabulary: Vocabulary,
    options: Mapping[str, Mapping[str, Any]] | None = None,
) -> LadderResult:
    """Score texts with the first rung that can, row by row.

    Args:
        texts: N texts.
        order: Names of scorers, best first.
        vocabulary: Whose news it is.
        options: Keyword arguments per scorer name.

    Returns:
        One score per text and the rungs that passed rows down.

    Raises:
        ConfigurationError: If ``order`` is empty, or no rung could score some text.
        UnknownNameError: If ``order`` names a scorer that does not exist.
    """
    if not order:
        raise ConfigurationError("The order of scorers is empty; name at least one, such as [lexicon].")
    SCORERS.require(*order)
    tone, confidence = np.full(len(texts), np.nan), np.full(len(texts), np.nan)
    given_by = np.full(len(texts), "", dtype=object)
    fallbacks: list[Fallback] = []
    open_rows = np.arange(len(texts))
    for name in order:
        if len(open_rows) == 0:
            break
        asked = [texts[row] for row in open_rows.tolist()]
        try:
            answer = create_scorer(name, vocabulary, (options or {}).get(name)).score(asked)
            tones, sure = _checked(answer, len(asked))
        except Exception as error:  # the ladder exists for whatever a model, library or weight file can throw
            fallbacks.append(Fallback(name, len(asked), _reason(error)))
            continue
        done = np.isfinite(tones) & np.isfinite(sure)
        rows = open_rows[done]
        tone[rows], confidence[rows], given_by[rows] = tones[done], sure[done], name
        open_rows = open_rows[~done]
        if len(open_rows):
            fallbacks.append(Fallback(name, len(open_rows), "it gave no score for these texts"))
    if len(open_rows):
        tried = "; ".join(f"{failed.scorer}: {failed.reason}" for failed in fallbacks)
        raise ConfigurationError(
            f"No scorer of {list(order)} could score {len(open_rows)} of {len(texts)} texts ({tried}). "
            "End the order with 'lexicon', which needs nothing."
        )
    scores = pd.DataFrame({TONE: tone, CONFIDENCE: confidence, SCORER: pd.Series(given_by, dtype="str")})
    return LadderResult(scores, tuple(fallbacks))


def _checked(answer: pd.DataFrame, expected: int) -> tuple[np.ndarray, np.ndarray]:
    if len(answer) != expected:
        raise ValueError(f"it returned {len(answer)} rows for {expected} texts")
    tones = answer[TONE].to_numpy(dtype="float64", copy=True)
    sure = answer[CONFIDENCE].to_numpy(dtype="float64", copy=True)
    bad = (np.abs(tones) > 1) | (sure < 0) | (sure > 1)
    if bad.any():
        raise ValueError(f"{int(bad.sum())} of its scores lie outside tone [-1, 1] or confidence [0, 1]")
    return tones, sure


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if isinstance(error, ScorerUnavailableError) else f"{type(error).__name__}: {text}"


__all__ = [
    "CONFIDENCE",
    "SCORER",
    "SCORERS",
    "TONE",
    "Fallback",
    "LadderResult",
    "Scorer",
    "ScorerUnavailableError",
    "create_scorer",
    "score_with_ladder",
]
