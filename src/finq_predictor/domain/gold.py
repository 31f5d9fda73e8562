"""Gold, the table of features and labels, and who computes it: this process, or something that has more hands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import pandas as pd

from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.features import FeatureSet, compute_features
from finq_predictor.domain.labels import make_labels
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.panel import Panel
from finq_predictor.domain.tables.stored import StoredTable


@dataclass(frozen=True)
class Wanted:
    """What gold is to hold.

    Attributes:
        market: The market.
        feature_set: Which features, in which order.
        horizons: Bars from entry to exit, one label each.
        min_known_share: Features known on a smaller share of the rows are left out.
        threads: How many compute at once in one process; the values do not depend on it.
    """

    market: Market
    feature_set: FeatureSet
    horizons: tuple[int, ...]
    min_known_share: float
    threads: int = 2

    def sparse(self, known: dict[str, int], rows: int) -> tuple[str, ...]:
        """The features that are left out.

        Args:
            known: On how many rows each feature is known; of all features, or of some.
            rows: Rows of gold.
        """
        return tuple(name for name in known if rows and known[name] / rows < self.min_known_share)


@dataclass(frozen=True)
class Gold:
    """What an engine made.

    Attributes:
        table: ``ts, instrument``, the features in order as float32, then return, label and label end per horizon;
            sorted by ts and instrument. A frame, or what stands for files that hold the same.
        left_out: The features that are known too seldom, which the table does not have.
    """

    table: pd.DataFrame | StoredTable
    left_out: tuple[str, ...]


class Engine(Protocol):
    """Computes gold. Whichever does it, the values are the same, bit by bit."""

    def compute(self, panel: Panel, wanted: Wanted) -> Gold:
        """Compute features and labels of every bar.

        Args:
            panel: Bars and what was known beside them.
            wanted: What gold is to hold.
        """


class InProcess:
    """Computes in this process, into one frame."""

    def compute(self, panel: Panel, wanted: Wanted) -> Gold:
        """See :meth:`Engine.compute`."""
        # Half of the memory: models read features as float32, here as in the service.
        features = compute_features(panel, wanted.feature_set, dtype="float32", threads=wanted.threads)
        known = {name: int(features[name].notna().sum()) for name in wanted.feature_set.names}
        left_out = wanted.sparse(known, len(features))
        if left_out:
            kept = (name for name in wanted.feature_set.names if name not in set(left_out))
            features = features[[TS, INSTRUMENT, *kept]]
        labels = make_labels(panel, wanted.market, wanted.horizons)
        # Both have a row for the universe of each bar, in the same order.
        return Gold(pd.concat([features, labels.drop(columns=[TS, INSTRUMENT])], axis=1), left_out)
