"""A benchmark made of the bars goes the way of a real one, and gives way to it."""

from __future__ import annotations

import pandas as pd
import pytest

from finq_predictor.adapters.sources.mean_of_bars import MeanOfBarsSource
from finq_predictor.adapters.sources.protocol import WholeSource
from finq_predictor.domain.errors import SourceError
from finq_predictor.domain.ingestion.bars import clean_bars, clean_benchmark
from finq_predictor.domain.ingestion.rules import CleaningRules, ReadingRules, Rules
from finq_predictor.domain.market.markets import get_market
from synthetic_market_files import market_frames

BARS, BENCHMARK = market_frames(4)
RULES = Rules(get_market("equity"), ReadingRules(), CleaningRules())


def test_it_has_a_row_for_each_bar_and_is_taken_for_a_total_return(tmp_path):
    BARS.to_csv(tmp_path / "bars.csv", index=False)
    source = MeanOfBarsSource(tmp_path / "bars.csv", "equity")
    assert isinstance(source, WholeSource)
    assert source.source_id.startswith("mean-of-bars.csv#")
    cleaned = clean_benchmark(source.read(), RULES)
    assert cleaned.silver["ts"].tolist() == sorted(clean_bars(BARS, RULES).silver["ts"].unique())
    assert cleaned.tally.notes == ()
    assert cleaned.quarantine.empty


def test_a_file_that_is_given_takes_its_place(tmp_path):
    BENCHMARK.to_csv(tmp_path / "index.csv", index=False)
    source = MeanOfBarsSource(tmp_path / "bars.csv", "equity", filepath=tmp_path / "index.csv")
    assert source.source_id.startswith("index.csv#")
    assert len(source.read()) == len(BENCHMARK)


def test_bars_that_are_not_there_are_named(tmp_path):
    with pytest.raises(SourceError, match=r"There is no file .*bars\.csv"):
        MeanOfBarsSource(tmp_path / "bars.csv", "equity").read()


def test_bars_are_read_as_the_parameters_say(tmp_path):
    dates = pd.to_datetime(BARS["date"]).dt.strftime("%d/%m/%Y")
    BARS.assign(date=dates).to_csv(tmp_path / "bars.csv", index=False)
    plain = MeanOfBarsSource(tmp_path / "bars.csv", "equity", {"day_first": True}).read()
    assert len(plain) == BARS["date"].nunique()
