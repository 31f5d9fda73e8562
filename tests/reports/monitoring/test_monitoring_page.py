"""The monitoring page says first whether all is well, names what is not, and shows the evidence."""

from __future__ import annotations

from dataclasses import is_dataclass, replace
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest

from finq_predictor.reports.monitoring import head
from finq_predictor.reports.monitoring.page import monitoring_page
from finq_predictor.reports.monitoring.sections import SECTIONS
from page_laws import assert_lawful
from synthetic_monitoring import make_monitoring, make_watched_world
from synthetic_values import make_provenance


@pytest.fixture(scope="module")
def calm():
    return make_monitoring(*make_watched_world())


@pytest.fixture(scope="module")
def least(calm):
    """One feature that is no column any more, no prediction, and layers without rows."""
    drift = calm.drift.groupby("kind").head(1)
    numbers = drift.select_dtypes("number").columns
    return replace(
        calm,
        freshness=calm.freshness.assign(latest=pd.NaT, hours=np.nan, open_hours=np.nan, valid=False, problem="no rows"),
        missing_rates=calm.missing_rates.head(1).assign(missing_ratio=np.nan, reference_ratio=np.nan),
        drift=drift.assign(**dict.fromkeys(numbers, np.nan)),
        current=calm.current[["ts", "instrument"]].iloc[:1],
    )


def words_of(results) -> str:
    return " ".join(assert_lawful(monitoring_page(results)).text.split())


def test_calm_is_said_before_the_evidence(calm):
    page = assert_lawful(monitoring_page(calm))
    words = " ".join(page.text.split())
    assert words.index("Equity: all is well") < words.index("All layers are fresh") < words.index(page.headings[0])
    assert page.headings == [
        "Are the data fresh and valid?",
        "What did the gates find in the last delivery?",
        "Which features moved most, for a window of this length?",
        "How are they spread, then and now?",
        "Are values missing?",
        "How far did every feature drift?",
        "Which model and which data are these?",
    ]


def test_the_smallest_monitoring_gives_a_page_too(least):
    page = assert_lawful(monitoring_page(least))
    assert not {"nan", "nat"} & set(page.text.lower().split())
    assert "None of them is a column of the current data." in page.text
    assert "There are no current predictions to compare with training." in page.text
    assert len(page.pictures) == 1


@pytest.mark.parametrize("name", SECTIONS)
@pytest.mark.parametrize("size", ["calm", "least"])
def test_a_section_has_a_frozen_context_that_repeats(name, size, request):
    results = request.getfixturevalue(size)
    context = SECTIONS[name](results)
    assert is_dataclass(context)
    assert type(context).__dataclass_params__.frozen
    assert SECTIONS[name](results) == context


def test_every_template_is_used():
    room = files("finq_predictor.reports") / "templates" / "monitoring"
    assert {path.name.partition(".")[0] for path in room.iterdir()} == {"page", *SECTIONS}


def test_the_same_results_give_the_same_page(calm):
    assert monitoring_page(calm) == monitoring_page(calm)


def test_the_page_says_which_model_and_which_data(calm):
    page = monitoring_page(calm, "000012-919fa2540b59")
    known = "data ab12ab12ab12ab12 · features dddddddddddddddd · code cd34cd34cd34cd34"
    stamp = f"model logistic version 3 · snapshot 000012-919fa2540b59 · {known}"
    assert page.count(stamp) == len(SECTIONS) + 1
    assert "source simulated (simulated-0), 20 instruments · period 2023-01-02 to 2023-12-29" in page


def test_made_up_data_or_a_model_made_of_them_are_announced(calm):
    own = replace(calm.champion, origin=replace(calm.champion.origin, simulated=False))
    real = replace(calm, provenance=make_provenance(simulated=False), champion=own)
    assert "SIMULATED DATA" not in monitoring_page(real)
    assert "SIMULATED DATA" in monitoring_page(replace(real, champion=calm.champion))
    assert "SIMULATED DATA" in monitoring_page(replace(real, provenance=calm.provenance))


