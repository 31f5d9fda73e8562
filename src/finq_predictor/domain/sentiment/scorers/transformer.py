"""A scorer that runs a sequence classifier from a local folder, such as FinBERT's; needs the ``text`` extra."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from finq_predictor.domain.errors import ScorerUnavailableError
from finq_predictor.domain.market.markets import Vocabulary
from finq_predictor.domain.sentiment.scorers.base import CONFIDENCE, TONE, Scorer

_GOOD, _BAD = ("pos", "bull"), ("neg", "bear")


class TransformerScorer(Scorer):
    """Scores texts with a local encoder whose labels say positive and negative (or bullish and bearish).

    Nothing is ever downloaded. Source of the idea: Araci (2019), FinBERT.

    Args:
        vocabulary: Accepted for all scorers; a classifier has one reading of a text.
        path: Folder with the model's config, weights and tokenizer.
        batch_size: Texts per forward pass.
        max_tokens: Tokens of a text that are read.

    Raises:
        ScorerUnavailableError: If transformers is not installed, the folder holds no such model, or its labels do
            not say which is good and which is bad.
    """

    name: ClassVar[str] = "transformer"

    def __init__(
        self,
        vocabulary: Vocabulary = Vocabulary.SHARES,  # noqa: ARG002 - every scorer takes it
        path: str = "",
        batch_size: int = 32,
        max_tokens: int = 128,
    ) -> None:
        if not path:
            raise ScorerUnavailableError("no folder was given; set scorer_options.transformer.path")
        try:
            from transformers import (  # type: ignore[import-not-found, unused-ignore]
                AutoModelForSequenceClassification,
                AutoTokenizer,
            )
        except ImportError:
            raise ScorerUnavailableError("transformers is not installed; pip install 'finq-predictor[text]'") from None
        # Of a folder: nothing is fetched, so there is no revision to name.
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)  # nosec B615
            self._model = AutoModelForSequenceClassification.from_pretrained(path, local_files_only=True).eval()  # nosec B615
        except (OSError, ValueError) as error:
            raise ScorerUnavailableError(f"no usable model in {path!r}: {error}") from error
        self._signs = label_signs(self._model.config.id2label)
        self._batch_size, self._max_tokens = batch_size, max_tokens

    def score(self, texts: Sequence[str]) -> pd.DataFrame:
        """Score texts; see ``Scorer.score``. Tone is P(good) - P(bad), confidence 1 - relative entropy."""
        probabilities = np.empty((len(texts), len(self._signs)))
        by_length = sorted(range(len(texts)), key=lambda row: len(texts[row]))
        for start in range(0, len(by_length), self._batch_size):
            rows = by_length[start : start + self._batch_size]
            probabilities[rows] = self._probabilities([texts[row] for row in rows])
        tone = np.clip(probabilities @ self._signs, -1.0, 1.0)
        entropy = -np.sum(probabilities * np.log(np.maximum(probabilities, 1e-12)), axis=1)
        confidence = np.clip(1.0 - entropy / np.log(len(self._signs)), 0.0, 1.0)
        return pd.DataFrame({TONE: tone, CONFIDENCE: confidence})

    def _probabilities(self, texts: list[str]) -> Any:
        import torch  # type: ignore[import-not-found, unused-ignore]

        inputs = self._tokenizer(texts, padding=True, truncation=True, max_length=self._max_tokens, return_tensors="pt")
        with torch.inference_mode():
            logits = self._model(**inputs).logits.double()
        return torch.softmax(logits, dim=-1).numpy()


def label_signs(labels: Mapping[int, str]) -> np.ndarray:
    """Return +1, -1 or 0 for each label of a classifier, by its name.

    Raises:
        ScorerUnavailableError: If no label is good or none is bad.
    """
    names = [labels[key].lower() for key in sorted(labels)]
    signs = np.array([name.startswith(_GOOD) * 1.0 - name.startswith(_BAD) * 1.0 for name in names])
    if 1.0 not in signs or -1.0 not in signs:
        raise ScorerUnavailableError(f"its labels {names} do not say which is positive and which negative")
    return signs
