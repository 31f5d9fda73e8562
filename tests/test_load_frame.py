from __future__ import annotations

import subprocess
import sys

import pandas as pd
import pytest

import finq_predictor
from finq_predictor.domain.errors import ConfigurationError, MappingError, UnknownNameError
from finq_predictor.domain.ingestion.bars import clean_bars
from finq_predictor.domain.ingestion.rules import CleaningRules, Rules
from finq_predictor.domain.market.markets import MARKETS
from synthetic_market_files import market_frames
from synthetic_own_tables import hourly_bars

BARS, BENCHMARK = market_frames(3)


def test_the_package_stays_cheap_to_import():
    code = "import sys, finq_predictor; print([name for name in ('pandas', 'numpy', 'kedro') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
    assert "load_frame" in dir(finq_predictor)
    with pytest.raises(AttributeError, match="load_fame"):
        _ = finq_predictor.load_fame


def test_loading_needs_no_kedro():
    code = "import sys; from finq_predictor import load_frame; print('kedro' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "False", done.stderr


def test_bars_are_those_that_a_run_would_have():
    loaded = finq_predictor.load_frame(BARS, BENCHMARK)
    pd.testing.assert_frame_equal(loaded.bars, clean_bars(BARS, Rules(MARKETS["equity"])).silver)
    assert list(loaded.benchmark.columns) == ["ts", "close", "known_at"]
    assert (loaded.articles, loaded.macro, len(loaded.quarantine)) == (None, None, 0)
    assert "Benchmark   124 of 124 rows are usable" in loaded.report
    assert "A run stops" not in loaded.report


def test_what_is_rejected_is_kept_with_its_reason_and_the_gate_that_closes():
    dirty = BARS.assign(close=BARS["close"].where(BARS.index % 10 > 0, -1.0))
    loaded = finq_predictor.load_frame(dirty, BENCHMARK.assign(close=[None, *BENCHMARK["close"][1:]]))
    assert len(loaded.bars) + (loaded.quarantine["table"] == "bars").sum() == len(BARS)
    assert list(loaded.quarantine.columns[:3]) == ["table", "rule", "reason"]
    assert set(loaded.quarantine["rule"]) == {"price_not_positive", "missing_price"}
    assert "A run stops bars, rule max_quarantine_share" in loaded.report


def test_dates_in_the_index_and_a_benchmark_that_is_a_series():
    closes = BARS.pivot(index="date", columns="symbol", values="close")
    closes.index = pd.DatetimeIndex(closes.index)
    series = pd.Series(BENCHMARK["close"].to_numpy(), index=closes.index)
    loaded = finq_predictor.load_frame(closes, series)
    assert (len(loaded.bars), len(loaded.benchmark)) == (len(BARS), len(BENCHMARK))
    assert loaded.recognition.wide


def test_articles_and_releases_come_along():
    articles = pd.DataFrame({"symbol": ["S00"], "published": ["2023-02-01 10:00"], "headline": ["up"]})
    macro = pd.DataFrame({"series": ["CPI"], "date": ["2023-01-01"], "value": [1.0], "released_at": ["2023-02-14"]})
    loaded = finq_predictor.load_frame(BARS, articles=articles, macro=macro)
    assert (len(loaded.articles), len(loaded.macro)) == (1, 1)


def test_what_is_known_is_said_and_the_rest_is_recognised():
    hours = hourly_bars("XNYS", "Europe/Berlin", ["AAA"])
    assert finq_predictor.load_frame(hours).rules.reading.timezone == "Europe/Berlin"
    assert finq_predictor.load_frame(hours, timezone="Europe/Paris").rules.reading.timezone == "Europe/Paris"
    strict = finq_predictor.load_frame(BARS, cleaning=CleaningRules(max_jump=1.001))
    assert set(strict.quarantine["rule"]) >= {"unconfirmed_jump"}


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"df": [1, 2]}, ConfigurationError, "`df` is a list; expected a pandas DataFrame"),
        ({"df": BARS.iloc[:0]}, MappingError, "`df` has 0 rows and 8 columns"),
        ({"df": BARS, "market": "equities"}, UnknownNameError, "Did you mean 'equity'"),
        ({"df": BARS, "time_mark": "open"}, UnknownNameError, "Did you mean 'time_marks'"),
        ({"df": BARS.drop(columns="high")}, MappingError, "Missing: high"),
        ({"df": BARS, "benchmark": BENCHMARK, "market": "fx"}, ConfigurationError, "bars of the market 'fx' have none"),
    ],
)
def test_a_wrong_argument_is_said_with_what_was_expected(given, error, message):
    with pytest.raises(error, match=message):
        finq_predictor.load_frame(**given)
