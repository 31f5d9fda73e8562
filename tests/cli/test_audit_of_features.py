"""`finq audit --feature`: a user's file is held to the laws of ours."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from finq_predictor.adapters.own_features import forget_own_features
from finq_predictor.cli import finq

SOUND = '''from finq_predictor.domain.features import feature


@feature(inputs=("close",), windows=(7,), lookback=lambda n: n + 1, unit="ratio", source="Mine (2020)")
def my_growth(bars, n):
    """Growth over n bars."""
    return bars.change(n)
'''
SHORT = SOUND.replace("n + 1,", "n,").replace("my_growth", "my_short_growth")


@pytest.fixture(autouse=True)
def registry_as_it_was():
    yield
    forget_own_features()


def run(*files):
    return CliRunner().invoke(finq, ["audit", *(word for file in files for word in ("--feature", str(file)))])


def test_a_sound_file_is_said_to_be(tmp_path):
    (tmp_path / "sound.py").write_text(SOUND)
    result = run(tmp_path / "sound.py")
    assert result.exit_code == 0, result.output
    assert result.output == "sound.py: my_growth_7 keeps all 14 laws in equity, fx.\n"


def test_a_broken_law_is_named_with_what_was_seen_and_fails(tmp_path):
    (tmp_path / "sound.py").write_text(SOUND)
    (tmp_path / "short.py").write_text(SHORT)
    result = run(tmp_path / "short.py", tmp_path / "sound.py")
    assert result.exit_code == 1
    assert "short.py: my_short_growth_7 breaks a law in equity: the bars it declares decide its value" in result.output
    assert "Given the 7 bars it declares: the value of" in result.output
    assert "sound.py: my_growth_7 keeps all" in result.output


def test_a_file_that_is_not_there_is_said(tmp_path):
    result = run(tmp_path / "absent.py")
    assert result.exit_code == 1
    assert "There is no file of features" in result.output
