"""The pages on adding something are acted out: what they say suffices."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from acting import Acted, act

from finq_predictor.adapters.snapshots.store import path_of
from synthetic_market_files import coin_frame, market_frames

PAGES = Path(__file__).resolve().parents[2] / "docs" / "how-to"
DOMAIN = "src/finq_predictor/domain"


def acted(name: str, folder: Path) -> Acted:
    """A copy of the project after a page, its commands run and content."""
    copy = act(PAGES / f"{name}.md", folder / "copy")
    run_all(copy)
    return copy


def run_all(copy: Acted) -> str:
    """What the commands of the page print; each has to succeed."""
    printed = ""
    for command in copy.commands:
        done = copy.run(f"{command} -n0" if "pytest" in command else command)
        assert done.returncode == 0, f"{command}\n{done.stdout[-6000:]}{done.stderr[-3000:]}"
        printed += done.stdout + done.stderr
    return printed


def said(copy: Acted, code: str) -> str:
    """What a piece of Python prints in the copy."""
    done = copy.run(f'python -c "{code}"')
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stdout.strip()


@pytest.mark.slow
def test_a_model_is_added_as_the_page_says(tmp_path):
    copy = acted("add-a-model", tmp_path)
    assert copy.touched == [
        f"{DOMAIN}/modelling/models/naive_bayes.py",
        f"{DOMAIN}/modelling/models/__init__.py",
        "conf/base/parameters/training.yml",
    ]
    code = """
import sys, yaml
sys.path[:0] = ['tests', 'tests/pipelines/training']
import test_training as stage
race = yaml.safe_load(open('conf/base/parameters/training.yml'))['equity']['training']['models']
gold = stage.make_gold(n_instruments=20, n_dates=280)
out = stage.run(gold, models={'base_rate': {}, 'naive_bayes': race['naive_bayes']})
print(*out['candidates'], *sorted(set(out['oos']['model'])), list(out['trials']['model'].unique()))
"""
    assert said(copy, code) == "base_rate naive_bayes base_rate naive_bayes ['naive_bayes']"


@pytest.mark.slow
def test_a_drift_test_is_added_as_the_page_says(tmp_path):
    copy = acted("add-a-drift-test", tmp_path)
    assert copy.touched == [f"{DOMAIN}/monitoring/drift/hellinger.py", f"{DOMAIN}/monitoring/drift/base.py"]
    code = """
import sys
sys.path[:0] = ['tests', 'tests/pipelines/monitoring']
import test_monitoring_pipeline as stage
out = stage.run(drift={'thresholds': {'hellinger': 0.2}})
print(out['drift']['hellinger'].between(0, 1).all(), '>Hellinger</th>' in out['monitoring_report'])
print(*(f'finq_{kind}_drift_hellinger' in out['monitoring_metrics'] for kind in ('feature', 'prediction')))
"""
    assert said(copy, code).split() == ["True"] * 4


@pytest.mark.slow
def test_a_feature_is_added_as_the_page_says(tmp_path):
    copy = acted("add-a-feature", tmp_path)
    assert copy.touched == [f"{DOMAIN}/features/momentum.py", "my_features.py", "conf/base/parameters/features.yml"]
    page = (copy.folder / "docs" / "reference" / "features.md").read_text()
    assert "| `log_growth_7` | Logarithm of the growth over n bars. | $`" in page
    code = """
from finq_predictor.adapters.snapshots.store import path_of
from finq_predictor.domain.features import REGISTRY, make_feature_set, select_features
from finq_predictor.domain.market.markets import MARKETS
for market in MARKETS.values():
    chosen = make_feature_set(select_features(market, ('close',)))
    chosen.verify()
    print({'log_growth_7', 'log_growth_30'} <= set(chosen.names))
"""
    assert set(said(copy, code).split()) == {"True"}
    own = """
