"""A model fitted by several machines, each on its part of gold; what comes back is the model that one machine makes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from finq_predictor.adapters.spark.session import SparkSettings, progress, session
from finq_predictor.domain.columns import INSTRUMENT, TS, label, label_end
from finq_predictor.domain.errors import ConfigurationError, DataError
from finq_predictor.domain.modelling.models import Model


@dataclass(frozen=True)
class Window:
    """The rows that a fold is trained on.

    Attributes:
        until: Last bar.
        known_until: Latest time at which a label is known.
    """

    until: pd.Timestamp
    known_until: pd.Timestamp

    @classmethod
    def of_fold(cls, gap: pd.Series) -> Window:
        """That of a line of the table of folds, see :func:`~finq_predictor.domain.modelling.splits.fold_masks`."""
        return cls(pd.Timestamp(gap["train_end"]), pd.Timestamp(gap["label_end_max"]))


def fit_on_spark(
    model: Model,
    gold: Path,
    features: Sequence[str],
    horizon: int,
    window: Window | None = None,
    *,
    seed: int,
    workers: int,
    settings: SparkSettings | None = None,
) -> Model:
    """Fit a model on rows of gold that no machine has to hold at once.

    Args:
        model: Unfitted; with one worker its fit is that of one machine.
        gold: The file of gold, or the folder of its parts, which every worker sees under the same path.
        features: Columns in order.
        horizon: Bars of the label.
        window: The training rows of a fold; None is every row whose label is known.
        seed: Seed of everything random in the fit.
        workers: How many fit together; as many tasks have to run at once.
        settings: Where and with how much Spark computes.

    Returns:
        A fitted model of the same kind, that predicts, is stored and is served as any other.

    Raises:
        ConfigurationError: If the model is fitted by one machine only, there is no Spark, or there is no worker.
        DataError: If no row of the window has a label, or all have the same.
    """
    if workers < 1:
        raise ConfigurationError(f"{workers} workers fit nothing; give 1 or more.")
    target = label(horizon)
    learner = model.on_cluster(features, target, seed=seed, workers=workers)
    made = session(settings or SparkSettings())
    rows = _labelled(made, gold, features, horizon, window)
    counted = rows.groupBy(TS, target).count().toArrow().to_pandas()
    classes = sorted(counted[target].unique().tolist())
    if classes != [0.0, 1.0]:
        raise DataError(
            f"The training rows of {gold} have the labels {classes}; expected 0 and 1, both. Take a longer window."
        )
    if (bars := counted[TS].nunique()) < workers:
        raise DataError(f"The training rows of {gold} are of {bars} bars, too few for {workers} workers.")
    with progress(made.sparkContext, f"training of {model.name} with {workers} workers"):
        fitted = learner.estimator.fit(_dealt(rows, _cuts(counted.groupby(TS)["count"].sum(), workers)))
    state = {"params": model.params, "features": list(features), "learned": learner.learned(fitted)}
    return type(model).from_state(state)


def _labelled(made: Any, gold: Path, features: Sequence[str], horizon: int, window: Window | None) -> Any:
    from pyspark.sql import functions as of

    known = label_end(horizon)
    rows = made.read.parquet(gold.resolve().as_uri())
    rows = rows.where(of.col(label(horizon)).isNotNull() & of.col(known).isNotNull())
    if window is not None:
        rows = rows.where((of.col(TS) <= of.lit(window.until)) & (of.col(known) <= of.lit(window.known_until)))
    return rows.select(TS, INSTRUMENT, *features, label(horizon))


def _cuts(rows: pd.Series, workers: int) -> list[pd.Timestamp]:
    """First bar of each worker but the first one, so that all get about as many rows."""
    before = rows.sort_index().cumsum().shift(1, fill_value=0)
    places: list[int] = []
    for number in range(1, workers):
        nearest = int(before.searchsorted(rows.sum() * number / workers))
        # One bar at least for each, also where one bar has most of the rows.
        first = places[-1] + 1 if places else 1
        places.append(min(max(nearest, first), len(before) - workers + number))
    return [pd.Timestamp(before.index[place]) for place in places]


def _dealt(rows: Any, cuts: Sequence[pd.Timestamp]) -> Any:
    """Each worker gets a stretch of time, its rows in the order of gold: the same rows in the same order every time.

    Spark would cut by samples that it draws anew every time, and every fit would be another one.
    """
    from pyspark.sql import functions as of

    part = of.lit(0)
    for cut in cuts:
        part = part + (of.col(TS) >= of.lit(cut)).cast("int")
    dealt = rows.withColumn("_part", part).repartitionById(len(cuts) + 1, "_part")
    return dealt.sortWithinPartitions(TS, INSTRUMENT).drop("_part", TS, INSTRUMENT)
