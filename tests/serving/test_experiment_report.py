"""From the spool to the report: a planted better challenger is found, and told by command and route."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from finq_predictor.adapters.bundle_store import load_bundle
from finq_predictor.adapters.challengers import add_challenger, read_experiment, remove_challenger
from finq_predictor.adapters.database.served_store import ServedStore, store_engine
from finq_predictor.adapters.layout import Layout
from finq_predictor.adapters.live_trials import read_report
from finq_predictor.cli import finq
from finq_predictor.domain.evaluation.arm_comparison import Verdict
from finq_predictor.domain.labels import make_labels
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.modelling.model_hash import model_hash
from finq_predictor.serving.chores import Chores
from finq_predictor.serving.experiment_report import report_experiment, table_of, write_reports
from finq_predictor.serving.keeper import Keeper
from finq_predictor.serving.lines import failure_line, prediction_line
from finq_predictor.serving.settings import Settings
from finq_predictor.serving.spool import FOLDER, Spool
from serving import small_market
from serving.conftest import started
from serving.test_spool import said
from synthetic_values import make_version

ALONE = 40


@pytest.fixture
def tried(own_root, monkeypatch):
    """Outcomes of two models at 260 hours, of which the second knows more and came later."""
    monkeypatch.delenv("FINQ_STORE_URL", raising=False)
    market, rng = MARKETS["fx"], np.random.default_rng(0)
    tables = small_market.silver(market, 260, 7)
    panel = small_market.panel_of(market, tables)
    small_market.write_silver(own_root, market, tables)
    rival = small_market.train(market, panel, "logistic", version="9")
    add_challenger(own_root, "fx", rival)
    labels = make_labels(panel, market, (1,)).dropna()
    champion = small_market.champion(own_root, "fx")
    spool = Spool(Layout(own_root).served / FOLDER, 2**30)
    for place, row in enumerate(labels.itertuples()):
        moment = row.ts.isoformat()
        for model, knows, arm in ((champion, 0.05, "champion"), (rival, 0.35, "shadow")):
            if arm == "shadow" and place < ALONE:
                continue
            noise = 0.1 * rng.normal()
            line = said(
                market="fx", instrument=row.instrument, feature_ts=moment, newest_ts=moment, horizon=1, arm=arm,
                model=model.name, version=model.version,
                took_us=30_000 if arm == "shadow" else 20_000,
                probability=float(np.clip(0.5 + knows * (row.label_1 - 0.5) + noise, 0.01, 0.99)),
            )  # fmt: skip
            # The champion's answers were given, in 100 microseconds each and every tenth in 2,000.
            took = None if arm == "shadow" else 2_000 if place % 10 == 9 else 104
            spool.record(prediction_line(spool.new_id(), b"r", int(row.ts.timestamp() * 1e6), b"null", line, took))
            if arm == "shadow" and place % 100 == 50:
                failed = {"market": "fx", "model": model.name, "version": "9", "arm": arm, "kind": "unanswered"}
                spool.record(failure_line(spool.new_id(), "r", int(row.ts.timestamp() * 1e6), failed))
    spool.close()
    keeper = Keeper(
        own_root, lambda: ServedStore(store_engine(own_root, {})), chores=Chores(own_root, timedelta(10**4)).run_once
    )
    assert keeper.run_once().outcomes == len(labels)
    return own_root, len(labels)


def test_a_better_challenger_is_found_and_told_everywhere(tried):
    root, rows = tried
    kept = read_report(root, "fx")
    (trial,) = kept.trials
    assert kept.waiting == ()
    assert (trial.model, trial.version, trial.champion_version, trial.mode) == ("logistic", "9", "3", "shadow")
    found = trial.found
    assert found.pairs == rows - ALONE
    assert found.unpaired == 0
    assert found.verdict is Verdict.BETTER
    assert found.challenger.brier < found.champion.brier
    assert found.challenger.hit_rate > found.champion.hit_rate
    assert found.low > 0.0
    assert found.better.p_value <= 0.05 < found.worse.p_value
    # Of random walks nothing is left at the bar after, at which is traded.
    assert set(found.challenger.paper) == set(found.champion.paper) == {"sharpe", "max_drawdown", "profit_factor"}
    told = CliRunner().invoke(finq, ["experiment", "report", "--root", str(root), "--market", "fx"])
    assert told.exit_code == 0, told.output
    assert "The challenger is better" in told.output
    assert "profit_factor" in told.output
    as_json = CliRunner().invoke(finq, ["experiment", "report", "--root", str(root), "--market", "fx", "--json"])
    assert json.loads(as_json.output)["trials"][0]["sentence"] == trial.sentence
    nothing = CliRunner().invoke(finq, ["experiment", "report", "--root", str(root), "--market", "equity"])
    assert "Nothing is tried in equity." in nothing.output
    rival = load_bundle(Layout(root).challengers("fx") / "logistic-9")
    assert trial.model_hash == model_hash(rival), "by which the gate knows a candidate again"
    assert kept.about(model_hash(rival), (trial.champion_model, "3")) == (trial,)
    with started(Settings(data_root=root, markets=("fx",), auth="off")) as client:
        answer = client.get("/experiment?market=fx").json()
        assert answer["trials"][0]["found"]["verdict"] == "better"
        assert pd.Timestamp(answer["trials"][0]["found"]["decided_at"]) == pd.Timestamp(found.decided_at)
        assert client.get("/experiment").json()["trials"] == answer["trials"]
        assert client.get("/experiment?market=equity").status_code == 404


def test_what_both_took_and_how_often_they_failed_stands_beside(tried):
    root, rows = tried
    engine, long_after = store_engine(root, {}), pd.Timestamp("2026-01-05", tz="UTC")
    made_at = pd.Timestamp("2024-01-14", tz="UTC")
    (trial,) = report_experiment(engine, root, "fx", made_at).trials
    champion, challenger = trial.service["champion"], trial.service["challenger"]
    assert challenger.answers == rows - ALONE
    assert champion.answers == champion.timed >= challenger.answers, "counted from when both answered"
    assert (champion.latency_p50_us, champion.latency_p95_us, champion.latency_p99_us) == (100.0, 2_000.0, 2_000.0)
    assert (challenger.timed, challenger.latency_p50_us) == (0, None)
    assert (champion.bar_p50_us, challenger.bar_p50_us) == (20_000.0, 30_000.0)
    assert challenger.bars_timed <= challenger.answers / 4 + 1, "a bar once, however many instruments"
    assert (champion.errors, challenger.errors) == (0, 10)
    assert challenger.error_rate == pytest.approx(10 / (10 + challenger.answers))
    told = table_of(report_experiment(engine, root, "fx", made_at))
    lines = {line.split()[0]: line.split()[1:] for line in told.splitlines() if len(line.split()) == 3}
    assert lines["latency_p95_us"] == ["2,000", "-"]
    assert lines["errors"] == ["0", "10"]
    assert float(lines["rmse"][1]) < float(lines["rmse"][0])
    # Later nothing of it is of the last four weeks.
    (later,) = report_experiment(engine, root, "fx", long_after).trials
    assert (later.service["champion"].answers, later.service["champion"].error_rate) == (0, None)
    assert later.found == trial.found


def test_what_is_not_tried_any_more_stays_evidence(tried):
    """Else whoever does not like what came of it removes it."""
    root, _ = tried
    (before,) = read_report(root, "fx").trials
    remove_challenger(root, "fx", "logistic-9")
    write_reports(store_engine(root, {}), root, pd.Timestamp("2026-01-05", tz="UTC"))
    (after,) = read_report(root, "fx").trials
    assert after == replace(before, over=True)
    rival = small_market.champion(root, "fx")
    add_challenger(root, "fx", replace(rival, origin=replace(rival.origin, registered=make_version("8"))))
    experiment = read_experiment(root, "fx")
    assert [one.version for one in experiment.former] == ["9"]
    told = report_experiment(store_engine(root, {}), root, "fx", pd.Timestamp("2026-01-05", tz="UTC"))
    assert ([one.name for one in told.trials], told.waiting) == (["logistic-9"], ("xgboost-8",))


def test_the_commands_add_change_list_and_remove(own_root, tmp_path):
    from finq_predictor.adapters.bundle_store import save_bundle

    market = MARKETS["fx"]
    rival = small_market.train(market, small_market.panel_of(market, small_market.silver(market, 300, 7)), version="9")
    save_bundle(rival, tmp_path / "bundle")

    def run(*words: str):
        return CliRunner().invoke(finq, ["challenger", *words, "--root", str(own_root), "--market", "fx"])

    assert "Nothing is tried" in run("list").output
    assert "either --version or --bundle" in run("add").output
    assert "is no step" in run("add", "--bundle", str(tmp_path / "bundle"), "--step", "soon").output
    added = run("add", "--bundle", str(tmp_path / "bundle"), "--name", "nine")
    assert "nine: logistic version 9, shadow in nine" in added.output
    changed = run("change", "nine", "--mode", "ab", "--step", "2026-01-05T00:00=0.1")
    assert "ab in nine, 0.1 from 2026-01-05T00:00:00+00:00" in changed.output
    assert changed.output.removeprefix("fx: ") == run("list").output
    assert "Unknown challenger 'nin'" in run("remove", "nin").output
    assert run("remove", "nine").exit_code == 0
    assert "Nothing is tried" in run("list").output
