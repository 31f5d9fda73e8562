"""The report answers first what is asked first, carries its origin, and needs nothing from elsewhere."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from finq_predictor.adapters.tracking import RunIdentity, TrackedRuns
from finq_predictor.domain.promotion.decision import Verdict
from finq_predictor.pipelines.evaluation.nodes import draw_plots, write_report
from finq_predictor.pipelines.evaluation.params import EvaluationParams
from finq_predictor.reports.evaluation.labels import CHECKS
from finq_predictor.reports.evaluation.pictures import PICTURES
from page_laws import assert_lawful
from synthetic_evaluation import make_world, results_of
from synthetic_values import make_version


def evaluate(results, version="1", status="promoted", pictures=None) -> str:
    champion = results.bundle.registered_as(make_version(version, status))
    runs = TrackedRuns({results.candidate: RunIdentity("finq-equity", "f00d", "logistic-20250115-0930")})
    return write_report(results, champion, runs, pictures or draw_plots(results)["plot_images"])


@pytest.fixture(scope="module")
def pictures(results):
    return draw_plots(results)["plot_images"]


@pytest.fixture(scope="module")
def page(results, pictures):
    return evaluate(results, pictures=pictures)


def test_the_page_is_lawful_and_light(page):
    assert_lawful(page)
    assert len(page) < 3_000_000


def test_it_begins_with_the_decision_then_asks_in_order(page):
    places = [
        page.index(text)
        for text in ("SIMULATED DATA", "Can I use it?", "Return per year after costs", "Why this decision?")
    ]
    assert places == sorted(places)
    assert assert_lawful(page).headings == [
        "What is it worth?",
        "Why this decision?",
        "How good is it, beside naive rules?",
        "Which models can be told apart?",
        "What would it have earned after costs?",
        "How much capital does it bear?",
        "Is it just beta, and where did it come from?",
        "How risky is it?",
        "What data is it?",
        "Is it too good to be true?",
        "Is live what was tested?",
        "Can the probabilities be trusted?",
        "How long does it hold, and where?",
        "Was it steady, and was the test fair?",
        "What is each feature worth alone?",
        "What does the model look at?",
        "All figures and rules",
        "How can these numbers be reproduced?",
    ]
    assert "Survivorship" in page
    assert "(naive)" in page


def test_every_section_carries_its_origin_and_the_command_is_there(page):
    stamps = re.findall(r'<p class="stamp">(.*?)</p>', page)
    assert len(stamps) == 18
    assert all(text in stamps[0] for text in ("f00d", "ab12", "cd34", "seed 0"))
    assert "git checkout b8d81ae0c0ff\nkedro run --pipelines=equity --params &#34;seed=0&#34;" in page


def test_it_says_why_it_was_trained_where_somebody_asked(page, results, pictures):
    assert "Why it was trained" not in page
    asked = replace(results, invocation=replace(results.invocation, why_trained="AUC is <0.6"))
    assert "<p>Why it was trained: AUC is &lt;0.6.</p>" in evaluate(asked, pictures=pictures)


def test_every_picture_is_used_once(page):
    shown = assert_lawful(page).pictures
    assert len(shown) == len({picture["src"] for picture in shown}) == len(PICTURES)


def test_every_check_has_a_heading(results):
    assert {check.name for check in results.promotion.checks} == set(CHECKS)


def test_own_data_has_no_banner_names_its_files_and_is_escaped():
    world = make_world(days=450, instruments=12, simulated=False)
    world["provenance"] = replace(world["provenance"], source_id="<script>alert(1)</script>")
    page = evaluate(results_of(world, EvaluationParams(n_bootstrap=100)))
    assert "SIMULATED DATA" not in page
    assert "9f2c41d07be1aa52" in page
    assert "<script>" not in page


@pytest.mark.parametrize(
    ("source_id", "said"),
    [
        ("simulated-easy-0a1b2c3d4e5f", "preset easy, which is kinder than markets are"),
        ("simulated-realistic-0a1b2c3d4e5f", "preset realistic, in which there is about as little to predict"),
        ("simulated-noise-0a1b2c3d4e5f", "preset noise, in which nothing can be predicted"),
        ("simulated-cruel-0a1b2c3d4e5f", "preset cruel. Nothing here"),
        ("simulated-0a1b2c3d4e5f", "by the product itself. Nothing here"),
    ],
)
def test_the_head_says_how_kind_the_market_is(results, pictures, source_id, said):
    trained = replace(results.trained, provenance=replace(results.trained.provenance, source_id=source_id))
    page = evaluate(replace(results, trained=trained), pictures=pictures)
    assert said in page
    assert page.index(said) < page.index("<h1>")
    assert ("known truth, preset " in page) is (source_id.count("-") == 2)


def test_the_same_evaluation_gives_the_same_page(results, page):
    assert evaluate(results) == page


def test_the_smallest_evaluation_gives_a_page_too(smallest):
    page = evaluate(smallest)
    assert "nan" not in assert_lawful(page).text.lower().split()
    assert "no interval" in page


VERDICTS = {
    ("promote", "promoted"): ("good", "Yes, within its limits: the model is promoted."),
    ("provisional", "provisional"): ("warn", "No: the model is provisional."),
    ("reject", "promoted"): ("good", "Version 7 ({model}) stays in use; today's candidate does not replace it."),
    ("awaiting approval", "promoted"): (
        "good",
        "Version 7 ({model}) stays in use; today's candidate passed every check and waits for an approval.",
    ),
    ("awaiting approval", "provisional"): (
        "warn",
        "Not yet: version 7 ({model}) is still provisional; today's candidate passed every check and waits for an "
        "approval.",
    ),
    ("reject", "provisional"): ("warn", "No: version 7 ({model}) is still provisional."),
}


@pytest.mark.parametrize(("decision", "status"), VERDICTS)
def test_the_verdict_says_what_answers_now(results, decision, status):
    tone, words = VERDICTS[decision, status]
    decided = replace(results, promotion=replace(results.promotion, decision=Verdict(decision)))
    page = evaluate(decided, version="7", status=status)
    assert f'<section class="verdict {tone}">' in page
    assert f"Can I use it? {words.format(model=results.candidate)}</b>" in " ".join(page.split())
