"""The command of a study on the small project: tables, page, ledger; and a second time, when everything is there.

The whole of it takes a minute; tests/study/test_study_project.py has its short form.
"""

from __future__ import annotations

import pandas as pd
import pytest
from click.testing import CliRunner

from finq_predictor.adapters.datasets.trial_ledger import TrialLedgerDataset
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.snapshots.store import SnapshotStore
from finq_predictor.cli import cli
from finq_predictor.domain.tables.training import STUDY


@pytest.fixture(scope="module")
def root(small_project, tmp_path_factory):
    folder = tmp_path_factory.mktemp("studied")
    SnapshotStore(small_project, "equity").newest().copy(folder)
    return folder


def run(root, *words: str):
    return CliRunner().invoke(cli, ["study", "equity", "--root", str(root), "--env", "test", *words])


@pytest.mark.proof
def test_a_study_leaves_tables_a_page_and_its_trials_and_is_done_once(root, project_path, monkeypatch):
    monkeypatch.chdir(project_path)
    words = ("--horizons", "1,5", "--seeds", "2", "--protocol", "rolling", "--window-years", "1")
    done = run(root, *words)
    assert done.exit_code == 0, done.output
    folder = Layout(root).study("equity")
    found = pd.read_parquet(folder / "rolling_study.parquet")
    assert tuple(found.columns) == STUDY.names
    assert set(found["horizon"]) == {1, 5}
    assert found.groupby("model")["seed"].nunique().max() == 2
    gaps = pd.read_parquet(folder / "rolling_gaps.parquet")
    assert (gaps["label_end_max"] < gaps["test_start"]).all()
    page = (folder / "rolling.html").read_text()
    assert "Walk-forward with a rolling window of 1 years" in page
    assert page.count("<img") == 3
    assert "SIMULATED" in page
    assert str(root) not in page
    ledger = TrialLedgerDataset(str(Layout(root).place("equity", "tried"))).load()
    tried = [entry for entry in ledger.entries if entry.run.startswith("finq ")]
    assert {entry.horizon for entry in tried} == {1, 5}
    assert len({entry.configuration for entry in tried}) == len(tried)
    again = run(root, *words)
    assert "0 pieces made" in again.output
    assert (folder / "rolling.html").read_text() == page
    assert TrialLedgerDataset(str(Layout(root).place("equity", "tried"))).load() == ledger


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--horizons", "1,x"), "give whole numbers of bars"),
        (("--protocol", "rolling"), "was given 0 windows"),
        (("--protocol", "combinatorial", "--groups", "3", "--test-groups", "3"), "nothing would be left"),
        (("--horizons", "7"), "no labels over 7 bars"),
        (("--protocol", "random"), "is not one of"),
    ],
)
def test_what_cannot_be_studied_is_refused_with_what_to_do(root, project_path, monkeypatch, words, message):
    monkeypatch.chdir(project_path)
    done = run(root, *words)
    assert done.exit_code != 0
    assert message in done.output
