from __future__ import annotations

import os
from pathlib import Path

import optuna
import pytest
from optuna.trial import create_trial

from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.search_store import GRACE_S, SearchStore
from finq_predictor.domain.errors import ConfigurationError, StoreError
from postgres_server import running_postgres

KEY = "0123456789abcdef"


def add(study: optuna.Study, *values: float) -> None:
    for value in values:
        study.add_trial(create_trial(value=value, user_attrs={"number": len(study.trials)}))


def values_of(store: SearchStore, model: str = "trees", key: str = KEY) -> list[float]:
    return [trial.value for trial in store.open(model, key, "minimize").trials]


def test_what_was_kept_is_there_again_to_the_last_bit(tmp_path):
    store = SearchStore.below(tmp_path, "equity")
    assert store.folder == Layout(tmp_path).searches("equity")
    add(store.open("trees", KEY, "minimize"), 0.1 + 0.2, 1 / 3)
    assert values_of(store) == [0.1 + 0.2, 1 / 3]
    assert values_of(store, key="f" * 16) == []
    assert values_of(SearchStore.below(tmp_path, "fx")) == []


def test_without_a_place_nothing_is_kept():
    add(SearchStore("equity").open("trees", KEY, "minimize"), 1.0)
    assert values_of(SearchStore("equity")) == []


def test_a_line_that_a_killed_process_left_torn_costs_its_trial_alone(tmp_path):
    store = SearchStore("equity", tmp_path)
    add(store.open("trees", KEY, "minimize"), 1.0, 2.0)
    (journal,) = tmp_path.glob("*.jsonl")
    os.truncate(journal, journal.stat().st_size - 7)
    study = store.open("trees", KEY, "minimize")
    assert [trial.value for trial in study.trials] == [1.0]
    add(study, 3.0)
    assert values_of(store) == [1.0, 3.0]


def test_a_journal_that_says_nonsense_is_named_with_what_to_do(tmp_path):
    store = SearchStore("equity", tmp_path)
    add(store.open("trees", KEY, "minimize"), 1.0)
    (journal,) = tmp_path.glob("*.jsonl")
    journal.write_text("nonsense\n" + journal.read_text())
    with pytest.raises(StoreError, match=r"search of trees in .*jsonl cannot be read.*Remove it"):
        store.open("trees", KEY, "minimize")


def aged(folder: Path, count: int) -> None:
    store = SearchStore("equity", folder)
    for number in range(count):
        for model in ("trees", "lines"):
            add(store.open(model, f"{number:016x}", "minimize"), 1.0)
            os.utime(folder / f"{model}-{number:016x}.jsonl", (1e6 + number, 1e6 + number))


def test_old_searches_are_removed_and_new_ones_and_those_at_work_stay(tmp_path):
    aged(tmp_path, 4)
    store = SearchStore("equity", tmp_path)
    assert store.prune(kept=2, now=1e6 + GRACE_S / 2) == [], "they were written to within the hour"
    assert sorted(store.prune(kept=2, now=1e6 + 10 * GRACE_S)) == [
        f"{model}-{number:016x}" for model in ("lines", "trees") for number in (0, 1)
    ]
    assert len(list(tmp_path.glob("*.jsonl"))) == len(list(tmp_path.iterdir())) / 2 == 4
    assert store.prune(kept=2, now=1e6 + 10 * GRACE_S) == []
    assert SearchStore("equity", tmp_path / "absent").prune() == []


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_database_keeps_searches_of_several_markets(tmp_path, monkeypatch, kind, request):
    url = f"sqlite:///{tmp_path / 'searches.db'}"
    if kind == "postgresql":
        request.getfixturevalue("tmp_path_factory")
        server = running_postgres(tmp_path)
        url = server.__enter__()
        request.addfinalizer(lambda: server.__exit__(None, None, None))
    monkeypatch.setenv("FINQ_SEARCH_URL", url)
    equity, fx = (SearchStore.below(tmp_path, market) for market in ("equity", "fx"))
    assert url not in repr(equity)
    for key in ("a" * 16, "b" * 16, KEY):
        add(equity.open("trees", key, "minimize"), 1 / 3)
    assert values_of(equity) == [1 / 3]
    assert values_of(fx) == []
    assert equity.prune(kept=2) == ["trees-" + "a" * 16]
    assert values_of(equity, key="a" * 16) == []
    assert values_of(equity) == [1 / 3]
    assert not Layout(tmp_path).searches("equity").exists()


def test_an_address_that_is_none_is_refused_without_repeating_it(monkeypatch, tmp_path):
    monkeypatch.setenv("FINQ_SEARCH_URL", "mysql://user:hidden@host/db")
    with pytest.raises(ConfigurationError, match="FINQ_SEARCH_URL") as caught:
        SearchStore.below(tmp_path, "equity").open("trees", KEY, "minimize")
    assert "hidden" not in str(caught.value)
