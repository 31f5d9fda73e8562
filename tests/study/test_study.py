"""A study in pieces: it goes on after a kill with the same bits, looks at nothing sealed, and all of it is counted."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.evaluation.study_figures import spread_of
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.modelling.models import MODELS
from finq_predictor.domain.modelling.origin import CodeVersion
from finq_predictor.domain.modelling.protocols import Protocol
from finq_predictor.pipelines.training import fitting, nodes
from finq_predictor.pipelines.training.params import TrainingParams
from finq_predictor.study import running
from finq_predictor.study.pieces import OLDEST_S, Pieces
from finq_predictor.study.running import Findings, Material, configurations, run_study
from synthetic_gold import feature_names, make_feature_set, make_gold

EQUITY = MARKETS["equity"]
CODE = CodeVersion(code_hash="c" * 64, git_commit=None, packages={})
EXPANDING = Protocol()
COMBINED = Protocol(kind="combinatorial", n_groups=4, n_test_groups=2)
MODELS_OF_TWO = {"base_rate": {}, "logistic": {"params": {"C": 0.01}}}
ROLLING = Protocol(kind="rolling", window_bars=80)


def material(protocol: Protocol = EXPANDING, seeds: int = 3, gold: pd.DataFrame | None = None, **others) -> Material:
    given = {
        "seed": 7,
        "n_folds": 3,
        "min_train_fraction": 0.5,
        "gap": {"embargo_bars": 5},
        "models": {
            "base_rate": {},
            "momentum": {"params": {"feature": "feature_0"}},
            "logistic": {"params": {"C": 0.01}},
            "xgboost": {"params": {"n_estimators": 8, "max_depth": 2, "min_child_weight": 20, "learning_rate": 0.1}},
        },
        "leak_meter": {"model": "xgboost", "params": {"n_estimators": 10, "max_depth": 4}, "max_rows": 1000},
        "study": {"seeds": seeds, "protocol": protocol.model_dump(), "n_bootstrap": 100, "horizons": (5,)},
    }
    gold = make_gold(n_instruments=6, n_dates=240) if gold is None else gold
    return Material(gold, make_feature_set(gold), TrainingParams(**{**given, **others}), EQUITY, CODE)


def same(one: Findings, other: Findings) -> None:
    for name in ("study", "leaks", "gaps", "splits"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name), check_exact=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Findings:
    return run_study(material(), Pieces(tmp_path_factory.mktemp("whole")))


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = {path!r}
import test_study as told
put, calls = told.Pieces.put, []
def dies(self, key, piece):
    calls.append(key)
    if len(calls) == 9:
        os.kill(os.getpid(), signal.SIGKILL)
    put(self, key, piece)
told.Pieces.put = dies
told.run_study(told.material(), told.Pieces(Path({folder!r})))
"""


