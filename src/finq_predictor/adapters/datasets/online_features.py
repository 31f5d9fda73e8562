"""The newest bars of features, brought into the store that the service asks."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.io import AbstractDataset

from finq_predictor.adapters.feature_store.marks import data_mark
from finq_predictor.adapters.feature_store.materialising import materialise
from finq_predictor.adapters.feature_store.opening import open_store
from finq_predictor.adapters.feature_store.reading import standing_of
from finq_predictor.adapters.feature_store.stored import Standing
from finq_predictor.adapters.snapshots import writer
from finq_predictor.domain.errors import StoreError
from finq_predictor.domain.features.views import LatestFeatures
from finq_predictor.domain.market.markets import MARKETS

logger = logging.getLogger(__name__)


class OnlineFeaturesDataset(AbstractDataset[LatestFeatures, Standing]):
    """Saving brings the online store up to the newest bars; loading says what it holds.

    What is held can be computed again at any time, so that a store which does not answer fails no run: the service
    computes until the next one.

    Args:
        root: Folder of the data.
        market: Name of the market.
        metadata: For other tools, such as kedro-viz.
    """

    def __init__(self, *, root: str, market: str, metadata: dict[str, Any] | None = None) -> None:
        self._root, self._market = Path(root), market
        self.metadata = metadata

    def save(self, data: LatestFeatures) -> None:
        """Write what is not there as it should be.

        Raises:
            ConfigurationError: If the address of the store is none.
        """
        store = open_store(self._root)
        try:
            mark = data_mark(writer.view(self._root, self._market), MARKETS[self._market])
            logger.info("%s", materialise(store, data, mark, pd.Timestamp.now("UTC")))
        except StoreError as error:
            logger.error("Features of %s are not kept at hand: %s", self._market, error)
        finally:
            store.close()

    def load(self) -> Standing:
        """What is held.

        Raises:
            StoreError: If nothing is, or the store does not answer.
        """
        store = open_store(self._root)
        try:
            return standing_of(store, self._market)
        finally:
            store.close()

    def _exists(self) -> bool:
        try:
            self.load()
        except StoreError:
            return False
        return True

    def _describe(self) -> dict[str, Any]:
        return {"root": self._root.as_posix(), "market": self._market}
