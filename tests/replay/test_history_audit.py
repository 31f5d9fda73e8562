"""An audit begins at bronze and ends at the models; a hindsight on the way is named."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from click.testing import CliRunner

from finq_predictor.cli.audit import audit
from finq_predictor.domain.ingestion.known_time import known_times_of
from finq_predictor.domain.labels import make_labels
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.panel import macro_state
from finq_predictor.pipelines.training import nodes
from finq_predictor.pipelines.training.samples import make_samples
from finq_predictor.replay.audit import audit_history
from finq_predictor.replay.history import History
from finq_predictor.replay.project import load_training

FX = MARKETS["fx"]


@pytest.fixture(scope="module")
def gold(catalog) -> pd.DataFrame:
    return catalog.load("fx.gold")


@pytest.fixture(scope="module")
def training(catalog):
    """A walk-forward of two models over the first fold."""
    whole = load_training(catalog, FX)
    models = {name: whole.params.models[name] for name in ("base_rate", "logistic")}
    params = whole.params.model_copy(update={"models": models})
    return replace(whole, folds=whole.folds.iloc[[0]], params=params, oos=whole.oos[whole.oos["model"].isin(models)])


@pytest.mark.slow
def test_nothing_looks_ahead_from_bronze_to_the_models(lived_fx, training):
    found = audit_history(lived_fx.history, lived_fx.stages, times=2, seed=0, training=training)
    assert found.clean, found
    assert found.models == ()
    assert found.features > 150
    assert len(found.times) == 2
    assert min(found.times) >= lived_fx.bars[len(lived_fx.bars) // 2 - 1]


@pytest.mark.slow
def test_bars_that_are_used_before_they_were_known_are_found(lived_fx, monkeypatch):
    """Every bar of a pair is known thirty days late: it is missing; code that uses it all the same is found."""
    bronze = dict(lived_fx.history.bronze)
    late = bronze["bars"]["instrument"] == "AUD_USD"
    known = bronze["bars"]["known_at"]
    bronze["bars"] = bronze["bars"].assign(known_at=known.mask(late, known + pd.Timedelta(days=30)))
    limits = lived_fx.stages.ingestion.gates
    stages = replace(
        lived_fx.stages,
        ingestion=lived_fx.stages.ingestion.model_copy(update={"gates": replace(limits, max_quarantine_share=0.5)}),
    )
    history = History.of(FX, bronze, stages.ingestion.rules(FX))
    silver = stages.silver(history.until(pd.Timestamp("2100-01-01", tz="UTC")))
    assert "AUD_USD" not in set(silver["bars"]["instrument"])
    assert audit_history(history, stages, times=1, seed=0).clean
    monkeypatch.setattr("finq_predictor.domain.ingestion.bars._judge_delay", lambda *_: None)
    monkeypatch.setattr("finq_predictor.domain.panel.known_in_time", lambda table, _: table)
    found = audit_history(history, stages, times=1, seed=0)
    assert not found.clean
    assert {difference.table for difference in found.tables} >= {"silver_bars"}
    assert found.leaking


@pytest.mark.slow
def test_dates_that_count_from_their_first_minute_are_found(lived_fx, monkeypatch):
    """The articles of a day have its date only: by that alone they would count in its first hour."""
    bronze = dict(lived_fx.history.bronze)
    days = bronze["articles"]["published_at"].dt.strftime("%Y-%m-%d")
    bronze["articles"] = bronze["articles"].assign(published_at=days, first_seen_at=None)
    rules = lived_fx.stages.ingestion.rules(FX)
    history = History.of(FX, bronze, rules)
    assert (history.known["articles"].dt.hour == 23).all()
    assert audit_history(history, lived_fx.stages, times=1, seed=0).clean
    monkeypatch.setattr("finq_predictor.domain.ingestion.times.Times.latest", lambda times, release=None: times.utc)
    assert (known_times_of(bronze["articles"], "articles", rules).dt.hour == 0).all()
    found = audit_history(history, lived_fx.stages, times=1, seed=0)
    assert {difference.table for difference in found.tables} >= {"silver_articles"}


@pytest.mark.slow
def test_a_label_that_reads_beyond_its_end_is_found(lived_fx, monkeypatch):
    def careless(panel, market, horizons):
        labels = make_labels(panel, market, horizons)
        later = labels.groupby("instrument")["forward_return_1"].shift(-2)
        return labels.assign(forward_return_1=labels["forward_return_1"] + later.fillna(0.0))

    monkeypatch.setattr("finq_predictor.replay.audit.make_labels", careless)
    found = audit_history(lived_fx.history, lived_fx.stages, times=1, seed=0)
    assert [difference.layer for difference in found.labels] == ["labels"]
    assert found.labels[0].column == "forward_return_1"


def _scaled_over_all(gold, names, horizon, *, every_row=False):
    samples = make_samples(gold, names, horizon, every_row=every_row)
    scale = pd.DataFrame(samples.matrix).std().fillna(1.0).replace(0.0, 1.0).to_numpy("float32")
    return replace(samples, matrix=(samples.matrix / scale).astype("float32"))


@pytest.mark.slow
def test_a_scaler_that_knows_the_test_is_found(lived_fx, training, gold, monkeypatch):
    monkeypatch.setattr(nodes, "make_samples", _scaled_over_all)
    oos, _ = nodes.walk_forward(
        gold, training.feature_set, training.folds, training.hyperparameters, training.params, market=FX
    )
    found = audit_history(lived_fx.history, lived_fx.stages, times=1, seed=0, training=replace(training, oos=oos))
    assert [difference.layer for difference in found.models] == ["logistic"]
    assert not found.clean


@pytest.mark.slow
def test_the_command_says_what_it_found(small_project, monkeypatch):
    done = CliRunner().invoke(audit, ["--root", str(small_project), "--env", "test", "--market", "fx", "--times", "1"])
    assert done.exit_code == 0, done.output
    assert "fx: none of" in done.output
    assert "made anew from bronze at 1 times" in done.output
    monkeypatch.setattr("finq_predictor.domain.panel.macro_state", _macro_by_its_period)
    done = CliRunner().invoke(audit, ["--root", str(small_project), "--env", "test", "--market", "fx", "--times", "1"])
    assert done.exit_code == 1
    assert "cpi looks ahead" in done.output


def _macro_by_its_period(series, ts):
    return macro_state(series.assign(known_at=series["period"].dt.tz_localize("UTC")), ts)