from pathlib import Path
from finq_predictor.domain.features import REGISTRY
from finq_predictor.replay.project import open_catalog
open_catalog(Path.cwd(), Path('data'), None)
print(REGISTRY['half_growth_7'].file)
"""
    assert said(copy, own).splitlines()[-1] == "my_features"


@pytest.mark.slow
def test_a_source_is_added(tmp_path: Path) -> None:
    copy = act(PAGES / "add-a-source.md", tmp_path / "copy")
    bars, benchmark = market_frames()
    with closing(sqlite3.connect(copy.folder / "market.db")) as connection:
        bars.to_sql("daily_bars", connection, index=False)
        benchmark.to_sql("index_level", connection, index=False)
    run_all(copy)
    silver = pd.read_parquet(path_of(copy.folder / "data/database", "equity", "silver_bars"))
    assert len(silver) == len(bars)
    assert copy.touched == [
        "src/finq_predictor/adapters/sources/database.py",
        "conf/database/catalog/sources.yml",
        "conf/database/globals.yml",
    ]


@pytest.mark.slow
def test_an_added_source_says_what_is_missing(tmp_path: Path) -> None:
    copy = act(PAGES / "add-a-source.md", tmp_path / "copy")
    done = copy.run(copy.commands[0])
    assert done.returncode == 1
    assert "There is no database market.db; give it with --params database=FILE." in done.stdout + done.stderr


@pytest.mark.proof
@pytest.mark.slow
def test_a_market_is_added(tmp_path: Path) -> None:
    """Coins, daily, open all week, without benchmark and quotes, go the whole way by three files."""
    copy = act(PAGES / "add-a-market.md", tmp_path / "copy")
    coin_frame().to_csv(copy.folder / "coins.csv", index=False)
    printed = run_all(copy)
    assert copy.touched == [
        "src/finq_predictor/domain/market/markets.py",
        "conf/base/parameters/crypto.yml",
        "conf/base/catalog/01_bronze.yml",
    ]
    root = copy.folder / "data" / "coins"
    bars = pd.read_parquet(path_of(root, "crypto", "silver_bars"))
    assert len(bars) == len(coin_frame())
    assert set(bars["ts"].dt.day_of_week) == set(range(7))
    assert set(bars["instrument"]) == {f"C{number:02d}_USD" for number in range(8)}
    gold = pd.read_parquet(path_of(root, "crypto", "gold"))
    assert {"label_1", "label_7"} <= set(gold)
    assert not [name for name in gold if "spread_pct" in name or "session" in name or "benchmark" in name]
    assert path_of(root, "crypto", "predictions").is_file()
    assert (root / "06_reports/crypto/monitoring/report.html").is_file()
    assert "Coins: can the predictions be used?" in (root / "06_reports/crypto/report.html").read_text(encoding="utf-8")
    assert "_USD be higher 1 d after tomorrow's close?" in printed
    audited = re.search(r"none of (\d+) features looks ahead", printed)
    assert audited is not None
    assert int(audited[1]) > 200, "the market has what ours have, but quotes, sectors and a benchmark"


@pytest.mark.slow
def test_a_report_section_is_added_as_the_page_says(tmp_path: Path) -> None:
    copy = act(PAGES / "add-a-report-section.md", tmp_path / "copy")
    assert copy.touched == [
        "src/finq_predictor/reports/evaluation/sections/months.py",
        "src/finq_predictor/reports/templates/evaluation/months.html.j2",
        "src/finq_predictor/reports/evaluation/sections/__init__.py",
    ]
    assert "3 passed" in run_all(copy)
    code = """
import sys
sys.path[:0] = ['tests']
from finq_predictor.pipelines.evaluation.nodes import draw_plots, write_report
from finq_predictor.pipelines.evaluation.params import EvaluationParams
from synthetic_evaluation import make_world, results_of
from synthetic_values import make_runs
found = results_of(make_world(days=300, instruments=12), EvaluationParams(n_bootstrap=100))
page = write_report(found, found.bundle, make_runs(found.candidate), draw_plots(found)['plot_images'])
places = [page.index(f' id={chr(34)}{name}') for name in ('risk', 'months', 'data')]
print(places == sorted(places), 'Return by month, the worst first' in page)
"""
    assert said(copy, code) == "True True"


@pytest.mark.slow
def test_an_alarm_is_added_as_the_page_says(tmp_path: Path) -> None:
    copy = act(PAGES / "add-an-alarm.md", tmp_path / "copy")
    assert copy.touched == [
        f"{DOMAIN}/alarms/rules/much_set_aside.py",
        f"{DOMAIN}/alarms/rules/__init__.py",
        "docs/runbooks/much-set-aside.md",
    ]
    assert " passed" in run_all(copy)
    rules = (copy.folder / "deploy/prometheus/rules/finq.yml").read_text(encoding="utf-8")
    assert "expr: max by (market, table, rule) (finq_quarantine_share) > 0.1" in rules
    assert "much-set-aside" in (copy.folder / "deploy/alertmanager/alertmanager.yml").read_text(encoding="utf-8")
    page = (copy.folder / "docs/reference/alarms.md").read_text(encoding="utf-8")
    assert "| `much-set-aside` | warning | `team` | > 0.1 share of the rows |" in page
