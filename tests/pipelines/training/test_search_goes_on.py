"""A search that was killed goes on, and finds what it would have found; another search never goes on with it."""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from finq_predictor.adapters.search_store import SearchStore
from finq_predictor.domain.evaluation.trial_ledger import TrialLedger
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.modelling.origin import CodeVersion
from finq_predictor.pipelines.evaluation.trials import JudgedRows, enter_trials, rows_of
from finq_predictor.pipelines.training import search
from finq_predictor.pipelines.training.params import TrainingParams
from finq_predictor.pipelines.training.plan import Plan
from finq_predictor.pipelines.training.samples import Samples, make_samples
from finq_predictor.pipelines.training.search import Kept, content_of, search_key, search_race
from synthetic_gold import feature_names, make_gold
from synthetic_values import make_summary

CODE = CodeVersion(code_hash="c" * 64, git_commit=None, packages={"numpy": "2"})
SPAN = {"low": 1e-6, "high": 10.0, "log": True}
TRIALS = 9


def params(**others) -> TrainingParams:
    given = {
        "seed": 3,
        "models": {
            "logistic": {"params": {"C": 0.01}, "search": {"C": SPAN}},
            "xgboost": {
                "params": {"n_estimators": 8},
                "search": {"max_depth": {"low": 1, "high": 5, "integer": True}, "subsample": {"choices": [0.5, 1.0]}},
            },
        },
        "gap": {"embargo_bars": 5},
        "search": {"trials": TRIALS, "inner_folds": 3, "max_rows": None, **others.pop("search", {})},
        "leak_meter": {"model": "logistic"},
    }
    return TrainingParams(**{**given, **others})


def rows(**others) -> Samples:
    gold = make_gold(**{"n_instruments": 8, "n_dates": 160, **others})
    return make_samples(gold, tuple(feature_names(gold)), 5)


def found(store: SearchStore, given: TrainingParams | None = None, samples: Samples | None = None):
    """What a search finds, without how long it took."""
    plan = Plan(given or params(), get_market("equity"))
    race = search_race(rows() if samples is None else samples, plan, Kept(store, CODE))
    return {name: (chosen, trials.drop(columns="duration_s")) for name, (chosen, trials) in race.items()}


def assert_equal(one, other) -> None:
    assert one.keys() == other.keys()
    for name, (chosen, trials) in one.items():
        assert chosen == other[name][0]
        pd.testing.assert_frame_equal(trials, other[name][1], check_exact=True)


@pytest.fixture(scope="module")
def whole():
    """Both searches in one go, with nothing kept."""
    return found(SearchStore())


@pytest.fixture
def fits(monkeypatch) -> list[int]:
    """A list that grows by one with every fit that is judged."""
    made: list[int] = []
    judge = search._judge

    def watched(*given):
        made.append(1)
        return judge(*given)

    monkeypatch.setattr(search, "_judge", watched)
    return made


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path[:0] = {path!r}
import test_search_goes_on as told
judge, calls = told.search._judge, []
def dies(*given):
    calls.append(1)
    if len(calls) == 20:
        os.kill(os.getpid(), signal.SIGKILL)
    return judge(*given)
