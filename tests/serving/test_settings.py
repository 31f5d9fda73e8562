"""Settings come from the environment or by name, never from both, and what is wrong is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from finq_predictor.domain.errors import ConfigurationError, UnknownNameError
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.modelling.decisions import AbstentionRules
from finq_predictor.serving.settings import InferenceMode, Settings, describe_settings, variable


@pytest.fixture(autouse=True)
def without_variables(monkeypatch):
    for name in [name for name in os.environ if name.startswith("FINQ_")]:
        monkeypatch.delenv(name)


def test_defaults_without_any_variable():
    read = Settings.from_environment()
    assert read == Settings()
    assert read.markets == tuple(MARKETS)
    assert read.rules == AbstentionRules()
    assert (read.data_root, read.inference, read.device) == (Path("data"), InferenceMode.IN_PROCESS, "auto")


def test_values_are_read(monkeypatch):
    for name, value in {
        "FINQ_DATA_ROOT": "/somewhere",
        "FINQ_MARKETS": " fx , equity,",
        "FINQ_INFERENCE": " service ",
        "FINQ_DEVICE": "cuda",
        "FINQ_PREDICT_MIN_CONFIDENCE": "0.1",
        "FINQ_CACHE_BARS": " 5 ",
        "FINQ_BATCH_BARS": "  ",
        "FINQ_BATCH_LIMIT": "",
        "FINQ_UNKNOWN": "ignored",
    }.items():
        monkeypatch.setenv(name, value)
    read = Settings.from_environment()
    assert (read.data_root, read.markets, read.inference) == (Path("/somewhere"), ("fx", "equity"), "service")
    assert (read.rules.min_confidence, read.cache_bars, read.device) == (0.1, 5, "cuda")
    assert (read.batch_bars, read.batch_limit) == (400, 10_000)


def test_what_is_given_by_name_takes_nothing_from_the_environment(monkeypatch):
    monkeypatch.setenv("FINQ_CACHE_BARS", "no number")
    assert Settings(data_root=Path("x")).cache_bars == 64
    with pytest.raises(ValidationError, match="cache_bar"):
        Settings(cache_bar=3)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("FINQ_INFERENCE", "remote", "expected one of in_process, service."),
        ("FINQ_DEVICE", "gpu", "expected one of auto, cpu, cuda."),
        ("FINQ_PREDICT_MIN_CONFIDENCE", "2", "expected a number from 0 to 1."),
        ("FINQ_PREDICT_MIN_CONFIDENCE", "high", "expected a number from 0 to 1."),
        ("FINQ_PREDICT_MIN_CONFIDENCE", "nan", "expected a number from 0 to 1."),
        ("FINQ_POLL_SECONDS", "inf", "expected a number from 0.01."),
        ("FINQ_CACHE_BARS", "0", "expected a whole number from 1."),
        ("FINQ_CACHE_BARS", "1.5", "expected a whole number from 1."),
    ],
)
def test_a_wrong_value_names_its_variable(monkeypatch, name, value, words):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as raised:
        Settings.from_environment()
    assert str(raised.value) == f"{name} is {value!r}; {words}"


def test_unknown_market_is_refused(monkeypatch):
    monkeypatch.setenv("FINQ_MARKETS", "equty")
    with pytest.raises(UnknownNameError, match="Did you mean 'equity'"):
        Settings.from_environment()


def test_settings_do_not_change():
    with pytest.raises(ValidationError, match="frozen"):
        Settings().cache_bars = 3


def test_every_setting_is_described():
    rows = {name: (default, meaning) for name, default, meaning in describe_settings()}
    assert list(rows) == [variable(name) for name in Settings.model_fields]
    assert rows["FINQ_MARKETS"] == ("all", "Markets to serve, separated by commas")
    assert rows["FINQ_INFERENCE_TIMEOUT_SECONDS"][0] == "`5`"
    assert rows["FINQ_BODY_LIMIT"][0] == "`1048576`"
    assert all(meaning != "None" for _, meaning in rows.values())
