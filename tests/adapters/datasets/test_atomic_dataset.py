from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from kedro.io import AbstractDataset, DatasetError

from finq_predictor.adapters.datasets.atomic import AtomicDataset
from finq_predictor.adapters.layout import Folder


@pytest.fixture
def frame():
    return pd.DataFrame(
        {
            "ts": pd.date_range("2024-01-01", periods=3, tz="UTC", unit="us"),
            "name": ["a", "b", None],
            "x": [1.0, None, 3],
        }
    )


def test_round_trip_keeps_types(tmp_path, frame):
    dataset = AtomicDataset("pandas.ParquetDataset", str(tmp_path / "a" / "frame.parquet"))
    assert not dataset.exists()
    dataset.save(frame)
    assert dataset.exists()
    pd.testing.assert_frame_equal(dataset.load(), frame)


def test_same_frame_same_bytes(tmp_path, frame):
    files = [tmp_path / name for name in ("one.parquet", "two.parquet")]
    for file in files:
        AtomicDataset("pandas.ParquetDataset", str(file)).save(frame.copy())
    assert files[0].read_bytes() == files[1].read_bytes()


def test_wraps_any_file_dataset(tmp_path):
    text = AtomicDataset({"type": "json.JSONDataset", "save_args": {"indent": 2}}, str(tmp_path / "a.json"))
    text.save({"a": 1})
    assert text.load() == {"a": 1}
    assert (tmp_path / "a.json").read_text() == '{\n  "a": 1\n}'
    picture = AtomicDataset({"type": "matplotlib.MatplotlibDataset", "save_args": {"dpi": 20}}, str(tmp_path / "a.png"))
    figure = plt.figure()
    picture.save(figure)
    plt.close(figure)
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    utf8 = {"encoding": "utf-8"}
    page = {"type": "text.TextDataset", "fs_args": {"open_args_save": utf8, "open_args_load": utf8}}
    html = AtomicDataset(page, str(tmp_path / "deep" / "a.html"))
    html.save("<p>ü</p>")
    assert html.load() == "<p>ü</p>"
    assert (tmp_path / "deep" / "a.html").read_bytes() == "<p>ü</p>".encode()
    assert not [file for file in tmp_path.rglob("*") if file.name.startswith(".")]


@pytest.mark.parametrize(
    ("layer", "pipelines"),
    [(Folder.SILVER, "ingestion,sentiment"), (Folder.GOLD, "features"), (Folder.MODELS, "training")],
)
def test_absent_file_names_the_pipeline_to_run(tmp_path, layer, pipelines):
    dataset = AtomicDataset("pandas.ParquetDataset", str(tmp_path / layer / "fx" / "x.parquet"))
    with pytest.raises(DatasetError, match=rf"There is no file .*x\.parquet.*kedro run --pipelines={pipelines}"):
        dataset.load()


def test_made_by_can_be_said(tmp_path):
    with pytest.raises(DatasetError, match="--pipelines=elsewhere"):
        AtomicDataset("pandas.ParquetDataset", str(tmp_path / "x.parquet"), made_by="elsewhere").load()


def test_made_from_a_catalog_entry(tmp_path, frame):
    entry = {
        "type": "finq_predictor.adapters.datasets.atomic.AtomicDataset",
        "dataset": "pandas.ParquetDataset",
        "filepath": str(tmp_path / "x.parquet"),
        "metadata": {"kedro-viz": {"layer": "gold"}},
    }
    dataset = AbstractDataset.from_config("gold", entry)
    dataset.save(frame)
    assert dataset.metadata == {"kedro-viz": {"layer": "gold"}}
    assert dataset.preview(nrows=2)["data"]
    assert "x.parquet" in str(dataset)
