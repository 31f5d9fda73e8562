"""The choice of features, as a part of every fit: whatever is fitted is told only what its own rows speak for."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Positions
from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.evaluation.feature_validation.selection import SelectionRules, select_stable
from finq_predictor.domain.features import REGISTRY
from finq_predictor.domain.modelling.models import Model
from finq_predictor.pipelines.training.params import LookbackLimit, TrainingParams
from finq_predictor.pipelines.training.samples import Samples

logger = logging.getLogger(__name__)


def prepare() -> None:
    """Import and compile what a choice needs, on a window that is made up: whoever chooses on threads does it first."""
    ts = pd.date_range("2000-01-03", periods=4, tz="UTC").repeat(3)
    keys = pd.DataFrame({"ts": ts, "instrument": ["A", "B", "C"] * 4, "forward_return": np.arange(12.0) % 5})
    matrix = np.column_stack([np.arange(12) % 7, np.arange(12) % 3]).astype(np.float32)
    select_stable(matrix, keys, 1, SelectionRules(enabled=True))


def learned_frame(model: Model, samples: Samples, rows: Positions, params: TrainingParams) -> pd.DataFrame:
    """Features of the rows that a model is fitted on, without what these rows do not speak for.

    A feature that is not chosen is missing throughout: no tree splits on it, no weight is given to it, and whatever it
    is later adds nothing. The set of features that a model is saved with, and that the service computes, stays whole.

    Args:
        model: The model; a naive one reads what it is told to.
        samples: Rows of the market.
        rows: Positions of those that it is fitted on, labelled.
        params: Parameters of the training.
    """
    frame = samples.frame(rows)
    left_out = np.empty(0, dtype=np.intp)
    if params.lookback is not None and not (model.naive or model.states_odds):
        left_out = _too_long(samples, params.lookback)
    if params.selection.enabled and not model.naive:
        told = selected_features(samples, rows, params)
        left_out = np.union1d(left_out, np.setdiff1d(np.arange(len(samples.names)), told))
    if len(left_out):
        frame.iloc[:, left_out] = np.float32(np.nan)
    return frame


def _too_long(samples: Samples, lookback: LookbackLimit) -> Positions:
    """Positions of the features that look back too far for the horizon; a feature of nobody's is none of them."""
    if samples.horizon < lookback.from_horizon:
        return np.empty(0, dtype=np.intp)
    far = [name in REGISTRY and REGISTRY[name].lookback > lookback.most_bars for name in samples.names]
    if all(far):
        raise ConfigurationError(
            f"Each of the {len(far)} features looks back over more than {lookback.most_bars} bars, so a model that is "
            "told of shorter ones learns from nothing. Raise most_bars of its lookback, or add features."
        )
    return np.flatnonzero(far)


def selected_features(samples: Samples, rows: Positions, params: TrainingParams) -> Positions:
    """Positions of the features that some rows speak for; computed once for all models that are fitted on them."""
    key = rows.tobytes()
    if key not in samples.selected:
        chosen = select_stable(samples.matrix[rows], samples.keys.iloc[rows], samples.horizon, params.selection)
        logger.info("selection: %d of %d features from %d rows", len(chosen), len(samples.names), len(rows))
        samples.selected[key] = chosen
    return samples.selected[key]
