"""Where Spark cannot be had, or was told something that is not, the message says what to do; nothing is half begun."""

from __future__ import annotations

import importlib.util

import pytest
from kedro.io import DatasetError
from spark_environment import HERE, run

from finq_predictor.adapters.datasets.engine import EngineDataset
from finq_predictor.adapters.spark.engine import SparkEngine
from finq_predictor.adapters.spark.session import SparkSettings, require_spark, session, settings_of
from finq_predictor.adapters.spark.training import fit_on_spark
from finq_predictor.domain.errors import ConfigurationError, UnknownNameError
from finq_predictor.domain.gold import InProcess
from finq_predictor.domain.modelling.models import create_model


def test_no_java_is_said_before_anything_else(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(ConfigurationError, match=r"needs Java 17.*openjdk-17-jre-headless"):
        require_spark()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"none in JAVA_HOME"):
        require_spark()


def test_no_pyspark_is_said_with_what_installs_it(monkeypatch, tmp_path):
    assert importlib.util.find_spec("pyspark") is None, "the product's own environment has no Spark"
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.touch()
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    with pytest.raises(ConfigurationError, match=r"make \.venv-spark/\.ready"):
        session(SparkSettings())


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"mater": "local[2]"}, UnknownNameError, "master"),
        ({"task_mb": 0}, ConfigurationError, "task_mb of Spark is 0"),
        ({"task_mb": "much"}, ConfigurationError, "task_mb of Spark is 'much'"),
    ],
)
def test_settings_that_cannot_be_are_refused(given, error, said):
    with pytest.raises(error, match=said):
        settings_of(given)
    with pytest.raises(DatasetError, match=said):
        EngineDataset(spark=given).load()


def test_the_catalog_says_who_computes(tmp_path):
    assert isinstance(EngineDataset().load(), InProcess)
    engine = EngineDataset(spark={"master": "local[1]", "task_mb": 7}, filepath=f"{tmp_path}/gold.parquet").load()
    assert isinstance(engine, SparkEngine)
    assert (engine.settings.master, engine.settings.task_mb, engine.place) == ("local[1]", 7, tmp_path / "gold")


def test_only_a_local_session_is_kept_to_this_machine():
    here, there = SparkSettings(memory="3g"), SparkSettings("spark://host:7077", memory="3g", folder="/scratch")
    assert here.configuration()["spark.driver.host"] == "127.0.0.1"
    assert "spark.driver.host" not in there.configuration()
    assert there.configuration()["spark.executor.memory"] == "3g"
    assert there.configuration()["spark.local.dir"] == "/scratch"
    assert settings_of({"options": {"spark.ui.enabled": "true"}}).configuration()["spark.ui.enabled"] == "true"


def test_a_model_of_one_machine_is_not_fitted_on_a_cluster(tmp_path):
    with pytest.raises(ConfigurationError, match=r"'logistic' is fitted by one machine only"):
        fit_on_spark(create_model("logistic", {}), tmp_path, ("a",), 5, seed=1, workers=2)
    with pytest.raises(ConfigurationError, match="0 workers"):
        fit_on_spark(create_model("logistic", {}), tmp_path, ("a",), 5, seed=1, workers=0)


@pytest.mark.proof
def test_a_master_that_is_not_there_is_said(tmp_path):
    script = tmp_path / "ask.py"
    script.write_text(
        "from finq_predictor.adapters.spark.session import SparkSettings, session\n"
        "try:\n    session(SparkSettings('nonsense://host'))\n"
        "except Exception as error:\n    print(type(error).__name__, error)\n"
    )
    said = run(script)
    assert "ConfigurationError No session of Spark could be made with the master 'nonsense://host'" in said
    assert HERE.is_dir()
