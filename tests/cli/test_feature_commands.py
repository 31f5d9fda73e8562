"""Commands about sets of features."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from finq_predictor.cli import cli
from finq_predictor.domain.features.warming import compute_each


@pytest.fixture
def within(project_path, monkeypatch):
    monkeypatch.chdir(project_path)


def test_sets_are_listed_with_what_they_are_for(within):
    done = CliRunner().invoke(cli, ["features", "sets", "--market", "fx"])
    assert done.exit_code == 0, done.output
    lines = [line.split()[:3] for line in done.output.splitlines()]
    assert ["fx:", "alpha158", "158"] in lines
    assert ["fx:", "fx-core", "11"] in lines
    assert not any(line[0] == "equity:" for line in lines)


def test_what_is_in_a_set_is_listed_and_a_near_miss_named(within):
    done = CliRunner().invoke(cli, ["features", "list", "--set", "alpha158", "--market", "equity"])
    assert done.exit_code == 0, done.output
    assert "ROC60     61  close: Close n bars before over close." in done.output
    assert len(done.output.splitlines()) == 158
    done = CliRunner().invoke(cli, ["features", "list", "--set", "alpha185", "--market", "equity"])
    assert done.exit_code == 1
    assert "Did you mean 'alpha158'" in done.output


def test_every_feature_is_computed_ahead():
    from finq_predictor.domain.features import REGISTRY

    assert sum(compute_each(part, 3) for part in range(3)) >= len(REGISTRY)
