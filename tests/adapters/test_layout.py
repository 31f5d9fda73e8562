from __future__ import annotations

from pathlib import Path

import pytest

from finq_predictor.adapters.layout import Folder, Layout, locate, made_by
from finq_predictor.domain.errors import ConfigurationError, UnknownNameError

DATA = Layout(Path("data"))


@pytest.mark.parametrize(
    ("dataset", "path"),
    [
        ("bronze_bars", "data/01_bronze/fx/bars"),
        ("silver_bars", "data/02_silver/fx/bars.parquet"),
        ("quarantine_bars", "data/02_silver/fx/quarantine/bars.parquet"),
        ("gold", "data/03_gold/fx/gold.parquet"),
        ("champion", "data/04_models/fx/champion"),
        ("predictions", "data/05_predictions/fx/predictions.parquet"),
        ("plot_calibration", "data/06_reports/fx/plots/calibration.png"),
        ("monitoring_report", "data/06_reports/fx/monitoring/report.html"),
    ],
)
def test_every_dataset_has_one_place(dataset, path):
    assert DATA.place("fx", dataset) == Path(path)


def test_short_names_say_the_same():
    assert DATA.champion("fx") == DATA.place("fx", "champion")
    assert DATA.silver("fx", "bars") == DATA.place("fx", "silver_bars")
    assert DATA.report("fx") == DATA.place("fx", "report")


def test_an_unknown_dataset_is_named_with_the_nearest():
    with pytest.raises(UnknownNameError, match="Did you mean 'predictions'"):
        DATA.place("fx", "prediction")


def test_the_url_of_the_database_does_not_follow_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert DATA.tracking_uri == f"sqlite:///{tmp_path}/data/mlflow.db"


def test_a_place_says_what_lies_there():
    for dataset in ("silver_bars", "gold", "champion", "provenance", "drift", "plot_calibration"):
        where = locate(DATA.place("fx", dataset))
        assert where[:3] == (Path("data"), "fx", dataset)
        assert DATA.place("fx", dataset).is_relative_to(Path("data") / where.layer)
    assert locate(Path("/a b/05_predictions/fx/predictions.parquet")).root == Path("/a b")
    with pytest.raises(ConfigurationError, match="expected ROOT/LAYER/MARKET/NAME"):
        locate(Path("data/02_silver/fx/anything.txt"))


def test_every_folder_says_which_pipelines_fill_it():
    assert all(made_by(Path("somewhere") / folder / "fx" / "x.parquet") for folder in Folder)
    assert made_by(Path("somewhere/else.parquet")) is None