def test_a_study_whose_process_was_killed_goes_on_and_ends_with_the_same_bits(tmp_path, whole):
    code = KILLED.format(path=[str(Path(__file__).parent), *sys.path], folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr
    lines: list[str] = []
    found = run_study(material(), Pieces(tmp_path), lines.append)
    # Two fits run side by side, so that another piece may have been stored or not when it was killed.
    assert 0 < found.known < whole.made, "it was killed in the middle"
    assert found.known + found.made == whole.made
    assert len(lines) == found.made
    assert f"of {whole.made} pieces" in lines[-1]
    same(found, whole)
    again = run_study(material(), Pieces(tmp_path))
    assert again.made == 0
    same(again, whole)


def test_a_piece_is_another_one_for_whatever_it_depends_on(tmp_path):
    gold = make_gold(n_instruments=3, n_dates=150)
    few = {"models": {"base_rate": {}, "xgboost": {"params": {"n_estimators": 3}}}, "seeds": 1, "gold": gold}
    pieces = Pieces(tmp_path)
    made = run_study(material(**few), pieces).made
    for other in (
        replace(material(**few), code=replace(CODE, code_hash="d" * 64)),
        material(**{**few, "gold": gold.assign(feature_1=gold["feature_1"] + 1.0)}),
        material(**few, gap={"embargo_bars": 6}),
        material(**few, calibration_fraction=0.3),
    ):
        assert run_study(other, pieces).known == 0
    more = run_study(material(**{**few, "seeds": 2}), pieces)
    # One seed more of the model that draws, on each of two splits, and of the leak meter; all else is there.
    assert (more.made, more.known) == (2 + 1, made)
    assert run_study(material(**few, threads=1), pieces).made == 0


def test_the_first_seed_says_what_the_walk_forward_of_the_daily_training_says(whole):
    given = material()
    folds = nodes.make_folds(given.gold, given.feature_set, given.params, market=EQUITY)
    chosen = nodes.Hyperparameters({name: config.params for name, config in given.params.models.items()})
    oos, _ = nodes.walk_forward(given.gold, given.feature_set, folds, chosen, given.params, market=EQUITY)
    oos = oos.dropna(subset=["label"])
    for model, rows in oos.groupby("model"):
        values = nodes_figures(rows)
        mine = whole.study[(whole.study["model"] == model) & (whole.study["seed"] == 7)].set_index("metric")["value"]
        for metric, value in values.items():
            assert mine[metric] == pytest.approx(value, nan_ok=True, abs=1e-12), (model, metric)


def nodes_figures(rows: pd.DataFrame) -> dict[str, float]:
    from finq_predictor.domain.evaluation.metrics import accuracy, auc, log_loss

    y, p = rows["label"].to_numpy(float), rows["probability"].to_numpy(float)
    return {"accuracy": accuracy(y, p), "auc": auc(y, rows["score"].to_numpy(float)), "log_loss": log_loss(y, p)}


def test_what_draws_nothing_runs_with_one_seed_and_the_rest_with_all(whole):
    seeds = whole.study.groupby("model")["seed"].unique().map(sorted).to_dict()
    assert seeds == {"base_rate": [7], "momentum": [7], "logistic": [7], "xgboost": [7, 8, 9]}
    thinned = material(max_train_rows=300)
    assert thinned.seeds_of("logistic") == (7, 8, 9), "another seed thins to other rows"


@pytest.mark.parametrize("name", [name for name, model in MODELS.items() if not model.seeded])
def test_a_model_that_says_it_draws_nothing_is_the_same_with_every_seed(name):
    for module in MODELS[name].modules:
        pytest.importorskip(
            module, reason=f"{name} is fitted with {module}, which is not there; `make setup` installs it"
        )
    gold = make_gold(n_instruments=4, n_dates=120)
    known = gold.dropna(subset=["label_5"])
    X, y = known[feature_names(gold)], known["label_5"].to_numpy()
    required = {
        "momentum": {"feature": "feature_0"},
        "reversal": {"feature": "feature_0"},
        "arima": {"sequence": [["feature_2", "feature_1", "feature_0"]], "p": 1, "q": 0},
    }
    priors = {"priors": {"feature_0": {"weight": 1.0, "source": "made up"}}}
    params = required.get(name, priors if name in ("composite", "prior_ridge") else {})
    one, other = (MODELS[name](**params).fit(X, y, seed=seed).predict_score(X) for seed in (1, 2))
    np.testing.assert_array_equal(one, other)


def test_every_path_of_combinations_is_measured_with_every_seed(tmp_path):
    found = run_study(material(COMBINED, seeds=2), Pieces(tmp_path))
    runs = found.study[found.study["metric"] == "auc"].groupby("model").size().to_dict()
    assert runs == {"base_rate": 3, "momentum": 3, "logistic": 3, "xgboost": 6}
    tested = found.splits.groupby("path")["test_rows"].sum()
    assert len(tested) == 3
    assert tested.nunique() == 1, "each path goes through all of the history"
    spread = spread_of(found.study, ["auc"]).set_index("model")
    assert spread.loc["xgboost", "runs"] == 6
    values = found.study[(found.study["model"] == "xgboost") & (found.study["metric"] == "auc")]["value"]
    assert spread.loc["xgboost", "spread"] == pytest.approx(values.std(ddof=1))
    assert spread.loc["xgboost", "mean"] == pytest.approx(values.mean())


@pytest.mark.parametrize("protocol", [EXPANDING, ROLLING, COMBINED], ids=lambda protocol: protocol.kind)
def test_noise_in_the_tests_and_in_the_sealed_block_changes_no_fitted_thing(protocol, tmp_path, monkeypatch):
    """Scalers, imputers, trees and calibrations of a split are those of its training rows, bit by bit."""
    given = material(protocol, seeds=1)
    fitted: list[dict[tuple[int, str], tuple[str, str]]] = []

    def states(made: Material, other: pd.DataFrame | None) -> None:
        samples = running._samples(made, 5)
        changed = samples if other is None else running._samples(replace(made, gold=other), 5)
        found = {}
        with fitting.cores(made.params):
            for split in running._splits(samples, made, 5):
                rows = samples
                if other is not None:
                    # Only what this split does not learn from is noise.
                    matrix, y = changed.matrix.copy(), changed.y.copy()
                    matrix[split.train], y[split.train] = samples.matrix[split.train], samples.y[split.train]
                    keys = changed.keys.copy()
                    keys.loc[split.train] = samples.keys.loc[split.train]
                    rows = replace(samples, matrix=matrix, y=y, keys=keys)
                for name, config in made.params.models.items():
                    one = fitting.fit_calibrated(name, config.params, rows, split.train, made.plan(5, 7))
                    found[split.number, name] = (repr(one.model.state()), repr(one.calibrator.state()))
        fitted.append(found)

    gold, rng = given.gold, np.random.default_rng(0)
    names = feature_names(gold)
    noise = gold.assign(label_5=gold["label_5"].mask(gold["label_5"].notna(), 1.0 - gold["label_5"]))
    noise[names] = 1e3 * rng.standard_normal((len(gold), len(names))) + 1e3
    noise["forward_return_5"] = gold["forward_return_5"].mask(gold["forward_return_5"].notna(), 5.0)
    states(given, None)
    states(given, noise)
    assert fitted[0] == fitted[1]


def test_nothing_of_the_sealed_block_changes_anything_that_a_study_finds(tmp_path, whole):
    gold = make_gold(n_instruments=6, n_dates=240)
    sealed = whole.gaps.loc[whole.gaps["sealed"], "test_start"].iloc[0]
    later = (gold["ts"] >= sealed) | ~(gold["label_end_5"] < sealed)
    # Rows of the last open block whose outcome reaches into the sealed one are tested by a walk-forward, and by no
    # combination.
    names = feature_names(gold)
    noise = gold.copy()
    noise[names] = gold[names].mask(later, 1e3)
    noise["label_5"] = gold["label_5"].mask(later & gold["label_5"].notna(), 1.0 - gold["label_5"])
    one, other = (
        run_study(material(COMBINED, seeds=1, gold=table, models=MODELS_OF_TWO), Pieces(tmp_path / str(number)))
        for number, table in enumerate((gold, noise))
    )
    pd.testing.assert_frame_equal(one.study, other.study, check_exact=True)
    pd.testing.assert_frame_equal(one.leaks, other.leaks, check_exact=True)
    assert running.tested_times(material(COMBINED)).max() < sealed
    assert running.tested_times(material()).max() < sealed


def test_every_model_horizon_and_seed_is_a_configuration_and_the_daily_one_is_the_same():
    given = material()
    found = configurations(given)
    assert [(model, seed) for model, _, seed, _ in found] == [
        ("base_rate", 7),
        ("momentum", 7),
        ("logistic", 7),
        *(("xgboost", seed) for seed in (7, 8, 9)),
    ]
    daily = nodes.configuration_of("xgboost", given.feature_set, given.plan(5, 7))
    assert found[3][3] == daily, "it counts once with that of every day"
    others = {own for protocol in (EXPANDING, ROLLING, COMBINED) for *_, own in configurations(material(protocol))}
    assert len(others) == 3 * len(found)


def test_a_horizon_without_labels_is_refused_with_those_that_there_are():
    given = material()
    study = given.params.study.model_copy(update={"horizons": (5, 20)})
    wrong = replace(given, params=given.params.model_copy(update={"study": study}))
    with pytest.raises(ConfigurationError, match="no labels over 20 bars; it has them over 5"):
        running.tested_times(wrong)


def test_pieces_that_nobody_asks_for_grow_old(tmp_path):
    pieces = Pieces(tmp_path)
    table = pd.DataFrame({"score": [0.1 + 0.2, 1 / 3]})
    pieces.put("a" * 32, table)
    pd.testing.assert_frame_equal(pieces.get("a" * 32), table, check_exact=True)
    assert pieces.get("b" * 32) is None
    (tmp_path / ("c" * 32 + ".parquet")).write_bytes(b"torn")
    assert pieces.get("c" * 32) is None
    assert pieces.prune() == 0
    assert pieces.prune(now=(tmp_path / ("a" * 32 + ".parquet")).stat().st_mtime + OLDEST_S + 5.0) == 2
