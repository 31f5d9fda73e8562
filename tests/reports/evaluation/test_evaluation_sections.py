"""Each section has a template and a context, and stands on its own even where next to nothing is known."""

from __future__ import annotations

import math
from dataclasses import dataclass, is_dataclass, replace
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest

from finq_predictor.domain.evaluation.capacity import CAPITALS
from finq_predictor.domain.evaluation.trading_rules import BacktestRules
from finq_predictor.domain.portfolio.judging import PortfolioVerdict, RuleResult
from finq_predictor.domain.risk.assessment import assess_stress, assess_tails
from finq_predictor.reports.evaluation import head
from finq_predictor.reports.evaluation.labels import CHECKS as CHECK_LABELS
from finq_predictor.reports.evaluation.pictures import draw_pictures
from finq_predictor.reports.evaluation.reading import Estimate
from finq_predictor.reports.evaluation.results import ReportMaterial, RiskFindings
from finq_predictor.reports.evaluation.sections import SECTIONS
from finq_predictor.reports.evaluation.sections.checks import build as build_checks
from finq_predictor.reports.figures import Image
from finq_predictor.reports.pages import Frame, render_page
from page_laws import assert_lawful

FRAME = Frame(simulated=True, origin={"run": "f00d"})


def material_of(results) -> ReportMaterial:
    pictures = {name: Image.of(figure) for name, figure in draw_pictures(results).items()}
    return ReportMaterial(results, results.bundle, pictures)


@pytest.fixture(scope="module")
def whole(results):
    return material_of(results)


@pytest.fixture(scope="module")
def least(smallest):
    return material_of(smallest)


def render(name: str, material: ReportMaterial) -> str:
    """The page with one section."""
    return render_page("evaluation", head.build(material), {name: SECTIONS[name]}, material, FRAME)


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_stands_on_its_own(name, whole):
    context = SECTIONS[name](whole)
    assert is_dataclass(context)
    assert type(context).__dataclass_params__.frozen
    assert f'id="{name}"' in render(name, whole)


@pytest.mark.parametrize("name", SECTIONS)
def test_a_section_stands_where_next_to_nothing_is_known(name, least):
    page = assert_lawful(render(name, least))
    assert "nan" not in page.text.lower().split()
    assert name in page.ids


@pytest.mark.parametrize("name", SECTIONS)
def test_the_same_material_gives_the_same_section(name, whole):
    assert render(name, whole) == render(name, whole)
    assert SECTIONS[name](whole) == SECTIONS[name](whole)


def test_every_template_is_used():
    room = files("finq_predictor.reports") / "templates" / "evaluation"
    assert {path.name.partition(".")[0] for path in room.iterdir()} == {"page", "replay_answer", *SECTIONS}


def test_what_trading_costs_is_said_as_it_is_charged(whole):
    def said(**rules) -> str:
        terms = replace(whole.results.terms, backtest=BacktestRules(**rules))
        return " ".join(render("earnings", replace(whole, results=replace(whole.results, terms=terms))).split())

    assert "every traded side pays 5 bp plus 1 bp slippage." in said()
    quoted = "every traded side pays half the quoted spread (0.5 bp where there are no quotes) plus 1 bp slippage."
    assert quoted in said(execution="open", cost_bp=0.5)
    assert "every traded side pays 0.5 bp plus" in said(execution="open", cost_bp=0.5, use_quotes=False)
    assert "What is sold short costs 50 bp a year." in said(borrow_bp=50.0)
    assert "on a capital of 1,000,000" in said(impact=1.0)
    assert "moves its price" not in said()
    masked = replace(whole.results.market, masked_hours_utc=(21, 22))
    page = render("earnings", replace(whole, results=replace(whole.results, market=masked)))
    assert "No position is opened at 21, 22 h UTC." in page


def test_intervals_are_said_to_cover_what_they_do(whole):
    terms = replace(whole.results.terms, confidence=0.8)
    page = render("skill", replace(whole, results=replace(whole.results, terms=terms)))
    assert "Below each figure stands its 80\u00a0% interval" in page
    assert "80\u00a0% interval" in page[: page.index("Below each figure")]
    assert "95\u00a0% interval" not in page


def test_what_was_decided_about_deliveries_is_told(whole):
    assert "About the deliveries" not in render("data", whole)
    noted = replace(whole.results.trained.provenance, notes={"articles": ("times without a time of day count late",)})
    trained = replace(whole.results.trained, provenance=noted)
    page = render("data", replace(whole, results=replace(whole.results, trained=trained)))
    assert "About the deliveries" in page
    assert "times without a time of day count late" in page


