"""Two threads that import one library at once may each find half of it, so fits on threads find all imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[2]

SCRIPT = """
import json, sys, threading

late = []

def note(event, arguments):
    if event == "import" and threading.current_thread() is not threading.main_thread():
        late.append(arguments[0])

from synthetic_gold import make_feature_set, make_gold
from finq_predictor.domain.modelling.search import Hyperparameters
from test_training import EQUITY, SETTINGS, TrainingParams, nodes

models = {**SETTINGS["models"], "lightgbm": {"params": {"n_estimators": 5, "min_child_samples": 5}}}
params = TrainingParams(**{**SETTINGS, "models": models, "selection": {"enabled": sys.argv[2] == "choosing"}})
gold = make_gold(n_instruments=10, n_dates=120)
features = make_feature_set(gold)
folds = nodes.make_folds(gold, features, params, market=EQUITY)
chosen = Hyperparameters({name: dict(config.params) for name, config in params.models.items()})
work = {
    "search": lambda: nodes.search_hyperparameters(gold, features, folds, params, market=EQUITY),
    "walk_forward": lambda: nodes.walk_forward(gold, features, folds, chosen, params, market=EQUITY),
    "leakage": lambda: nodes.measure_leak(gold, features, params, market=EQUITY),
}
assert not {"sklearn", "xgboost", "lightgbm"} & set(sys.modules)
sys.addaudithook(note)
work[sys.argv[1]]()
assert {"sklearn", "xgboost"} <= set(sys.modules)
print(json.dumps(late))
"""


CASES = [("search", ""), ("walk_forward", ""), ("leakage", ""), ("search", "choosing"), ("walk_forward", "choosing")]


@pytest.mark.parametrize(("stage", "features"), CASES)
def test_a_fit_on_a_thread_imports_nothing(stage: str, features: str) -> None:
    """In a fresh process: a library of a model is imported before threads are opened, whichever stage comes first."""
    folders = [str(TESTS), str(Path(__file__).parent), *sys.path]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, stage, features],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, folders))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == []
