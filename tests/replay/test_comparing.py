"""Where two values that should be one first differ, and that rounding is told apart from it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from finq_predictor.adapters.bronze.store import BronzeStore
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.snapshots import writer
from finq_predictor.adapters.snapshots.store import SnapshotStore
from finq_predictor.cli.reproduce import LAYERS as NAMED
from finq_predictor.cli.reproduce import _snapshot_of
from finq_predictor.domain.errors import StoreError, UnknownNameError
from finq_predictor.replay.comparing import Outcome, compare, frames, values
from finq_predictor.replay.reproducing import LAYERS, _when

TABLE = pd.DataFrame(
    {
        "ts": pd.date_range("2024-01-01", periods=4, freq="D", tz="UTC").as_unit("us"),
        "instrument": ["A", "B", "A", "B"],
        "probability": [0.5, 0.6, 0.7, 0.8],
    }
)


def test_a_table_names_column_instrument_and_time():
    other = TABLE.assign(probability=[0.5, 0.6, 0.7001, 0.9])
    said = frames("predictions", other, TABLE)
    assert said == (
        "first at column probability, instrument A, at 2024-01-03T00:00:00+00:00: 0.7001 is stored, 0.7 comes out again"
    )
    assert frames("predictions", TABLE, TABLE.sample(frac=1.0, random_state=1)) == "", "by key, not by place"
    assert "instrument B, at 2024-01-04" in frames("predictions", TABLE, TABLE.head(3))
    assert "column decision" in frames("predictions", TABLE.assign(decision="buy"), TABLE)


def test_a_table_without_times_has_a_place_too():
    stored = pd.DataFrame({"model": ["a", "b"], "kind": "candidate", "metric": "auc", "value": [0.5, 0.6]})
    said = frames("metrics", stored, stored.assign(value=[0.5, np.nan]))
    assert said.startswith("first at column value, at b: 0.6 is stored, nan")


@pytest.mark.parametrize(
    ("stored", "again", "said"),
    [
        ({"a": {"b": [1, 2.0]}}, {"a": {"b": [1, 2.5]}}, "first at a.b.1: 2.0 is stored, 2.5 comes out again"),
        ({"a": 1}, {"a": 1, "b": 2}, "first at b: only what comes out again has it"),
        ({"a": 1, "b": 2}, {"a": 1}, "first at b: only what is stored has it"),
        ([1, 2], [1], "first at the value: [1, 2] is stored"),
        ({"a": True}, {"a": 1.0000001}, "first at a"),
        ({"a": "x"}, {"a": "x"}, ""),
        ({"a": 0.1}, {"a": 0.1 + 1e-12}, ""),
    ],
)
def test_a_value_names_its_path(stored, again, said):
    assert values(stored, again).startswith(said)
    assert bool(values(stored, again)) is bool(said)


def test_files_that_differ_in_bytes_only_are_equal(tmp_path):
    one, other = tmp_path / "one.parquet", tmp_path / "other.parquet"
    TABLE.to_parquet(one)
    TABLE.to_parquet(other, compression="gzip")
    assert compare("gold", "predictions", one, other).outcome is Outcome.EQUAL
    TABLE.assign(probability=0.1).to_parquet(other)
    found = compare("gold", "predictions", one, other)
    assert (found.outcome, "column probability" in found.sentence) == (Outcome.DIFFERS, True)


def test_folders_name_the_file(tmp_path):
    for name, score in (("stored", 1.0), ("again", 2.0)):
        folder = tmp_path / name / "logistic"
        folder.mkdir(parents=True)
        (folder / "model.json").write_text(json.dumps({"weights": [score]}))
        (folder / "checksums.json").write_text(name)
    found = compare("training", "candidates", tmp_path / "stored", tmp_path / "again")
    assert found.said == "logistic/model.json first at weights.0: 1.0 is stored, 2.0 comes out again"
    (tmp_path / "again/logistic/more.json").write_text("{}")
    assert (
        "more.json, which is on one side only"
        in compare("training", "candidates", tmp_path / "stored", tmp_path / "again").said
    )
    for name in ("a", "b"):
        (tmp_path / f"{name}.txt").write_text(name)
    assert compare("x", "y", tmp_path / "a.txt", tmp_path / "b.txt").said == "its bytes are others"


def test_deliveries_are_read_as_they_were_then(tmp_path):
    store = BronzeStore(tmp_path / "bars")
    hashes = []
    for close in (1.0, 2.0, 3.0):
        store.keep_whole(pd.DataFrame({"close": [close], "_source": "own:x"}))
        hashes.append(store.current())
    for number, content in enumerate(hashes):
        then = store.last(_when(store, content, "bronze_bars"))
        assert then["close"].tolist() == [number + 1.0]
    with pytest.raises(StoreError, match=r"deliveries of bronze_bars .* are not kept"):
        _when(store, "0" * 64, "bronze_bars")


def published(root: Path, market: str, text: str) -> str:
    where = Layout(root).place(market, "promotion")
    from finq_predictor.adapters.layout import locate

    def write(path: Path) -> None:
        path.write_text(text)

    writer.store(locate(where), write)
    return SnapshotStore(root, market).newest().id


def test_a_run_is_found_by_snapshot_and_by_report(tmp_path):
    one, two = published(tmp_path, "equity", "1"), published(tmp_path, "equity", "2")
    fx = published(tmp_path, "fx", "3")
    assert _snapshot_of(one, tmp_path, None) == (one, "equity")
    assert _snapshot_of(two[:8], tmp_path, None) == (two, "equity")
    assert _snapshot_of(fx, tmp_path, "fx") == (fx, "fx")
    report = tmp_path / "report.html"
    report.write_text(f"<pre>finq reproduce {two} --market equity</pre>")
    assert _snapshot_of(str(report), tmp_path, None) == (two, "equity")
    report.write_text(f"<pre>finq reproduce {one} --market equity</pre>")
    assert _snapshot_of(str(report), tmp_path, None) == (two, "equity"), "the decision comes after the report"
    with pytest.raises(StoreError, match=r"000001 may be of equity or fx; say which with --market"):
        _snapshot_of("000001", tmp_path, None)
    with pytest.raises(UnknownNameError, match="snapshot that is kept"):
        _snapshot_of("000009", tmp_path, "equity")
    report.write_text("nothing")
    with pytest.raises(StoreError, match="names no snapshot"):
        _snapshot_of(str(report), tmp_path, None)


def test_the_command_names_every_layer():
    assert tuple(LAYERS) == NAMED
