"""Weights of the newest predictions in a terminal: equal ones, and why, until an optimiser was promoted."""

from __future__ import annotations

import pandas as pd
import pytest
from click.testing import CliRunner

from finq_predictor.cli import finq


def run(*words: str):
    return CliRunner().invoke(finq, ["portfolio", *words])


def test_equal_weights_and_why(small_project, tmp_path):
    out = tmp_path / "weights.csv"
    done = run("equity", "--root", str(small_project), "--capital", "1000000", "--out", str(out))
    assert done.exit_code == 0, done.output
    assert "Equal weights; no optimiser was promoted: it was not judged" in done.output
    written = pd.read_csv(out)
    assert list(written.columns) == ["ts", "instrument", "probability", "weight", "amount"]
    assert written["weight"].nunique() == 1
    assert written["amount"].sum() == pytest.approx(1e6, rel=1e-4)
    assert f"{len(written)} instruments from the bar of" in done.output
    again = run("equity", "--root", str(small_project), "--held", str(out))
    assert again.exit_code == 0, again.output
    written.drop(columns="weight").to_csv(out, index=False)
    assert "lacks weight" in run("equity", "--root", str(small_project), "--held", str(out)).output
    written.assign(weight=7.0).to_csv(out, index=False)
    assert "no share of the capital" in run("equity", "--root", str(small_project), "--held", str(out)).output


def test_without_an_evaluation_it_says_what_to_run(tmp_path):
    done = run("fx", "--root", str(tmp_path))
    assert done.exit_code == 1
    assert "There is no portfolio_verdict, predictions, silver_bars, champion of fx" in done.output
    assert "kedro run --pipelines=evaluation --namespaces=evaluation.fx" in done.output
    assert run("nowhere").exit_code == 2
