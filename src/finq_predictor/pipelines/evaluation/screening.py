"""What each feature is worth alone: measured before the sealed window, drawn, and put beside the results."""

from __future__ import annotations

import pandas as pd

from finq_predictor.domain.columns import INSTRUMENT, SECTOR, TS
from finq_predictor.domain.evaluation.feature_validation.validating import Validation
from finq_predictor.domain.evaluation.feature_validation.validating import validate_features as validate
from finq_predictor.domain.features import FeatureSet
from finq_predictor.domain.features.sets import SETS, members_of
from finq_predictor.domain.market.markets import Market
from finq_predictor.domain.modelling.splits import sealed_from
from finq_predictor.pipelines.evaluation.params import EvaluationParams
from finq_predictor.reports.evaluation.feature_pictures import FEATURE_PICTURES
from finq_predictor.reports.figures import Figure, Picture, Pictures, to_png

FOLLOWING = ("forward_return_", "label_end_")
"""How the columns of gold begin that say what followed."""


def validate_features(
    gold: pd.DataFrame,
    feature_set: FeatureSet,
    folds: pd.DataFrame,
    silver_bars: pd.DataFrame,
    params: EvaluationParams,
    *,
    market: Market,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Measure what each feature is worth alone, without a look at the sealed window.

    Args:
        gold: Gold frame.
        feature_set: The features.
        folds: Gap table; it says where the sealed window begins.
        silver_bars: Bars, for the sector of each instrument.
        params: Parameters of the evaluation.
        market: The market.

    Returns:
        ``feature_validation``, ``feature_sets``, ``feature_stability``, ``feature_correlations``; without rows where
        the parameters leave it out.
    """
    if not params.screening.enabled:
        found = Validation.empty()
    else:
        found = validate(
            gold,
            feature_set.names,
            market,
            sealed_from=sealed_from(folds),
            sectors=silver_bars[[TS, INSTRUMENT, SECTOR]] if SECTOR in silver_bars.columns else None,
            sets=sets_of(feature_set),
            threads=params.screening.threads,
        )
    return found.features, found.sets, found.stability, found.correlations


def sets_of(feature_set: FeatureSet) -> dict[str, tuple[str, ...]]:
    """Sets of features by name: the families, and the sets of the product of which some are here but not all."""
    specs = feature_set.specs()
    families = dict.fromkeys(spec.family for spec in specs)
    found = {family: tuple(spec.name for spec in specs if spec.family == family) for family in families}
    for name in SETS:
        members = members_of(name)
        some = tuple(spec.name for spec in specs if spec in members)
        if name not in found and 0 < len(some) < len(specs):
            found[name] = some
    return found


def gather_features(
    feature_validation: pd.DataFrame,
    feature_sets: pd.DataFrame,
    feature_stability: pd.DataFrame,
    feature_correlations: pd.DataFrame,
) -> Validation:
    """Put all that was found about the features side by side."""
    return Validation(feature_validation, feature_sets, feature_stability, feature_correlations)


def validate_models(
    oos_predictions: pd.DataFrame,
    gold: pd.DataFrame,
    folds: pd.DataFrame,
    silver_bars: pd.DataFrame,
    params: EvaluationParams,
    *,
    market: Market,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measure what the models say as features are measured: over every horizon, by age, year and sector.

    A model is trained for one horizon; what it says may hold for another as well, or be old after a day.

    Args:
        oos_predictions: What each model said of rows that it had not seen.
        gold: Gold frame, for the outcomes over every horizon.
        folds: Gap table; it says where the sealed window begins.
        silver_bars: Bars, for the sector of each instrument.
        params: Parameters of the evaluation.
        market: The market.

    Returns:
        ``model_validation`` and ``model_stability``, with the columns of those of the features; without rows where the
        parameters leave it out.
    """
    if not params.screening.enabled:
        nothing = Validation.empty()
        return nothing.features, nothing.stability
    said = oos_predictions.pivot(index=[TS, INSTRUMENT], columns="model", values="probability")
    outcomes = gold.columns[[name.startswith(FOLLOWING) for name in map(str, gold.columns)]]
    frame = gold[[TS, INSTRUMENT, *outcomes]].merge(said.reset_index(), on=[TS, INSTRUMENT], how="inner")
    found = validate(
        frame,
        [str(name) for name in said.columns],
        market,
        sealed_from=sealed_from(folds),
        sectors=silver_bars[[TS, INSTRUMENT, SECTOR]] if SECTOR in silver_bars.columns else None,
        threads=params.screening.threads,
    )
    return found.features, found.stability


def draw_features(validated_features: Validation, *, market: Market) -> dict[str, Figure | Pictures]:
    """Draw every picture of the features once.

    Returns:
        ``plot_<name>`` -> matplotlib figure for the catalog, and ``feature_images``: the same for the report.
    """
    figures = {name: draw(validated_features, market) for name, draw in FEATURE_PICTURES.items()}
    images = tuple(Picture(name, to_png(figure)) for name, figure in figures.items())
    return {**{f"plot_{name}": figure for name, figure in figures.items()}, "feature_images": images}
