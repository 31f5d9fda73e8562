"""A version of a real registry is deployed beside the champion, by its number alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner

from finq_predictor.adapters.challengers import read_experiment
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.model_registry import ModelRegistry, Registration
from finq_predictor.cli import finq
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.modelling.model_hash import model_hash
from finq_predictor.serving.settings import Settings
from serving import small_market
from serving.conftest import started
from synthetic_values import make_decision

# Known warnings of MLflow's own imports.
KNOWN = ("The ``noload``", ".*Add type hints to the `predict`", ".*Any type hint is inferred")
pytestmark = [pytest.mark.filterwarnings(f"ignore:{text}") for text in KNOWN]


@pytest.fixture
def registered(tmp_path):
    """A folder of data whose registry holds two versions, as two trainings leave them; the second is in use."""
    market = MARKETS["fx"]
    tables = small_market.silver(market, 400, 7)
    small_market.write_silver(tmp_path, market, tables)
    panel, layout = small_market.panel_of(market, tables), Layout(tmp_path)
    registry = ModelRegistry("fx", layout.tracking_uri, layout.artifacts, layout.champion("fx"))
    candidates = []
    for seed, model in enumerate(("logistic", "xgboost")):
        bundle = small_market.train(market, panel, model, seed=seed)
        bundle = replace(bundle, origin=replace(bundle.origin, registered=None))
        candidates.append(bundle)
        tags = {"model": model, "model_hash": model_hash(bundle), "source_id": "s", "simulated": "true"}
        registry.register(Registration(make_decision("promote", model, market="fx"), bundle, pd.DataFrame(), {}, tags))
    return tmp_path, candidates


def run(root: Path, *words: str):
    return CliRunner().invoke(finq, ["challenger", *words, "--root", str(root), "--market", "fx"])


def test_a_version_of_the_registry_answers_beside_the_champion(registered):
    root, (first, second) = registered
    assert "xgboost version 2 is the champion" in run(root, "add", "--version", "2").output
    unknown = run(root, "add", "--version", "7")
    assert unknown.exit_code == 1
    assert "Unknown version of finq-fx-direction '7'" in unknown.output
    assert "'1', '2'" in unknown.output or "1, 2" in unknown.output
    added = run(root, "add", "--version", "1", "--mode", "ab", "--step", "2020-01-01=1.0")
    assert added.exit_code == 0, added.output
    assert "logistic-1: logistic version 1, ab in logistic-1, 1 from 2020-01-01T00:00:00+00:00" in added.output
    (entry,) = read_experiment(root, "fx").challengers
    assert entry.model_hash == model_hash(first) != model_hash(second), "by which the gate knows the candidate again"
    with started(Settings(data_root=root, markets=("fx",), auth="off", record=False)) as client:
        answers = {who: client.post("/predict", {"instrument": "EUR_USD", "user_id": who}).json() for who in "ab"}
        nobody = client.post("/predict", {"instrument": "EUR_USD"}).json()
    served = [(one["arm"], one["model"]["name"], one["model"]["version"]) for one in answers.values()]
    assert served == 2 * [("challenger", "logistic", "1")]
    assert (nobody["arm"], nobody["model"]["version"]) == ("champion", "2")
