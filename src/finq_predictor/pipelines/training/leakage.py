"""The leak meter: the same model on the same rows, split at random and split in time.

Neighbouring days share most of their features, and labels over h bars share most of their future. A random split puts
neighbours on both sides, so a model that memorises looks clever; the difference is what a leak would have pretended.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.domain.arrays import Positions
from finq_predictor.domain.evaluation.metrics import accuracy, auc
from finq_predictor.domain.modelling.models import create_model
from finq_predictor.domain.tables import LEAK_METER
from finq_predictor.pipelines.training.fitting import holdout, side_by_side
from finq_predictor.pipelines.training.params import TrainingParams
from finq_predictor.pipelines.training.plan import Plan
from finq_predictor.pipelines.training.samples import Samples

RANDOM_ROWS = "random_rows"
PURGED = "purged"


def leak_table(samples: Samples, plan: Plan) -> pd.DataFrame:
    """Measure accuracy and AUC under both splits.

    Args:
        samples: All labelled rows.
        plan: The training.

    Returns:
        ``model, split, accuracy, auc, n`` (rows tested), one row per split.
    """
    params = plan.params
    rows = sample_instruments(samples, params.leak_meter.max_rows, params.seed)
    fold = holdout(samples, rows, params.leak_meter.test_fraction, plan)
    shuffled = np.random.default_rng(params.seed).permutation(rows)
    n_test = round(len(rows) * params.leak_meter.test_fraction)
    splits = {
        RANDOM_ROWS: (np.sort(shuffled[n_test:]), np.sort(shuffled[:n_test])),
        PURGED: (rows[fold.train], rows[fold.test]),
    }
    # What may not be traded may not sound the alarm either, nor hide it.
    masked = plan.market.is_masked(samples.keys["ts"])
    splits = {name: (train, test[~masked[test]]) for name, (train, test) in splits.items()}

    def measure(split: str) -> dict[str, Any]:
        return _measure(split, *splits[split], samples, params)

    return LEAK_METER.typed(pd.DataFrame(side_by_side(measure, splits, params)))


def sample_instruments(samples: Samples, most: int, seed: int) -> Positions:
    """Positions of all rows of as many random instruments as fit; of one too long instrument its latest rows."""
    codes, names = pd.factorize(samples.keys["instrument"], sort=True)
    counts = np.bincount(codes, minlength=len(names))
    order = np.random.default_rng(seed).permutation(len(names))
    fitting = order[np.cumsum(counts[order]) <= most]
    chosen = fitting if len(fitting) else order[:1]
    return np.flatnonzero(np.isin(codes, chosen))[-most:]


def _measure(split: str, train: Positions, test: Positions, samples: Samples, params: TrainingParams) -> dict[str, Any]:
    name = params.leak_meter.model
    model = create_model(name, params.leak_meter.params)
    model.fit(samples.frame(train), samples.y[train], seed=params.seed)
    score, y = model.predict_score(samples.frame(test)), samples.y[test]
    threshold = float(samples.y[train].mean()) if model.naive else 0.5
    return {
        "model": name,
        "split": split,
        "accuracy": accuracy(y, score, threshold),
        "auc": auc(y, score),
        "n": len(test),
    }
