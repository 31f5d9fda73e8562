from __future__ import annotations

import re
from pathlib import Path

import pytest

from finq_predictor.domain.errors import ConfigurationError, UnknownNameError
from finq_predictor.serving import settings as module
from finq_predictor.serving.settings import Settings


def test_defaults_without_any_variable():
    assert Settings.from_environment({}) == Settings()


def test_values_are_read():
    given = {
        "FINQ_DATA_ROOT": "/somewhere",
        "FINQ_MARKETS": "fx",
        "FINQ_INFERENCE": "service",
        "FINQ_PREDICT_MIN_CONFIDENCE": "0.1",
        "FINQ_CACHE_BARS": "5",
    }
    read = Settings.from_environment(given)
    assert (read.data_root, read.markets, read.inference) == (Path("/somewhere"), ("fx",), "service")
    assert (read.rules.min_confidence, read.cache_bars) == (0.1, 5)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("FINQ_INFERENCE", "remote", "in_process, service"),
        ("FINQ_PREDICT_MIN_CONFIDENCE", "2", "from 0 to 1"),
        ("FINQ_PREDICT_MIN_CONFIDENCE", "high", "float"),
        ("FINQ_PREDICT_MIN_CONFIDENCE", "nan", "from 0 to 1"),
        ("FINQ_CACHE_BARS", "0", "from 1"),
        ("FINQ_CACHE_BARS", "1.5", "int"),
    ],
)
def test_a_wrong_value_names_its_variable(name, value, words):
    with pytest.raises(ConfigurationError, match=name) as raised:
        Settings.from_environment({name: value})
    assert words in str(raised.value)


def test_unknown_market_is_refused():
    with pytest.raises(UnknownNameError, match="Did you mean 'equity'"):
        Settings.from_environment({"FINQ_MARKETS": "equty"})


def test_every_variable_that_is_read_is_documented():
    source = Path(module.__file__).read_text()
    documented = set(re.findall(r"^\| `(FINQ_\w+)`", module.__doc__, flags=re.MULTILINE))
    assert documented == set(re.findall(r'"(FINQ_\w+)"', source))
