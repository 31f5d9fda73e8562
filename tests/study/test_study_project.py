"""What a study leaves behind: its trials in the ledger before it measures, tables, and a page that says what it is."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset

from finq_predictor.adapters.datasets.trial_ledger import TrialLedgerDataset
from finq_predictor.adapters.layout import Layout
from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.modelling.origin import CodeVersion
from finq_predictor.domain.tables.training import STUDY
from finq_predictor.study import project
from finq_predictor.study.project import Asked, in_words, load_material, study_market
from synthetic_gold import make_feature_set, make_gold
from synthetic_values import make_provenance

EQUITY = MARKETS["equity"]
ASKED = Asked("2024-01-01T00:00:00+00:00", "me", "finq study equity")
TRAINING = {
    "seed": 7,
    "n_folds": 3,
    "min_train_fraction": 0.5,
    "gap": {"embargo_bars": 5},
    "models": {"base_rate": {}, "xgboost": {"params": {"n_estimators": 3, "max_depth": 2}}},
    "leak_meter": {"model": "xgboost", "params": {"n_estimators": 5}, "max_rows": 500},
    "study": {"seeds": 2, "n_bootstrap": 100, "horizons": [5]},
}


def catalog_of(root: Path) -> DataCatalog:
    gold = make_gold(n_instruments=4, n_dates=150)
    ledger = TrialLedgerDataset(str(Layout(root).place("equity", "trial_ledger")))
    told = {
        "gold": MemoryDataset(gold),
        "feature_set": MemoryDataset(make_feature_set(gold), copy_mode="assign"),
        "provenance": MemoryDataset(make_provenance(source_id="seed 7"), copy_mode="assign"),
        "code_version": MemoryDataset(CodeVersion("c" * 64, None, {}), copy_mode="assign"),
        "trial_ledger": ledger,
        "tried": ledger,
    }
    datasets = {f"equity.{name}": dataset for name, dataset in told.items()}
    return DataCatalog({**datasets, "params:equity.training": MemoryDataset(TRAINING)})


def studied(root: Path, **changes):
    catalog, lines = catalog_of(root), []
    material = load_material(catalog, EQUITY, changes.pop("changes", {}), **changes)
    found, page = study_market(catalog, root, material, ASKED, lines.append)
    return catalog, found, page.read_text(), page.parent


@pytest.mark.parametrize("kind", ["expanding", "combinatorial"])
def test_a_study_leaves_tables_a_page_and_its_trials_and_is_done_once(tmp_path, kind):
    catalog, found, page, folder = studied(tmp_path, kind=kind)
    table = pd.read_parquet(folder / f"{kind}_study.parquet")
    assert tuple(table.columns) == STUDY.names
    pd.testing.assert_frame_equal(STUDY.typed(table), found.study, check_exact=True)
    gaps = pd.read_parquet(folder / f"{kind}_gaps.parquet")
    assert (gaps["label_end_max"] < gaps["test_start"]).all()
    assert len(pd.read_parquet(folder / f"{kind}_splits.parquet")) == len(found.splits)
    assert page.count("<img") == 3
    assert ("nobody&#39;s track record" in page) == (kind == "combinatorial")
    assert str(tmp_path) not in page
    ledger = catalog.load("equity.trial_ledger")
    assert [(entry.model, entry.seed) for entry in ledger.entries] == [("xgboost", 7), ("xgboost", 8)]
    assert "2 configurations were judged" in page
    _, again, same, _ = studied(tmp_path, kind=kind)
    assert again.made == 0
    assert same == page
    assert catalog.load("equity.trial_ledger") == ledger


def test_a_study_that_dies_while_it_measures_has_been_counted(tmp_path, monkeypatch):
    def dies(*given: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(project, "run_study", dies)
    with pytest.raises(KeyboardInterrupt):
        studied(tmp_path)
    assert len(TrialLedgerDataset(str(Layout(tmp_path).place("equity", "tried"))).load().entries) == 2


def test_what_is_asked_for_takes_the_place_of_what_is_configured(tmp_path):
    catalog = catalog_of(tmp_path)
    asked = {"n_groups": 5, "n_test_groups": 1}
    told = load_material(catalog, EQUITY, {"seeds": 4}, "combinatorial", asked).study
    assert (told.seeds, told.horizons, told.protocol.n_groups) == (4, (5,), 5)
    assert load_material(catalog, EQUITY, {}).study.protocol.kind == "expanding"
    with pytest.raises(ConfigurationError, match=r"No such study of equity .* was given 0 windows"):
        load_material(catalog, EQUITY, {}, "rolling")


def test_protocols_are_said_in_words():
    kinds = [{}, {"kind": "rolling", "window_bars": 9}, {"kind": "rolling", "window_years": 1.5}]
    kinds += [{"kind": "combinatorial", "n_groups": 5}]
    said = [in_words(project.Protocol(**given)) for given in kinds]
    assert said == [
        "Walk-forward with an expanding window",
        "Walk-forward with a rolling window of 9 bars",
        "Walk-forward with a rolling window of 1.5 years",
        "Combinations of 2 of 5 groups, purged on both sides",
    ]
