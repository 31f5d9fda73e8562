"""A benchmark made of the bars themselves, for those who have none."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from finq_predictor.adapters.sources.own_file import OwnFileSource
from finq_predictor.domain.columns import ADJ_CLOSE
from finq_predictor.domain.ingestion.bars import clean_bars
from finq_predictor.domain.ingestion.mean_index import mean_index
from finq_predictor.domain.ingestion.rules import CleaningRules, ReadingRules, Rules
from finq_predictor.domain.market.markets import get_market


class MeanOfBarsSource:
    """Delivers the mean of the shares in a file of bars as their benchmark, or a file where one is given.

    Args:
        bars: File of the bars.
        market: Name of the market that they are of.
        reading: How the file is read, as ``ingestion.reading`` of the parameters.
        filepath: File of a real benchmark; None takes the mean.
        parameter: The run parameter that gives the file, for messages.
    """

    simulated = False

    def __init__(
        self,
        bars: str | Path,
        market: str,
        reading: Mapping[str, Any] | None = None,
        filepath: str | Path | None = None,
        parameter: str = "benchmark",
    ) -> None:
        self._bars = OwnFileSource(bars, "bars", required=True)
        self._rules = Rules(get_market(market), ReadingRules(**(reading or {})), CleaningRules())
        given = OwnFileSource(filepath, "benchmark", parameter)
        self._given = None if given.source_id == "none" else given

    @property
    def source_id(self) -> str:
        """That of the given file, or of the bars with what was made of them."""
        return f"mean-of-{self._bars.source_id}" if self._given is None else self._given.source_id

    def read(self) -> pd.DataFrame:
        """The benchmark.

        Raises:
            SourceError: If a file cannot be read.
            MappingError: If the columns of the bars are not recognised.
        """
        if self._given is not None:
            return self._given.read()
        silver = clean_bars(self._bars.read(), self._rules).silver
        return mean_index(silver if ADJ_CLOSE in silver else silver.assign(**{ADJ_CLOSE: silver["close"]}))
