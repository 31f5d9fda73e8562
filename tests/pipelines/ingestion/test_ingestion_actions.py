"""What stands beside bars becomes tables of silver, after the gates and only where a market has it."""

from __future__ import annotations

import pandas as pd
import pytest
import yaml

from finq_predictor.adapters.layout import Layout
from finq_predictor.domain.errors import GateError
from finq_predictor.domain.market.markets import MARKETS
from finq_predictor.domain.tables import SILVER_ACTIONS, SILVER_REPAIRS
from finq_predictor.pipelines.ingestion.params import IngestionParams
from finq_predictor.pipelines.ingestion.pipeline import create_pipeline
from synthetic_market_files import market_frames, write_market


@pytest.fixture
def market(tmp_path):
    bars, benchmark = market_frames()
    # A dividend of every share once, so that a bad one is a share of them that can be counted.
    first = bars.groupby("symbol").cumcount() == 40
    return tmp_path, bars.assign(dividend=first * 0.5, split=0.0), benchmark


def test_splits_and_dividends_are_published_with_their_notes(ingestion, market):
    folder, bars, benchmark = market
    catalog = ingestion.run("equity", "own", **write_market(folder, bars, benchmark))
    actions, repairs = (catalog.load(f"equity.silver_{table}") for table in ("actions", "repairs"))
    assert not SILVER_ACTIONS.misfits(actions)
    assert actions["instrument"].nunique() == len(actions) == bars["symbol"].nunique()
    assert repairs.empty
    assert not SILVER_REPAIRS.misfits(repairs)
    provenance = catalog.load("equity.provenance")
    assert (provenance.rows["actions"], provenance.rows["repairs"]) == (len(actions), 0)
    assert set(provenance.content_hashes) == {"bars", "benchmark", "articles", "macro", "membership"}


def test_actions_that_cannot_be_used_stop_the_run_before_any_table_is_touched(ingestion, market):
    folder, bars, benchmark = market
    ingestion.run("equity", "own", **write_market(folder, bars, benchmark))
    before = {name: held for name, held in ingestion.silver("equity").items() if "quarantine" not in name}
    negative = bars.assign(dividend=bars["dividend"].mask(bars["symbol"] < "S05", -bars["dividend"]))
    with pytest.raises(GateError, match=r"actions, rule max_quarantine_share: .*the value is -0\.5"):
        ingestion.run("equity", "own", **write_market(folder, negative, benchmark))
    assert {name: held for name, held in ingestion.silver("equity").items() if "quarantine" not in name} == before
    aside = pd.read_parquet(Layout(ingestion.root).place("equity", "quarantine_actions"))
    assert set(aside["rule"]) == {"value_not_positive"}


@pytest.mark.parametrize("name", list(MARKETS))
def test_a_market_without_actions_has_no_such_tables(name):
    made = {data for data in create_pipeline(MARKETS[name]).outputs() if data in ("silver_actions", "silver_repairs")}
    assert bool(made) == MARKETS[name].has_actions
    assert {f"silver_{table}" for table in MARKETS[name].derived_tables} == made


def test_repairs_are_looked_for_where_real_providers_deliver_shares(project_path):
    given = yaml.safe_load((project_path / "conf/live/parameters/ingestion.yml").read_text(encoding="utf-8"))
    params = IngestionParams.model_validate(given["equity"]["ingestion"])
    assert params.rules(MARKETS["equity"]).cleaning.repair
    assert set(given["fx"]["ingestion"]) == {"gates"}
    assert not IngestionParams().cleaning.repair