def test_what_the_history_is_worth_is_told(whole):
    def said(**facts) -> str:
        bundles = {
            name: replace(bundle, origin=replace(bundle.origin, **facts))
            for name, bundle in whole.results.trained.candidates.items()
        }
        trained = replace(whole.results.trained, candidates=bundles)
        return " ".join(render("data", replace(whole, results=replace(whole.results, trained=trained))).split())

    worth = {"label_blocks": 207, "effective_years": 4.9, "first_window_years": 1.94, "least_years": 3.0}
    assert "207 stretches as long as a label, worth 4.9 years, and 1.9 before the first test. That is less" in said(
        **worth
    )
    assert "That is less" not in said(**{**worth, "first_window_years": 3.0})
    assert "as long as a label" not in said(**dict.fromkeys(worth)), "a model of before nobody counted"


def test_what_was_ever_judged_is_told(whole):
    def said(judged: int) -> str:
        terms = replace(whole.results.terms, judged=judged)
        return render("earnings", replace(whole, results=replace(whole.results, terms=terms)))

    assert "for 2 configurations that were ever judged on these days, 2 of them in this run. The 8 trials" in said(2)
    assert "for 1 configuration that was ever judged on these days" in said(1)


def test_what_was_not_metered_is_not_compared(whole, least):
    assert "would claim an accuracy of" in render("leaks", whole)
    assert "would claim an accuracy of" not in render("leaks", least)


def test_an_estimate_without_interval_has_none():
    assert Estimate("auc", 0.52, 0.5, 0.54).interval == "0.500 to 0.540"
    assert Estimate("auc", 0.52).interval == ""
    assert Estimate("auc", 0.52, 0.5, math.inf).interval == ""
    assert Estimate("auc").text == "–"


@dataclass(frozen=True)
class Toy:
    """The context of a section that this test adds."""

    model: str


def test_a_section_of_ones_own_needs_a_context_a_template_and_a_line(whole):
    with SECTIONS.trial():
        SECTIONS.add("inside_again", lambda material: Toy(material.champion.name))
        assert list(SECTIONS)[-1] == "inside_again"
        assert SECTIONS["inside_again"](whole) == Toy(whole.results.candidate)


def test_a_check_that_nobody_asked_is_not_passed(whole):
    """Without a champion nothing was beaten, and a sealed window that stays closed shows nothing."""
    rows = {row.cells[0]: row.cells[1].text for row in build_checks(whole).checks.rows}
    by_name = {check.name: check for check in whole.results.promotion.checks}
    assert not by_name["beats_champion"].gating
    assert rows[CHECK_LABELS["beats_champion"]] == "not asked"
    assert rows[CHECK_LABELS["has_skill"]] in ("yes", "no")


def test_the_four_answers_are_given_with_what_is_known(whole, least):
    answers = " ".join(render("worth", whole).split())
    for question in (
        "What would I have earned?",
        "How sure is that?",
        "How much capital does it bear?",
        "Is it just beta?",
    ):
        assert question in answers
    assert "a year after costs" in answers
    assert "the exposure to the benchmark is" in answers
    assert "That is not known: no traded value stands in these bars, or no impact is charged." in answers
    assert "never held a position" in render("worth", least)


def test_capital_is_told_where_a_law_is_known_and_none_where_nothing_is_left(whole):
    results = whole.results
    strategy, names = results.terms.gate_strategy, results.candidate
    curve = pd.DataFrame({"capital": CAPITALS, "large_trades": [1e-9 * capital for capital in CAPITALS]})
    curve = curve.assign(impact=0.01 * (curve["capital"] / 1e6) ** 0.5, net_sharpe=1.0, model=names, strategy=strategy)

    def said(left: float) -> str:
        worth = replace(results.worth, capacity=curve.assign(net_return=left - curve["impact"]))
        return " ".join(render("worth", replace(whole, results=replace(results, worth=worth))).split())

    assert "most money is earned on <b>about 54,000,000</b>, and nothing is left on 120,000,000" in said(0.11)
    assert "up to a capital of 100,000,000" in said(0.11)
    assert "None: nothing is left after the other costs" in said(-0.02)
    worth = replace(results.worth, capacity=curve.assign(net_return=0.1))
    section = SECTIONS["capacity"](replace(whole, results=replace(results, worth=worth)))
    assert [row.look.value for row in section.by_capital.rows] == [""] * 7 + ["muted"] * 2


def test_risk_is_told_with_what_was_judged(whole):
    days = pd.bdate_range("2023-01-02", periods=400, tz="UTC")
    returns = pd.Series(0.01 * np.random.default_rng(0).standard_normal(400), index=days)
    portfolios = {whole.results.candidate: returns, "universe": 2.0 * returns}
    weights = RuleResult("mean_variance", 0.1, 1.2, 0.05, 0.1, 2.5, 0.01, None, 0)
    verdict = PortfolioVerdict("m", "mean_variance", True, "it is better", 300, 20, (weights,))
    found = RiskFindings(
        tails=assess_tails(portfolios), stress=assess_stress(portfolios, returns, {}, {}), portfolio=verdict
    )
    page = render("risk", replace(whole, circumstances=replace(whole.circumstances, risk=found)))
    assert "Value at risk of a day" in page
    assert "worst of the market, 5 days" in page
    assert "In use: mean variance." in page
    assert "Value at risk of a day" not in render("risk", whole)
