"""What every scorer of financial text promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import pandas as pd

TONE = "tone"
CONFIDENCE = "confidence"
SCORER = "scorer"

NEUTRAL_BAND = 0.2
"""A tone nearer to zero than this reads as neutral when three classes are asked for."""


class Scorer(ABC):
    """Reads texts and says how good the news is for the instrument they are about."""

    name: ClassVar[str]

    @abstractmethod
    def score(self, texts: Sequence[str]) -> pd.DataFrame:
        """Score texts one by one; a text never influences the score of another.

        Args:
            texts: N texts, headlines or whole articles; empty strings are allowed.

        Returns:
            N rows in the order given: ``tone`` in [-1, 1] (bad to good news) and ``confidence`` in [0, 1].
            A row that this scorer cannot read is NaN in both, and the next rung of the ladder answers it.
        """


def to_classes(tone: np.ndarray, band: float = NEUTRAL_BAND) -> np.ndarray:
    """Turn tones into the three classes that labelled corpora use.

    Args:
        tone: N tones in [-1, 1]; NaN reads as neutral.
        band: Tones strictly nearer to zero than this are neutral.

    Returns:
        N strings: ``"positive"``, ``"neutral"`` or ``"negative"``.
    """
    return np.select([tone >= band, tone <= -band], ["positive", "negative"], default="neutral")
