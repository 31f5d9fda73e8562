"""Point-in-time features: a registry, one file per family, one way to compute them."""

from finq_predictor.domain.features._registry import REGISTRY, FeatureSet, FeatureSpec, feature
from finq_predictor.domain.features.engine import (
    FAMILIES,
    compute_features,
    left_out_features,
    make_feature_set,
    select_features,
)

__all__ = [
    "FAMILIES",
    "REGISTRY",
    "FeatureSet",
    "FeatureSpec",
    "compute_features",
    "feature",
    "left_out_features",
    "make_feature_set",
    "select_features",
]
