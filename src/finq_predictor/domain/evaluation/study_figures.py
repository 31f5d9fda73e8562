"""What a study found, as one table: every figure of every model by horizon, seed and path, and how far they spread."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd

from finq_predictor.domain.evaluation.mean_test import label_days
from finq_predictor.domain.evaluation.scorecard import scorecard
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.tables.training import STUDY

OF_A_RUN = ["market", "protocol", "horizon", "seed", "path", "model"]
_SAID = ["label", "forward_return", "score", "probability"]


def figures_of(
    predictions: pd.DataFrame,
    *,
    market: Market,
    protocol: str,
    horizon: int,
    n_resamples: int,
    seed: int = 0,
) -> pd.DataFrame:
    """Measure every model, seed and path of one horizon.

    Args:
        predictions: ``seed, path, model, ts, instrument, label, forward_return, score, probability, base_rate``; the
            base rate is what was known beforehand. Hours in which the market is not traded are not judged.
        market: The market.
        protocol: How rows were divided.
        horizon: Bars over which a label reaches.
        n_resamples: Resamples behind each interval.
        seed: Of the resampling.

    Returns:
        Rows of the table ``study``.
    """
    known = predictions.dropna(subset=_SAID)
    known = known[~market.is_masked(known["ts"])]
    cards = []
    for (own, path, model), rows in known.groupby(["seed", "path", "model"], sort=True):
        card = scorecard(
            rows,
            rows["base_rate"].to_numpy(float),
            min_block=2.0 * label_days(horizon, market),
            n_resamples=n_resamples,
            seed=seed,
        )
        cards.append(
            card.assign(market=market.name, protocol=protocol, horizon=horizon, seed=own, path=path, model=model)
        )
    return STUDY.typed(pd.concat(cards, ignore_index=True)[list(STUDY.names)]) if cards else STUDY.empty()


def spread_of(study: pd.DataFrame, metrics: Iterable[str]) -> pd.DataFrame:
    """Mean and spread of each model over its seeds and paths.

    Args:
        study: The table ``study``.
        metrics: Which figures.

    Returns:
        ``horizon, model, metric, mean, spread, low, high, runs``: the standard deviation over seeds and paths, NaN with
        one; the smallest and largest of them; ordered by horizon and the mean of the first metric.
    """
    wanted = list(metrics)
    chosen = study[study["metric"].isin(wanted)]
    grouped = chosen.groupby(["horizon", "model", "metric"], sort=True)["value"]
    found = grouped.agg(mean="mean", low="min", high="max", runs="count").reset_index()
    spread = grouped.apply(lambda values: float(np.std(values, ddof=1)) if values.count() > 1 else np.nan)
    found.insert(4, "spread", spread.to_numpy(float))
    order = found[found["metric"] == wanted[0]].set_index(["horizon", "model"])["mean"]
    keys = pd.MultiIndex.from_frame(found[["horizon", "model"]])
    place = order.reindex(keys).to_numpy()
    return (
        found.assign(place=-place)
        .sort_values(["horizon", "place", "model", "metric"], kind="stable", ignore_index=True)
        .drop(columns="place")
    )
