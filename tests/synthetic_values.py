"""Typed values that cross nodes, complete and plausible, with whatever a test wants changed."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pandas as pd

from finq_predictor.adapters.tracking import RunIdentity, TrackedRuns
from finq_predictor.domain.evaluation.arm_comparison import compare_arms
from finq_predictor.domain.evaluation.live_trials import Trial
from finq_predictor.domain.ingestion.provenance import Provenance
from finq_predictor.domain.ingestion.tally import Delivery, Tally
from finq_predictor.domain.modelling.conformal import ConformalSets
from finq_predictor.domain.modelling.domain_guard import DomainGuard, Shape
from finq_predictor.domain.modelling.models.base import ModelKind
from finq_predictor.domain.modelling.origin import (
    ModelStatus,
    Origin,
    RegisteredVersion,
    TrainingFacts,
    TrainingSummary,
)
from finq_predictor.domain.modelling.training_profile import ColumnProfile
from finq_predictor.domain.promotion.decision import Check, Decision, Verdict


def make_provenance(**changes: Any) -> Provenance:
    """Data of the simulator."""
    facts: dict[str, Any] = {
        "source": "simulated",
        "source_id": "simulated-0",
        "simulated": True,
        "content_hashes": {"bars": ("9f2c41d07be1aa52",), "benchmark": ("1b77c0de00aa1122",)},
        "rows": {"bars": 1000, "benchmark": 100},
        "first_ts": "2023-01-02T21:00:00+00:00",
        "last_ts": "2023-12-29T21:00:00+00:00",
        "instruments": 20,
    }
    return Provenance(**{**facts, **changes})


def make_delivery(table: str = "bars", source: str = "own:a", **changes: Any) -> Delivery:
    """A delivery of a hundred good rows; ``changes`` are of its tally."""
    return Delivery(table, source, ("9f2c41d07be1aa52",), Tally(**{"rows": 100, "kept": 100, **changes}))


FACTS: dict[str, Any] = {
    "seed": 1,
    "source": "simulated",
    "source_id": "simulated-0",
    "simulated": True,
    "data_hash": "ab12" * 16,
    "feature_set_hash": "d" * 64,
    "code_hash": "cd34" * 16,
    "git_commit": "b8d81ae0c0ffee",
    "packages": {"numpy": "2"},
    "trained_from": "2019-01-02T21:00:00+00:00",
    "trained_to": "2021-12-30T21:00:00+00:00",
    "n_rows": 1000,
    "n_instruments": 20,
    "n_features": 6,
    "empty_features": (),
    "label_rate": 0.5,
    "n_folds": 4,
    "n_trials": 8,
    "label_blocks": 60,
    "effective_years": 1.4,
    "first_window_years": 0.6,
    "least_years": 3.0,
}
assert set(FACTS) == {field.name for field in fields(TrainingFacts)}


def make_summary(**changes: Any) -> TrainingSummary:
    """A training of two candidates."""
    race = {
        "market": "equity",
        "horizon": 5,
        "models": ("logistic", "xgboost"),
        "configurations": {"logistic": "l", "xgboost": "x"},
    }
    return TrainingSummary(**{**FACTS, **race, **changes})


def make_limits(X: pd.DataFrame, y: np.ndarray, probability: np.ndarray) -> dict[str, Any]:
    """Conformal sets and domain guard of rows, the last quarter of them held out from the guard's reference."""
    rows = X.to_numpy(np.float32)
    cut = 3 * len(rows) // 4
    quantiles = [ColumnProfile.of(X[name].to_numpy()).quantiles for name in X]
    guard = DomainGuard.of(Shape.of(rows, quantiles), Shape.of(rows[:cut]), rows[cut:])
    return {"conformal": ConformalSets.of(probability, y), "guard": guard}


def make_origin(**changes: Any) -> Origin:
    """What a candidate is made from, not yet registered."""
    return Origin(**{**FACTS, "kind": ModelKind.CANDIDATE, "params": {}, **changes})


def make_version(version: str = "1", status: str = "promoted") -> RegisteredVersion:
    """A place in the registry."""
    return RegisteredVersion(version, ModelStatus(status), "f00d", "finq-equity-outperform")


def make_decision(verdict: str = "promote", candidate: str = "logistic", **changes: Any) -> Decision:
    """A decision about one candidate with one check."""
    facts: dict[str, Any] = {
        "market": "equity",
        "decision": Verdict(verdict),
        "candidate": candidate,
        "best_naive": "reversal",
        "checks": (Check("has_skill", verdict == "promote", 0.001, 0.005, "It has skill."),),
        "reason": "because",
        "others": {},
        "incumbent": None,
        "decided_as_of": "2023-12-29T21:00:00+00:00",
    }
    return Decision(**{**facts, **changes})


def make_runs(*models: str) -> TrackedRuns:
    """A tracked run of each model."""
    return TrackedRuns({name: RunIdentity("finq-equity", f"id-{name}", f"{name}-20250115-0930") for name in models})


def make_trial(gain: float, bars: int = 400, *, seed: int = 0, **changes: Any) -> Trial:
    """What was found where a challenger knew more than the champion of each outcome by so much, or less.

    Args:
        gain: What it knew more, as a share of certainty; 0 for nothing.
        bars: Bars whose outcome is known.
        seed: Of the outcomes.
        changes: Of the trial, such as ``model_hash``.
    """
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, bars).astype(float)
    noise = rng.normal(0.0, 0.02, (2, bars))
    said = {"champion": 0.5 - 0.5 * gain * (label - 0.5), "challenger": 0.5 + 0.5 * gain * (label - 0.5)}
    pairs = pd.DataFrame({"ts": pd.date_range("2026-01-05", periods=bars, freq="D", tz="UTC"), "instrument": "A"})
    for place, (arm, p) in enumerate(said.items()):
        pairs[f"probability_{arm}"], pairs[f"decision_{arm}"] = p + noise[place], "predict"
    found = compare_arms(pairs.assign(label=label), 1, n_resamples=50)
    facts: dict[str, Any] = {
        "name": "nine",
        "experiment": "nine",
        "mode": "shadow",
        "model": "xgboost",
        "version": "9",
        "champion_model": "logistic",
        "champion_version": "3",
        "horizon": 1,
        "found": found,
        "sentence": found.sentence,
        "model_hash": "new",
    }
    return Trial(**{**facts, **changes})
