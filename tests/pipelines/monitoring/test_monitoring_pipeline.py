"""The monitoring pipeline on a real model: calm when nothing happened, and each alarm rings for its own cause."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from prometheus_client.parser import text_string_to_metric_families
from pydantic import ValidationError

from finq_predictor.domain.alarms.metrics import METRICS
from finq_predictor.domain.errors import ConfigurationError, UnknownNameError
from finq_predictor.domain.evaluation.paper_book import TradingTerms
from finq_predictor.domain.evaluation.realised import Counts, Figure
from finq_predictor.domain.evaluation.score_cards import FeedbackCounts, ScoreCard, ScoreCards
from finq_predictor.domain.evaluation.signal_record import Figure as Read
from finq_predictor.domain.evaluation.trading_rules import BacktestRules
from finq_predictor.domain.ingestion.gates import Severity
from finq_predictor.domain.market.markets import get_market
from finq_predictor.domain.metrics.signals import OF_SIGNALS
from finq_predictor.domain.modelling.origin import ModelStatus, RegisteredVersion
from finq_predictor.domain.modelling.refusals import AbstentionRules
from finq_predictor.domain.monitoring.delivery_gauges import OF_DELIVERIES
from finq_predictor.domain.monitoring.drift import DRIFT_TESTS, DriftTest, Subject
from finq_predictor.domain.monitoring.gauges import monitoring_metrics
from finq_predictor.domain.monitoring.providers import ProviderNotes
from finq_predictor.domain.monitoring.retraining import ReasonKind, RetrainLimits
from finq_predictor.pipelines.monitoring.nodes import judge_retraining, measure_drift
from finq_predictor.pipelines.monitoring.params import MonitoringParams
from finq_predictor.pipelines.monitoring.pipeline import create_pipeline
from finq_predictor.pipelines.monitoring.signals import keep_paper_book, recall_signals
from page_laws import assert_lawful
from synthetic_monitoring import NAMES, make_watched_world, quiet_gates
from synthetic_values import make_provenance, make_summary

MARKET = get_market("equity")
BARE, BUNDLE = make_watched_world()


def with_outcomes(gold):
    """The same with what followed each bar five bars later, which nobody knows yet of the last ones."""
    times = gold["ts"].drop_duplicates().sort_values(ignore_index=True)
    ends = gold["ts"].map(dict(zip(times, times.shift(-6), strict=True))).astype(gold["ts"].dtype)
    moves = pd.Series(np.random.default_rng(5).normal(0.0, 0.02, len(gold))).where(ends.notna())
    label = (moves > 0.0).astype(float).where(ends.notna())
    return gold.assign(forward_return_5=moves, label_5=label, label_end_5=ends)


GOLD = with_outcomes(BARE)
_RANDOM = np.random.default_rng(6)
BARS = GOLD[["ts", "instrument"]].assign(close=100.0 * np.exp(0.01 * _RANDOM.normal(size=len(GOLD))), sector="energy")
BENCHMARK = GOLD[["ts"]].drop_duplicates(ignore_index=True).assign(close=1000.0)
WALK = (
    GOLD[(GOLD["ts"] > GOLD["ts"].unique()[100]) & (GOLD["ts"] <= GOLD["ts"].unique()[180])]
    .rename(columns={"forward_return_5": "forward_return", "label_5": "label", "label_end_5": "label_end"})
    .assign(model=BUNDLE.name, probability=0.6)
)
CALLS = pd.DataFrame(
    {
        "table": ["bars", "bars", "bars", "articles"],
        "source": ["yahoo", "yahoo", "yahoo", "rss"],
        "started_at": GOLD["ts"].max() - pd.to_timedelta([1, 2, 30, 3], unit="h"),
        "outcome": ["ok", "timed out", "failed", "moved"],
    }
)


def run(
    gold=GOLD, simulated=True, predictions=None, clock=None, gate=None, cards=None, walk=None, summary=None, terms=None,
    **params,
):  # fmt: skip
    predicted = BUNDLE.predict(GOLD[GOLD["ts"] >= GOLD["ts"].unique()[240]]) if predictions is None else predictions
    confidence = 2.0 * (predicted["probability"] - 0.5).abs()
    data = {
        "gold": gold,
        "champion": BUNDLE if simulated else replace(BUNDLE, origin=replace(BUNDLE.origin, simulated=False)),
        "predictions": predicted.assign(model=BUNDLE.name, confidence=confidence),
        "silver_bars": BARS,
        "silver_benchmark": BENCHMARK,
        "oos_predictions": WALK if walk is None else walk,
        "training_summary": make_summary(horizon=5) if summary is None else summary,
        "trading_terms": terms,
        "provenance": make_provenance(
            source="simulated" if simulated else "own", source_id="seed 1 & <co>", simulated=simulated
        ),
        "snapshot": "000012-919fa2540b59",
        "gate_results": quiet_gates(gold, **(gate or {})),
        "score_cards": cards,
        "provider_notes": ProviderNotes(CALLS, {"macro": ("the provider was down",)} if gate else {}),
        "clock": GOLD["ts"].max() if clock is None else pd.Timestamp(clock),
        "params:monitoring": MonitoringParams(**params),
    }
    before = gold.copy(deep=True)
    for node in create_pipeline(MARKET).nodes:
        data |= node.run({name: data[name] for name in node.inputs})
    pd.testing.assert_frame_equal(gold, before)
    return data


@pytest.fixture(scope="module")
def calm():
    return run()


def test_nothing_rings_when_nothing_happened(calm):
    assert not calm["freshness"]["stale"].any()
    assert calm["freshness"]["valid"].all()
    assert calm["freshness"]["layer"].tolist() == ["silver", "gold", "predictions"]
    assert not calm["missing_rates"]["alert"].any()
    assert not calm["drift"]["drifted"].any()
    assert calm["drift"]["name"].tolist() == [*NAMES, "probability"]
    assert "<h1>Equity: all is well</h1>" in calm["monitoring_report"]


def late(gold=GOLD):
    return gold["ts"] >= gold["ts"].unique()[240]


def test_a_moved_feature_rings_by_name():
    moved = GOLD.assign(reversal_5=GOLD["reversal_5"].where(~late(), GOLD["reversal_5"] + 1.0))
    out = run(moved)
    assert out["drift"].set_index("name")["drifted"].to_dict() == {
        "momentum_20": False,
        "reversal_5": True,
        "volatility_20": False,
        "tone": False,
        "probability": False,
    }
    assert "1 of 4 features drifted: reversal_5 (distribution and level)." in out["monitoring_report"]
    rang = 'finq_feature_drift_reason_status{feature="reversal_5",market="equity",reason="level"} 1.0'
    assert rang in out["monitoring_metrics"]
    assert 'finq_feature_drift_status{feature="reversal_5",market="equity"} 1.0' in out["monitoring_metrics"]


def test_windows_after_the_training_are_no_yardstick():
    """What moved as soon as training had ended, and stayed, is drift: windows since then have drifted themselves."""
    trained_to = GOLD["ts"].unique()[180]
    champion = replace(BUNDLE, origin=replace(BUNDLE.origin, trained_to=trained_to.isoformat()))
    moved = GOLD.assign(reversal_5=GOLD["reversal_5"].where(GOLD["ts"] <= trained_to, GOLD["reversal_5"] + 1.0))
    drift = measure_drift(moved, BUNDLE.predict(GOLD[late()]), champion, MonitoringParams()).set_index("name")
    assert drift["drifted"].to_dict() == {name: name == "reversal_5" for name in drift.index}
    since = moved[(moved["ts"] <= trained_to) | late()]
    without = measure_drift(since, BUNDLE.predict(GOLD[late()]), champion, MonitoringParams()).set_index("name")
    pd.testing.assert_frame_equal(drift, without, check_exact=True)


def test_a_missing_feature_rings_as_missing():
    out = run(GOLD.assign(tone=GOLD["tone"].where(~late())))
    assert out["missing_rates"].set_index("feature")["alert"].to_dict()["tone"]
    assert "More values are missing than in training: tone." in out["monitoring_report"]


def test_a_feature_that_is_no_column_any_more_rings():
    out = run(GOLD.drop(columns="tone"))
    assert out["missing_rates"].set_index("feature")["missing_ratio"]["tone"] == 1.0
    assert out["drift"].set_index("name")["drifted"]["tone"]


def test_moved_predictions_ring():
    predicted = BUNDLE.predict(GOLD[late()])
    out = run(predictions=predicted.assign(probability=(predicted["probability"] + 0.3).clip(0, 1)))
    assert out["drift"].set_index("name")["drifted"]["probability"]
    assert "Predictions drifted away from training by their distribution and level" in out["monitoring_report"]


def test_no_predictions_are_said_and_not_hidden():
    out = run(predictions=BUNDLE.predict(GOLD[late()]).iloc[:0])
    assert "There are no current predictions" in out["monitoring_report"]
    assert out["freshness"].set_index("layer").loc["predictions", "problem"] == "no rows"
    assert "Equity: needs attention" in out["monitoring_report"]


def test_old_data_ring():
    out = run(as_of="2024-03-01T21:00Z")
    assert out["freshness"]["stale"].all()
    assert "Stale data: silver, gold, predictions older than 13 h while the market is open" in out["monitoring_report"]


def test_a_delivery_that_a_gate_stopped_rings():
    closed = {"frame": "bars", "rule": "max_null_share", "passed": False, "value": 0.3, "severity": Severity.STOP}
    out = run(gate=closed)
    silver = out["freshness"].set_index("layer").loc["silver"]
    assert not silver["valid"]
    assert "gates stopped the last delivery" in silver["problem"]
    metrics = out["monitoring_metrics"]
    assert 'finq_validation_status{layer="silver",market="equity",pipeline="ingestion"} 0.0' in metrics
    assert 'finq_gate_status{frame="bars",market="equity",rule="max_null_share",severity="stop"} 0.0' in metrics
    assert "bars max_null_share" in out["monitoring_report"]
    assert "needs attention" in out["monitoring_report"]


def test_a_warning_is_seen_on_the_page_and_stops_nothing():
    out = run(gate={"passed": False, "value": 9.0})
    assert out["freshness"]["valid"].all()
    assert "Gates warn of the last delivery: articles max_article_days." in out["monitoring_report"]


def test_calls_failures_and_outages_are_counted(calm):
    counted = calm["providers"].set_index(["table", "source"])
    assert counted.loc[("bars", "yahoo")].tolist() == [2, 1, 0]
    assert counted.loc[("articles", "rss")].tolist() == [1, 0, 0]
    metrics = run(gate={"passed": True})["monitoring_metrics"]
    assert 'finq_provider_failures{market="equity",source="yahoo",table="bars"} 1.0' in metrics
    assert 'finq_delivery_outages{market="equity",table="macro"} 1.0' in metrics
    assert 'finq_quarantine_share{market="equity",rule="duplicate",table="bars"} 0.003' in metrics


def test_age_is_measured_against_the_clock():
    newest = GOLD["ts"].max()
    late = run(simulated=False, clock=newest + pd.Timedelta(days=14))
    assert late["freshness"]["stale"].all()
    assert late["freshness"]["hours"].iloc[0] == 14 * 24
    assert 'finq_data_stale_status{layer="silver",market="equity"' in late["monitoring_metrics"]
    assert "Stale data" in late["monitoring_report"]
    assert not run(simulated=False, clock=newest + pd.Timedelta(hours=15))["freshness"]["stale"].any()
    # A made-up market has no other clock than its own.
    assert not run(clock="2040-01-01T00:00Z")["freshness"]["stale"].any()
    assert not run(simulated=False, clock="2040-01-01T00:00Z", as_of="latest")["freshness"]["stale"].any()


def test_the_parameters_may_set_another_limit():
    out = run(as_of="2024-03-01T21:00Z", freshness_limit_hours=1000)
    assert not out["freshness"]["stale"].any()
    assert "none is older than 1000 h while the market is open" in out["monitoring_report"]


def test_the_page_says_simulated_only_when_it_is(calm):
    assert "SIMULATED" in calm["monitoring_report"]
    assert "SIMULATED" not in run(simulated=False)["monitoring_report"]


def test_the_page_is_lawful_and_escapes(calm):
    page = calm["monitoring_report"]
    assert len(assert_lawful(page).pictures) == 2
    assert "seed 1 &amp; &lt;co&gt;" in page


def test_the_same_data_give_the_same_page(calm):
    again = run()
    assert again["monitoring_report"] == calm["monitoring_report"]
    assert again["monitoring_metrics"] == calm["monitoring_metrics"]


@pytest.mark.parametrize("wrong", [{"window_days": 0}, {"psy": 0.2}, {"drift": {"psi": 0.2}}])
def test_parameters_are_checked(wrong):
    with pytest.raises(ValidationError):
        MonitoringParams(**wrong)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"false_discovery_rate": 1.0}, "false_discovery_rate is 1.0; expected a number between 0 and 1"),
        ({"level_share": 0.0}, "level_share is 0.0; expected a number between 0 and 1"),
        ({"thresholds": {"psi": -1.0}}, "threshold of psi is -1.0; expected a number above 0"),
    ],
)
def test_rules_of_drift_are_checked(wrong, said):
    with pytest.raises(ConfigurationError, match=said):
        MonitoringParams(drift=wrong)


def test_a_threshold_is_of_a_test_that_exists():
    with pytest.raises(UnknownNameError, match=r"Unknown drift test 'psy'\. Did you mean 'psi'"):
        MonitoringParams(drift={"thresholds": {"psy": 0.2}})


class WorstCase(DriftTest):
    """A toy: the largest value now, less the largest in training."""

    name = "worst"
    title = "worst case"
    meaning = "Excess of the largest value"
    threshold = 0.5
    source = "Nobody (2000)"

    def statistic(self, reference, current):
        return float(np.nanmax(current) - reference.quantiles[-1])


def test_a_drift_test_that_is_registered_appears_everywhere_by_itself(calm):
    with DRIFT_TESTS.trial():
        DRIFT_TESTS.add("worst", WorstCase)
        out = run(drift={"thresholds": {"worst": 2.0}})
        row = out["drift"].set_index("name").loc["probability"]
        assert not row["drifted"]
        with_alarm = type("Ringing", (WorstCase,), {"alarms": frozenset({Subject.PREDICTION})})
        DRIFT_TESTS.remove("worst")
        DRIFT_TESTS.add("worst", with_alarm)
        rung = run(drift={"thresholds": {"worst": 2.0}})
    pd.testing.assert_frame_equal(out["drift"].drop(columns="worst"), calm["drift"])
    assert out["drift"]["worst"].notna().all()
    assert '<th scope="col">worst case</th>' in out["monitoring_report"]
    assert "# HELP finq_feature_drift_worst Excess of the largest value of current values" in out["monitoring_metrics"]
    assert 'finq_feature_drift_worst{feature="tone",market="equity"}' in out["monitoring_metrics"]
    assert 'finq_prediction_drift_worst{market="equity"}' in out["monitoring_metrics"]
    assert f"worst case {row['worst']:.3f}, alarm above 2)" in rung["monitoring_report"]
    again = run()
    assert again["monitoring_report"] == calm["monitoring_report"]
    assert again["monitoring_metrics"] == calm["monitoring_metrics"]


def test_every_metric_of_a_run_is_declared_as_it_comes_out():
    text = run(gate={"passed": True})["monitoring_metrics"]
    seen = {}
    for family in text_string_to_metric_families(text):
        seen[family.name] = (family.type, family.documentation, {tuple(sorted(one.labels)) for one in family.samples})
    declared = (*monitoring_metrics(), *OF_DELIVERIES, *OF_SIGNALS)
    assert set(seen) == {metric.name for metric in declared}
    for metric in declared:
        kind, told, labels = seen[metric.name]
        assert (kind, told, labels) == (metric.kind.value, metric.text, {tuple(sorted(metric.labels))}), metric.name
        assert METRICS[metric.name] == metric


def recalled(**given):
    return run(**given)["signals"]


def test_what_is_recalled_of_the_champion_is_what_it_said_of_bars_it_had_not_seen(calm):
    times = GOLD["ts"].unique()
    said = set(calm["signals"]["ts"])
    # The last bar that was learned from is the 239th, and its outcome was known six bars later.
    assert said == {*times[101:181], *times[245:]}
    assert (calm["signals"]["newest_ts"] == calm["signals"]["ts"]).all()
    assert not calm["signals"].duplicated(["ts", "instrument"]).any()
    other = make_summary(horizon=5, data_hash="of another training")
    assert set(recalled(summary=other)["ts"]) == set(times[245:])
    assert set(recalled(walk=WALK.assign(model="another"))["ts"]) == set(times[245:])


def test_signals_are_held_against_what_is_known_and_the_book_trades_by_the_terms_of_the_champion(calm):
    record = calm["paper_book"]
    assert (record.market, record.source, record.as_of) == ("equity", "batch", GOLD["ts"].max().isoformat())
    figures = {(one.figure, one.window): one.value for one in record.readings if not one.part}
    assert figures[Read.OUTCOMES, "365d"] == 20 * (80 + 9)
    own = WALK["label"].to_numpy() > 0.5
    assert abs(figures[Read.ACCURACY, "365d"] - own.mean()) < 0.1
    assert record.strategy == "quantile"
    assert record.capital_usd == 1e6
    terms = TradingTerms("threshold", BacktestRules(capital=5e5), AbstentionRules(min_confidence=0.9))
    strict = run(terms=terms)
    assert (strict["signals"]["decision"] == "abstain").mean() > 0.8
    assert strict["paper_book"].capital_usd == 5e5


def test_a_champion_that_learned_from_everything_has_said_nothing_that_counts():
    newest = GOLD["ts"].max().isoformat()
    fresh = replace(BUNDLE, origin=replace(BUNDLE.origin, trained_to=newest))
    none = recall_signals(fresh, GOLD, WALK.iloc[:0], make_summary(horizon=5), None, market=MARKET)
    assert set(none["ts"]) <= {GOLD["ts"].max()}
    record = keep_paper_book(none.iloc[:0], BARS, fresh, None, BENCHMARK, market=MARKET)
    assert record.strategy == ""
    assert {one.figure for one in record.readings} == {Read.OUTCOMES}


def card(**figures):
    place = BUNDLE.origin.registered
    counts = Counts(said=400, abstained=0, matured=400, waiting=0, ties=0, known_before=0, days=40)
    return ScoreCard(
        MARKET.name, BUNDLE.name, place.version if place else "", "champion", 5, "", "", counts,
        tuple(Figure(name, value) for name, value in figures.items()), FeedbackCounts(0, 0, 0, 0), "",
    )  # fmt: skip


def test_a_training_is_asked_for_when_something_speaks_for_it(calm):
    assert not calm["retrain_request"].asks
    moved = GOLD.assign(**{name: GOLD[name].where(~late(), GOLD[name] + 9.0) for name in NAMES})
    asked = run(moved)["retrain_request"]
    assert asked.asks
    assert asked.reasons[0].kind is ReasonKind.DRIFT
    old = run(moved, simulated=False, clock="2035-01-01T00:00Z")["retrain_request"]
    assert old.reasons
    assert "too old" in old.held_back


def test_a_realised_score_of_the_champion_asks_for_a_training():
    registered = RegisteredVersion("7", ModelStatus.PROMOTED, "run", "model")
    served = replace(BUNDLE, origin=replace(BUNDLE.origin, registered=registered))
    mine = replace(card(auc=0.52, hit_rate=0.58), version="7")
    other = replace(card(auc=0.40), version="6")
    watched = run()["watched"]

    def asked(cards, **limits):
        params = MonitoringParams(retrain=RetrainLimits(**limits))
        return judge_retraining(watched, GOLD, served, cards, params, market=MARKET)

    (reason,) = asked(ScoreCards("", "", (other, mine))).reasons
    assert (reason.kind, reason.figure, reason.limit) == (ReasonKind.SCORE, 0.52, 0.6)
    assert not asked(ScoreCards("", "", (other,))).asks
    assert not asked(ScoreCards("", "", (mine,)), least_auc=0.5).asks
    assert not asked(None).asks