told.search._judge = dies
told.found(told.SearchStore("equity", Path({folder!r})))
"""


def test_a_search_whose_process_was_killed_finds_what_an_uninterrupted_one_finds(tmp_path, whole, fits):
    code = KILLED.format(path=[str(Path(__file__).parent), *sys.path], folder=str(tmp_path))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == -signal.SIGKILL, done.stderr
    store = SearchStore("equity", tmp_path)
    kept = {path.stem: path.read_text().count('"number"') for path in tmp_path.glob("*.jsonl")}
    assert len(kept) == 2
    assert 0 < sum(kept.values()) < 2 * TRIALS, "it was killed in the middle"
    assert_equal(found(store), whole)
    seen = sum(trials["value"].size for _, trials in whole.values())
    assert {path.read_text().count('"number"') for path in tmp_path.glob("*.jsonl")} == {TRIALS}
    assert seen == 2 * TRIALS, "each trial is there once"
    # Everything is known now: nothing is fitted any more, and the result is the same.
    fits.clear()
    assert_equal(found(store), whole)
    assert not fits


def test_each_trial_counts_once_in_the_ledger_however_often_a_search_goes_on(tmp_path, whole):
    gold = make_gold(n_instruments=8, n_dates=160)
    data = rows_of(gold, gold["ts"])
    judged = JudgedRows((), data, data, "2024-01-01T00:00:00+00:00", "me", "kedro run")
    ledger = TrialLedger()
    for trials in (3, TRIALS, TRIALS):
        race = found(SearchStore("equity", tmp_path), params(search={"trials": trials}))
        table = pd.concat([frame for _, frame in race.values()])
        ledger = enter_trials(judged, table, make_summary(), ledger)
    different = sum(trials["params"].nunique() for _, trials in whole.values())
    assert ledger.searched_on(data) == len(ledger.entries) == different


@pytest.mark.parametrize("at_once", [1, 2])
def test_more_trials_go_on_from_those_that_are_known(tmp_path, fits, at_once):
    store, batches = SearchStore("equity", tmp_path), {"at_once": at_once}
    whole = found(SearchStore(), params(search=batches))
    found(store, params(search={**batches, "trials": 4}))
    fits.clear()
    assert_equal(found(store, params(search=batches)), whole)
    assert 0 < len(fits) <= 2 * 3 * (TRIALS - 4)


def test_trials_at_once_find_the_same_however_many_threads_there_are():
    once = [found(SearchStore(), params(threads=threads, search={"at_once": 3})) for threads in (1, 3)]
    assert_equal(*once)


def test_another_search_is_never_gone_on_with(tmp_path, fits):
    store = SearchStore("equity", tmp_path)
    few = {"trials": 2, "inner_folds": 2}
    found(store, params(search=few))
    fits.clear()
    found(store, params(search=few, seed=4))
    found(store, params(search={**few, "inner_folds": 3}))
    found(store, params(search=few), rows(seed=2))
    assert len(fits) >= 3 * 2 * 2
    assert len(list(tmp_path.glob("*.jsonl"))) == 2 * 4


def test_the_key_is_another_one_for_whatever_the_search_depends_on():
    samples, market = rows(), get_market("equity")
    content = content_of(samples)

    def key(given: TrainingParams | None = None, said: str = content, code: CodeVersion = CODE) -> str:
        return search_key("logistic", said, Plan(given or params(), market), code)

    noise = samples.matrix.copy()
    noise[5, 1] += 1e-3
    others = {
        "data": key(said=content_of(replace(samples, matrix=noise))),
        "outcomes": key(said=content_of(replace(samples, y=np.where(np.arange(len(samples)) == 7, 0.5, samples.y)))),
        "names": key(said=content_of(replace(samples, names=("other", *samples.names[1:])))),
        "bars": key(said=content_of(replace(samples, sessions=samples.sessions[1:]))),
        "window": key(said=content_of(samples.take(np.arange(len(samples) - 1)))),
        "ranges": key(params(models={"logistic": {"search": {"C": {**SPAN, "low": 1e-5}}}})),
        "fixed": key(params(models={"logistic": {"params": {"clip": 3.0}, "search": {"C": SPAN}}})),
        "gap": key(params(gap={"embargo_bars": 6})),
        "objective": key(params(search={"objective": "rank_ic"})),
        "at once": key(params(search={"at_once": 2})),
        "code": key(code=replace(CODE, code_hash="d" * 64)),
        "packages": key(code=replace(CODE, packages={"numpy": "3"})),
    }
    assert len({key(), *others.values()}) == len(others) + 1
    assert key() == key(params(threads=1)) == key(params(search={"trials": 99, "timeout_s": 5.0}))