def test_the_head_says_with_which_preset_the_market_was_made(calm):
    made = replace(calm, provenance=make_provenance(source_id="simulated-easy-0a1b2c3d4e5f"))
    assert "It was made with the preset easy, which is kinder than markets are" in monitoring_page(made)
    # Own data, watched by a model from the simulator: its market is named.
    origin = replace(calm.champion.origin, source_id="simulated-noise-0a1b2c3d4e5f")
    own = make_provenance(simulated=False, source_id="own-easy-1")
    mixed = replace(calm, provenance=own, champion=replace(calm.champion, origin=origin))
    assert "It was made with the preset noise" in monitoring_page(mixed)
    assert "preset" not in monitoring_page(calm)


def rung(drift, rows, reason):
    """The same table in which some rows drifted, and why."""
    return drift.assign(drifted=rows, reason=drift["reason"].mask(rows, reason))


def alarmed(calm, what):
    """The same results with one thing wrong."""
    first = [True, *[False] * (len(calm.freshness) - 1)]
    match what:
        case "stale":
            return replace(calm, freshness=calm.freshness.assign(stale=first))
        case "broken":
            problem = ["a <b> problem", *[""] * (len(calm.freshness) - 1)]
            return replace(calm, freshness=calm.freshness.assign(valid=np.invert(first), problem=problem))
        case "warned":
            quiet = calm.gates["rule"] == "max_article_days"
            return replace(calm, gates=calm.gates.assign(passed=~quiet))
        case "missing":
            return replace(calm, missing_rates=calm.missing_rates.assign(alert=calm.missing_rates["feature"] == "tone"))
        case "drifted":
            return replace(calm, drift=rung(calm.drift, calm.drift["name"] == "tone", "level"))
        case "predictions":
            return replace(calm, drift=rung(calm.drift, calm.drift["kind"] == "prediction", "distribution"))


@pytest.mark.parametrize(
    ("what", "words", "marked"),
    [
        ("stale", "Stale data: silver older than 13 h while the market is open.", 1),
        ("broken", "Checks failed: silver: a <b> problem.", 1),
        ("warned", "Gates warn of the last delivery: articles max_article_days.", 1),
        ("missing", "More values are missing than in training: tone.", 1),
        ("drifted", "1 of 4 features drifted: tone (level).", 1),
        ("predictions", "Predictions drifted away from training by their distribution (KL divergence", 0),
    ],
)
def test_each_alarm_is_said_by_name_and_marked(calm, what, words, marked):
    results = alarmed(calm, what)
    page = monitoring_page(results)
    assert '<section class="verdict bad">' in page
    assert f'<li class="bad">{words.replace("<b>", "&lt;b&gt;")}' in page
    assert page.count('<li class="good">') == 5
    assert page.count('<tr class="alarm">') == marked
    assert "Equity: needs attention" in words_of(results)


def test_many_names_are_not_all_told(calm):
    names = [f"feature_{k}" for k in range(12)]
    rates = pd.DataFrame({"feature": names, "missing_ratio": 0.5, "reference_ratio": 0.0, "alert": True})
    assert "feature_7 and 4 more." in words_of(replace(calm, missing_rates=rates))


@pytest.mark.parametrize(
    ("divergence", "drifted", "words"),
    [
        (
            0.01,
            False,
            "Predictions look like training (KL divergence 0.010, alarm above 0.1; level 0.020, alarm above 0.5).",
        ),
        (0.2, False, "KL divergence 0.200 is large, but usual for a window."),
        (
            0.2,
            True,
            "training by their distribution (KL divergence 0.200, alarm above 0.1; level 0.020, alarm above 0.5).",
        ),
    ],
)
def test_the_verdict_on_predictions_in_words(calm, divergence, drifted, words):
    row = calm.drift["kind"] == "prediction"
    drift = calm.drift.assign(kl=calm.drift["kl"].mask(row, divergence), level=calm.drift["level"].mask(row, 0.02))
    drift = rung(drift, row & drifted, "distribution")
    results = replace(calm, drift=drift)
    assert words in words_of(results)
    assert head.build(results).well is not drifted


def test_a_threshold_of_the_parameters_is_the_one_that_is_said(calm):
    assert "alarm above 0.7; level" in words_of(replace(calm, thresholds={"kl": 0.7}))


def test_the_table_says_by_what_a_feature_drifted(calm):
    page = monitoring_page(replace(calm, drift=rung(calm.drift, calm.drift["name"] == "tone", "level")))
    row = page[page.index('<tr class="alarm">') :]
    assert "tone" in row[:200]
    assert ">level</td>" in row[: row.index("</tr>")]
    assert ">Drifted by its</th>" in page
