"""The laboratory's two laws: a planted signal is found at about its strength, and noise is never promoted."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from finq_predictor.adapters.snapshots.store import path_of
from finq_predictor.adapters.sources.simulated import SimulatedSource
from finq_predictor.domain.evaluation.metrics import bar_times, rank_ic

SIZE = {"instruments": 40, "years": 3}


def _decide(project: Path, root: Path, *, signal: float, seed: int) -> dict:
    bootstrap_project(project)
    params = {"data_root": str(root), "signal": signal, "seed": seed, "equity": {"training": {"search": {"trials": 2}}}}
    with KedroSession.create(project, env="test", runtime_params=params) as session:
        session.run(pipeline_names=["equity"], to_nodes=["evaluation.equity.decide_promotion"])
    return json.loads(path_of(root, "equity", "promotion").read_text())


def _found(root: Path, model: str) -> float:
    metrics = pd.read_parquet(path_of(root, "equity", "metrics"))
    return float(metrics[(metrics["model"] == model) & (metrics["metric"] == "rank_ic")]["value"].iloc[0])


def _planted(root: Path, *, signal: float, seed: int) -> float:
    """Rank correlation of the true expectation with what happened, on the rows that the models were tested on."""
    truth = SimulatedSource("equity", "truth", seed=seed, signal=signal, **SIZE).read()
    tested = pd.read_parquet(path_of(root, "equity", "oos_predictions"))
    tested = tested[tested["model"] == "base_rate"].merge(truth, on=["instrument", "ts"])
    return rank_ic(
        tested["expected_return"].to_numpy(float), tested["forward_return"].to_numpy(float), bar_times(tested["ts"])
    )


@pytest.mark.proof
@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_noise_is_not_promoted(project_path, tmp_path, seed):
    decision = _decide(project_path, tmp_path, signal=0.0, seed=seed)
    assert decision["decision"] == "provisional", decision["reason"]
    assert not all(check["passed"] for check in decision["checks"] if check["gating"])


@pytest.mark.slow
def test_a_planted_signal_is_found_at_about_its_strength(project_path, tmp_path):
    decision = _decide(project_path, tmp_path, signal=1.5, seed=1)
    # Three years of forty stocks are few days for the limits of calibration; skill has to be seen all the same.
    passed = {check["name"] for check in decision["checks"] if check["passed"]}
    assert {"has_skill", "beats_naive", "leak_alarm", "net_sharpe"} <= passed, decision["reason"]
    found, planted = _found(tmp_path, decision["candidate"]), _planted(tmp_path, signal=1.5, seed=1)
    assert planted > 0.08
    assert 0.35 * planted < found < 1.1 * planted
