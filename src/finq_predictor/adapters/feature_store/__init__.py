"""Features at hand: packed rows of the newest bars beside gold, which holds all of the past."""

from finq_predictor.adapters.feature_store.reading import FeatureStore, Online

__all__ = ["FeatureStore", "Online"]
