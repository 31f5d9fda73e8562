"""Nodes of the features pipeline."""

from __future__ import annotations

import logging
from pathlib import Path

import pandas as pd

from finq_predictor.domain.errors import ConfigurationError, UnknownNameError
from finq_predictor.domain.features import (
    REGISTRY,
    FeatureSet,
    FeatureSpec,
    left_out_features,
    make_feature_set,
    select_features,
)
from finq_predictor.domain.features.views import LatestFeatures, latest_features
from finq_predictor.domain.gold import Engine, InProcess, Wanted
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.panel import Panel, build_panel, delivered
from finq_predictor.domain.tables.stored import StoredTable
from finq_predictor.pipelines.features.params import FeaturesParams

logger = logging.getLogger(__name__)


def assemble_panel(
    bars: pd.DataFrame,
    sentiment: pd.DataFrame,
    coverage: pd.DataFrame,
    macro: pd.DataFrame,
    benchmark: pd.DataFrame | None = None,
    membership: pd.DataFrame | None = None,
    *,
    market: Market,
) -> Panel:
    """Bring all that is known onto the bars, each value from when it was known.

    Args:
        bars: Silver bars.
        sentiment: Tone per bar; an empty table means that there is no news source.
        coverage: The bars for which it is known what was written.
        macro: Macro releases and revisions; may be empty.
        benchmark: The benchmark, where the market has one.
        membership: Who was in the index; an empty table means that there is no such source.
        market: The market.
    """
    others = delivered({"sentiment": sentiment, "coverage": coverage, "macro": macro})
    if membership is not None:
        others |= delivered({"membership": membership})
    return build_panel(bars, market, benchmark, **others)


def build_gold(
    panel: Panel, params: FeaturesParams, engine: Engine | None = None, *, market: Market
) -> tuple[FeatureSet, pd.DataFrame | StoredTable]:
    """Compute features and labels of every bar.

    Args:
        panel: Bars and what was known beside them.
        params: The set, families, exclusions, horizons.
        engine: Who computes; None is this process.
        market: The market.

    Returns:
        The feature set, and ``ts, instrument``, the features in its order as float32, then forward
        return, label and label end per horizon; sorted by ts and instrument. Rows whose label is not known yet stay.
    """
    specs = _chosen(panel, params, market)
    absent = left_out_features(market, panel.available, params.members())
    wanted = Wanted(
        market=market,
        feature_set=make_feature_set(specs),
        horizons=params.horizons or market.horizons,
        min_known_share=params.min_known_share,
        threads=params.threads,
    )
    gold = (engine or InProcess()).compute(panel, wanted)
    if gold.left_out:
        logger.warning(
            "%d features are known on less than %.0f %% of these rows and are left out: %s",
            len(gold.left_out),
            100 * params.min_known_share,
            sorted(gold.left_out),
        )
    specs = [spec for spec in specs if spec.name not in gold.left_out]
    feature_set = make_feature_set(specs, left_out=(*absent, *sorted(gold.left_out)))
    logger.info("%d features of %s, lookback %d bars", len(specs), market.name, feature_set.lookback)
    return feature_set, gold.table


def keep_at_hand(panel: Panel, feature_set: FeatureSet, params: FeaturesParams) -> LatestFeatures:
    """Compute the newest bars again as the service does, for the store that it asks first.

    Args:
        panel: Bars and what was known beside them.
        feature_set: The features of gold.
        params: How many bars.
    """
    return latest_features(panel, feature_set, params.online_bars, params.threads)


def _chosen(panel: Panel, params: FeaturesParams, market: Market) -> list[FeatureSpec]:
    families = None if params.families == "all" else params.families
    specs = select_features(market, panel.available, families, params.members())
    own = {Path(file).stem for file in params.own}
    if absent := sorted(own - {spec.file for spec in REGISTRY.values()}):
        raise ConfigurationError(
            f"features.own of {market.name} names {', '.join(absent)}, which nothing has loaded; a run of Kedro loads "
            "the files, other code calls finq_predictor.adapters.own_features.load_own_features."
        )
    specs = tuple(spec for spec in specs if spec.file is None or spec.file in own)
    names = {spec.name for spec in specs}
    for name in params.exclude:
        if name not in names:
            raise UnknownNameError("feature to exclude", name, names)
    return [spec for spec in specs if spec.name not in params.exclude]
