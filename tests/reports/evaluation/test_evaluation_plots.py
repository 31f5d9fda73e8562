"""Every picture has labelled axes and units, and says so where there is nothing to draw."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from finq_predictor.reports.evaluation import plots
from finq_predictor.reports.evaluation.pictures import OF_ONE_MODEL, PICTURES, draw_pictures
from finq_predictor.reports.figures import to_png, to_svg


@pytest.fixture(scope="module")
def drawn(results):
    return draw_pictures(results)


def test_axes_are_labelled(drawn):
    for name in ("calibration", "pnl", "skill", "importance", "confusion", "deciles"):
        axes = drawn[name].axes
        assert any(axis.get_xlabel() for axis in axes), name
        assert all(axis.get_ylabel() for axis in axes) or name == "importance", name
    assert "%" in drawn["pnl"].axes[0].get_ylabel()
    assert "bp" in drawn["deciles"].axes[0].get_ylabel()


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_drawn_where_next_to_nothing_is_known(name, smallest):
    assert len(to_png(PICTURES[name](smallest))) > 1_000


def test_an_empty_picture_says_why():
    nothing = pd.DataFrame(columns=["model", "split", "accuracy", "auc", "n"])
    assert "The leak meter was not read." in to_svg(plots.leak_meter_plot(nothing, 0.58, 0.6))
    assert "logistic has no importance of its features." in to_svg(plots.importance_plot({}, "logistic"))


def test_pictures_of_one_model_are_known(drawn):
    assert set(drawn) > set(OF_ONE_MODEL)


def test_deciles_rise_with_a_planted_order():
    rng = np.random.default_rng(0)
    ts = pd.date_range("2024-01-01", periods=50, tz="UTC").repeat(40)
    probability = rng.uniform(size=len(ts))
    table = plots.decile_returns(
        pd.DataFrame({"ts": ts, "probability": probability, "forward_return": probability - 0.5})
    )
    assert table.index.tolist() == list(range(1, 11))
    assert table["mean"].is_monotonic_increasing


def test_few_instruments_are_ranked_over_all_times():
    ts = pd.date_range("2024-01-01", periods=400, freq="h", tz="UTC")
    probability = np.random.default_rng(0).uniform(size=len(ts))
    table = plots.decile_returns(pd.DataFrame({"ts": ts, "probability": probability, "forward_return": 0.01}))
    assert table.index.tolist() == list(range(1, 11))
