"""The report answers first what is asked first, carries its origin, and needs nothing from elsewhere."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from finq_predictor.adapters.tracking import RunIdentity, TrackedRuns
from finq_predictor.domain.promotion.decision import PromotionRules
from finq_predictor.pipelines.evaluation.nodes import (
    draw_plots,
    write_report,
)
from finq_predictor.pipelines.evaluation.params import EvaluationParams
from finq_predictor.reports.evaluation import plots
from finq_predictor.reports.evaluation.pictures import NAMES
from finq_predictor.reports.evaluation.report import CAPTIONS
from finq_predictor.reports.evaluation.sections import CHECKS
from synthetic_evaluation import make_world, results_of
from synthetic_values import make_version

PARAMS = EvaluationParams(
    n_bootstrap=200, promotion=PromotionRules(n_bootstrap=500), command="kedro run --pipelines=equity"
)


def evaluate(world) -> dict:
    results = results_of(world, PARAMS)
    drawn = draw_plots(results)
    champion = results.bundle.registered_as(make_version())
    ids = TrackedRuns({results.candidate: RunIdentity("finq-equity", "f00d", "logistic-20250115-0930")})
    page = write_report(results, champion, ids, drawn["plot_images"])
    return {"page": page, "drawn": drawn, "promotion": results.promotion}


@pytest.fixture(scope="module")
def evaluated():
    return evaluate(make_world(days=450, instruments=25))


@pytest.fixture(scope="module")
def page(evaluated):
    return evaluated["page"]


def test_the_page_needs_nothing_from_elsewhere(page):
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", page)
    assert "@import" not in page
    assert "<script" not in page
    assert len(page) < 3_000_000


def test_it_begins_with_the_decision_then_asks_in_order(page):
    places = [
        page.index(text)
        for text in ("SIMULATED DATA", "Can I use it?", "Return per year after costs", "Why this decision?")
    ]
    assert places == sorted(places)
    questions = re.findall(r"<h2>(.*?)</h2>", page)
    assert questions[:6] == [
        "Why this decision?",
        "How good is it, beside naive rules?",
        "What would it have earned after costs?",
        "How risky is it?",
        "What data is it?",
        "Is it too good to be true?",
    ]
    assert "Survivorship" in page
    assert "(naive)" in page


def test_every_section_carries_its_origin_and_the_command_is_there(page):
    stamps = re.findall(r'<p class="stamp">(.*?)</p>', page)
    assert len(stamps) == 11
    assert all(text in stamps[0] for text in ("f00d", "ab12", "cd34", "seed 0"))
    assert "git checkout b8d81ae0c0ff\nkedro run --pipelines=equity" in page


def test_every_picture_is_drawn_captioned_and_used(evaluated):
    assert set(NAMES) == set(CAPTIONS) == {picture.name for picture in evaluated["drawn"]["plot_images"]}
    assert evaluated["page"].count('src="data:image/png;base64,') == len(NAMES)


def test_every_check_has_a_heading(evaluated):
    assert {check.name for check in evaluated["promotion"].checks} == set(CHECKS)


def test_axes_are_labelled(evaluated):
    for name in ("calibration", "pnl", "skill", "importance", "confusion", "deciles"):
        axes = evaluated["drawn"][f"plot_{name}"].axes
        assert any(axis.get_xlabel() for axis in axes), name
        assert all(axis.get_ylabel() for axis in axes) or name == "importance", name
    assert "%" in evaluated["drawn"]["plot_pnl"].axes[0].get_ylabel()
    assert "bp" in evaluated["drawn"]["plot_deciles"].axes[0].get_ylabel()


def test_own_data_has_no_banner_names_its_files_and_is_escaped():
    world = make_world(days=450, instruments=12, simulated=False)
    world["provenance"] = replace(world["provenance"], source_id="<script>alert(1)</script>")
    page = evaluate(world)["page"]
    assert "SIMULATED DATA" not in page
    assert "9f2c41d07be1aa52" in page
    assert "<script>" not in page


def test_the_same_evaluation_gives_the_same_page(evaluated):
    assert evaluate(make_world(days=450, instruments=25))["page"] == evaluated["page"]


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
