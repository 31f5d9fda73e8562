"""The pages on adding a feature, a model and a drift test are acted out: what they say suffices."""

from __future__ import annotations

from pathlib import Path

import pytest
from acting import Acted, act

PAGES = Path(__file__).resolve().parents[2] / "docs" / "how-to"
DOMAIN = "src/finq_predictor/domain"


def acted(name: str, folder: Path) -> Acted:
    """A copy of the project after a page, its commands run and content."""
    copy = act(PAGES / f"{name}.md", folder / "copy")
    for command in copy.commands:
        done = copy.run(f"{command} -n0" if "pytest" in command else command)
        assert done.returncode == 0, f"{command}\n{done.stdout[-6000:]}{done.stderr[-3000:]}"
    return copy


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
out = stage.run(thresholds={'hellinger': 0.2})
print(out['drift']['hellinger'].between(0, 1).all(), '<th>Hellinger</th>' in out['monitoring_report'])
print(*(f'finq_{kind}_drift_hellinger' in out['monitoring_metrics'] for kind in ('feature', 'prediction')))
"""
    assert said(copy, code).split() == ["True"] * 4


@pytest.mark.slow
def test_a_feature_is_added_as_the_page_says(tmp_path):
    copy = acted("add-a-feature", tmp_path)
    assert copy.touched == [f"{DOMAIN}/features/momentum.py"]
    page = (copy.folder / "docs" / "reference" / "features.md").read_text()
    assert "| `log_growth_7` | Logarithm of the growth over n bars. | close | 8 |" in page
    code = """
from finq_predictor.domain.features import REGISTRY, make_feature_set, select_features
from finq_predictor.domain.market.markets import MARKETS
for market in MARKETS.values():
    chosen = make_feature_set(select_features(market, ('close',)))
    chosen.verify()
    print({'log_growth_7', 'log_growth_30'} <= set(chosen.names))
"""
    assert set(said(copy, code).split()) == {"True"}
