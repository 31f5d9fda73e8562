"""What every scorer of financial text promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import pandas as pd

TONE = "tone"
CONFIDENCE = "confidence"
SCORER = "scorer"


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
