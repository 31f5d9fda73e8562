"""A search begins a fold before it is needed, and no two fits ever touch what they share at the same time."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import Any, ClassVar

import numpy as np
import pytest

from finq_predictor.domain.market.markets import get_market
from finq_predictor.pipelines.training import search
from finq_predictor.pipelines.training.params import TrainingParams
from finq_predictor.pipelines.training.plan import Plan
from finq_predictor.pipelines.training.samples import make_samples
from synthetic_gold import feature_names, make_gold


class Slow:
    """A model that is long at a later fold, and the worse the larger its parameter is."""

    busy: ClassVar[Counter[int]] = Counter()
    most: ClassVar[Counter[int]] = Counter()
    lock = threading.Lock()

    def __init__(self, worse: float) -> None:
        self.worse = worse

    def fit(self, X: Any, y: np.ndarray, *, seed: int, shared: dict[Any, Any]) -> None:
        key = id(shared)
        with self.lock:
            self.busy[key] += 1
            self.most[key] = max(self.most[key], self.busy[key])
        time.sleep(len(y) / 20_000)
        with self.lock:
            self.busy[key] -= 1

    def predict_score(self, X: Any) -> np.ndarray:
        return np.full(len(X), 0.5 + 0.4 * min(self.worse, 1.0))


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_a_pruned_trial_has_ended_before_the_next_begins(monkeypatch, threads):
    Slow.busy, Slow.most = Counter(), Counter()
    monkeypatch.setattr(search, "new_model", lambda _, chosen, __: Slow(chosen["C"]))
    gold = make_gold(n_instruments=8, n_dates=160)
    span = {"low": 1e-4, "high": 1.0, "log": False}
    params = TrainingParams(
        seed=3,
        models={"logistic": {"params": {"C": 0.01}, "search": {"C": span}}},
        gap={"embargo_bars": 5},
        search={"trials": 12, "inner_folds": 3, "max_rows": None},
        leak_meter={"model": "logistic"},
        threads=threads,
    )
    samples = make_samples(gold, tuple(feature_names(gold)), 5)
    _, trials = search.search_race(samples, Plan(params, get_market("equity")))["logistic"]
    assert (trials["state"] == "pruned").sum() >= 2
    assert set(Slow.most.values()) == {1}
