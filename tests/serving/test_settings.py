"""Settings come from the environment or by name, never from both, and what is wrong is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from finq_predictor.domain.errors import ConfigurationError, UnknownNameError
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.modelling.decisions import AbstentionRules
from finq_predictor.serving.settings import InferenceMode, Settings, every_variable, given_for, variable


@pytest.fixture(autouse=True)
def without_variables(monkeypatch):
    plain = {name for one in every_variable().values() for name in one.plain}
    for name in [name for name in os.environ if name.startswith("FINQ_") or name in plain]:
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
        "FINQ_OWN_NOTE": "ignored",
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
        ("FINQ_API_PORT", "http", "expected a whole number from 1 to 65535."),
        ("API_PORT", "70000", "expected a whole number from 1 to 65535."),
        ("API_HOST", "http://here/", "expected the name or address of a host."),
    ],
)
def test_a_wrong_value_names_its_variable(monkeypatch, name, value, words):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError) as raised:
        Settings.from_environment()
    assert str(raised.value) == f"{name} is {value!r}; {words}"


def test_well_known_names_serve_after_ours(monkeypatch):
    monkeypatch.setenv("API_HOST", "0.0.0.0")
    monkeypatch.setenv("API_PORT", "9000")
    read = Settings.from_environment()
    assert (read.api_host, read.api_port) == ("0.0.0.0", 9000)
    monkeypatch.setenv("FINQ_API_PORT", "9001")
    assert Settings.from_environment().api_port == 9001
    # What Kubernetes says of a service called finq-api is none.
    monkeypatch.setenv("FINQ_API_PORT", "tcp://10.0.0.1:80")
    assert (Settings.from_environment().api_port, given_for("api_port")) == (9000, "9000")


def test_a_contradiction_is_said_once(monkeypatch, caplog):
    monkeypatch.setenv("API_PORT", "9000")
    monkeypatch.setenv("FINQ_API_PORT", "9001")
    monkeypatch.setattr("finq_predictor.adapters.environment.reading._noted", set())
    for _ in range(2):
        Settings.from_environment()
    said = "FINQ_API_PORT and API_PORT say different things; FINQ_API_PORT counts."
    assert [record.getMessage() for record in caplog.records] == [said]


def test_an_unknown_variable_is_refused(monkeypatch):
    monkeypatch.setenv("FINQ_CACHE_BAR", "5")
    with pytest.raises(ConfigurationError, match="did you mean FINQ_CACHE_BARS"):
        Settings.from_environment()


def test_unknown_market_is_refused(monkeypatch):
    monkeypatch.setenv("FINQ_MARKETS", "equty")
    with pytest.raises(UnknownNameError, match="Did you mean 'equity'"):
        Settings.from_environment()


def test_settings_do_not_change():
    with pytest.raises(ValidationError, match="frozen"):
        Settings().cache_bars = 3


def test_every_setting_is_described():
    rows = {name: (one.default, one.meaning) for name, one in every_variable().items()}
    assert list(rows)[: len(Settings.model_fields)] == [variable(name) for name in Settings.model_fields]
    assert rows["FINQ_MARKETS"] == ("all", "Markets to serve, separated by commas")
    assert rows["FINQ_INFERENCE_TIMEOUT_SECONDS"][0] == "`5`"
    assert rows["FINQ_BODY_LIMIT"][0] == "`1048576`"
    assert all(meaning != "None" for _, meaning in rows.values())
