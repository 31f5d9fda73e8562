"""The small project again, from what is stored: equal byte by byte, and a planted difference is named in each layer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.snapshots import writer
from finq_predictor.adapters.snapshots.content import hash_of
from finq_predictor.adapters.snapshots.store import Snapshot, SnapshotStore
from finq_predictor.cli.reproduce import reproduce
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.pipelines.training.params import TrainingParams
from finq_predictor.replay.comparing import Found, Outcome
from finq_predictor.replay.project import load_parameters
from finq_predictor.replay.reproducing import Reproduction

FX = MARKETS["fx"]
SAME = (Outcome.IDENTICAL, Outcome.CLOCK)
TIMED = "trials"
"""How long each trial of the search took is no second time the same."""


@pytest.fixture(scope="session")
def snapshot(small_project: Path) -> Snapshot:
    return SnapshotStore(small_project, "fx").newest()


def planted(snapshot: Snapshot, name: str, folder: Path, change: Callable[[Any], Any]) -> Snapshot:
    """The same snapshot with another version of a dataset, which lies elsewhere and has a fitting hash."""
    entry = snapshot.manifest.entries[name]
    stored = snapshot.root / entry.file
    file = folder / stored.name
    if stored.suffix == ".parquet":
        change(pd.read_parquet(stored)).to_parquet(file)
    else:
        file.write_text(json.dumps(change(json.loads(stored.read_text()))))
    other = replace(entry, file=str(file), content=hash_of(file))
    entries = {**snapshot.manifest.entries, name: other}
    return Snapshot(snapshot.root, replace(snapshot.manifest, entries=entries))


def cell(column: str, row: int) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(frame: pd.DataFrame) -> pd.DataFrame:
        frame = frame.copy()
        frame.loc[row, column] = frame.loc[row, column] + 0.25
        return frame

    return change


def first_value(decision: dict) -> dict:
    decision["checks"][1]["value"] += 0.25
    return decision


def found_in(layer: str, snapshot: Snapshot, catalog: Any, folder: Path) -> dict[str, Found]:
    again = Reproduction(catalog, snapshot, folder / "again", FX)
    return {one.dataset: one for one in again.layers([layer])}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("layer", "dataset", "change", "place"),
    [
        ("silver", "silver_sentiment", cell("tone_sum", 7), "column tone_sum, instrument"),
        ("gold", "gold", cell("ret_1", 100), "column ret_1, instrument"),
        pytest.param(
            "training", "oos_predictions", cell("probability", 9), "column probability", marks=pytest.mark.proof
        ),
        ("metrics", "metrics", cell("value", 3), "column value, at"),
        ("decision", "promotion", first_value, "checks.1.value"),
        ("predictions", "predictions", cell("probability", 2), "column probability, instrument"),
    ],
)
def test_each_layer_comes_out_again_and_a_planted_difference_is_named(
    layer, dataset, change, place, snapshot, catalog, tmp_path, monkeypatch
):
    wrong = planted(snapshot, dataset, tmp_path, change)
    monkeypatch.setitem(writer._HELD, writer._key(snapshot.root, "fx"), wrong)
    # What it is compared with must not be what it is made from: the planted table is at the end of its layer.
    found = found_in(layer, wrong, catalog, tmp_path)
    assert found[dataset].outcome is Outcome.DIFFERS
    assert found[dataset].said.startswith("first at")
    assert place in found[dataset].said
    others = {name: one for name, one in found.items() if name not in (dataset, TIMED)}
    assert {name: one.sentence for name, one in others.items() if one.outcome not in SAME} == {}
    assert layer in ("decision", "predictions") or len(others) > 0


@pytest.mark.slow
def test_the_command_says_equal_and_which_versions_run(small_project, catalog, monkeypatch):
    monkeypatch.setattr("finq_predictor.replay.project.open_catalog", lambda *_: catalog)
    report = str(Layout(small_project).report("fx"))
    command = [report, "--root", str(small_project), "--env", "test", "--layer", "predictions", "--layer", "decision"]
    done = CliRunner().invoke(reproduce, command)
    assert done.exit_code == 0, done.output
    assert "decision: promotion identical\npredictions: predictions identical\nEverything is equal.\n" in done.output
    assert "version:" not in done.output, "what trained it runs now"


def test_a_damaged_file_an_older_table_and_other_versions_are_named(snapshot, catalog, tmp_path, monkeypatch):
    spoilt = planted(snapshot, "predictions", tmp_path, cell("probability", 2))
    lie = replace(spoilt.manifest.entries["predictions"], content="0" * 64)
    old = replace(snapshot.manifest.entries["gold"], content="0" * 64)
    for entries, outcome, said in [
        ({"predictions": lie}, Outcome.DIFFERS, "no longer what was stored under its hash"),
        ({"gold": old}, Outcome.OPEN, "the snapshot holds others of what it was made from: gold was replaced"),
    ]:
        wrong = Snapshot(snapshot.root, replace(snapshot.manifest, entries={**snapshot.manifest.entries, **entries}))
        (found,) = found_in("predictions", wrong, catalog, tmp_path).values()
        assert (found.outcome, said in found.said) == (outcome, True)
    nothing = {name: one for name, one in snapshot.manifest.entries.items() if not name.startswith("settings_")}
    (found,) = found_in(
        "predictions", Snapshot(snapshot.root, replace(snapshot.manifest, entries=nothing)), catalog, tmp_path
    ).values()
    assert "The parameters of evaluation were not kept" in found.said
    monkeypatch.setattr("finq_predictor.adapters.datasets.code_version.code_hash", lambda: "f" * 64)
    monkeypatch.setattr("finq_predictor.adapters.datasets.code_version.installed", lambda _: {"xgboost": "9"})
    differences = Reproduction(catalog, snapshot, tmp_path, FX).versions().differences
    assert differences[0].startswith("the code is another one than trained it")
    assert any(one.startswith("xgboost was ") and one.endswith(" and is 9") for one in differences)


def test_a_snapshot_keeps_all_parameters_also_those_that_nobody_gave(snapshot, catalog):
    kept = TrainingParams.model_validate(catalog.load("fx.settings_training"))
    given = load_parameters(catalog, FX, TrainingParams, "training")
    assert kept == given
    assert list(kept.models) == list(given.models), "the order of the race is part of it"
    assert {f"settings_{stage}" for stage in ("ingestion", "sentiment", "features", "evaluation")} <= set(
        snapshot.manifest.entries
    )


@pytest.mark.proof
def test_a_whole_run_comes_out_again(small_project, project_path, snapshot, catalog, tmp_path):
    again = Reproduction(catalog, snapshot, tmp_path, FX)
    found = list(again.layers(("silver", "gold", "training", "metrics", "decision", "predictions")))
    assert [one.sentence for one in found if one.outcome not in SAME and one.dataset != TIMED] == []
    assert [one.outcome for one in found if one.dataset == TIMED] == [Outcome.EQUAL]
    assert len([one for one in found if one.outcome is Outcome.IDENTICAL]) > 20
