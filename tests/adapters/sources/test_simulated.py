"""The simulated market as a source."""

from dataclasses import replace

import pandas as pd
import pytest

from finq_predictor.adapters.sources import simulated
from finq_predictor.adapters.sources.simulated import SIMULATIONS, SimulatedSource
from finq_predictor.domain.errors import ConfigurationError, UnknownNameError
from finq_predictor.domain.ingestion.provenance import preset_of
from finq_predictor.simulation import PRESETS

SMALL = {"instruments": 5, "years": 0.5}


@pytest.mark.parametrize("table", ["bars", "benchmark", "articles", "macro", "truth"])
def test_equity_tables(table):
    source = SimulatedSource("equity", table, seed=1, **SMALL)
    assert source.simulated is True
    assert len(source.read()) > 0


@pytest.mark.parametrize("table", ["bars", "quotes", "articles", "macro", "truth"])
def test_fx_tables(table):
    assert len(SimulatedSource("fx", table, seed=1, years=0.25, pairs=["EUR_USD"]).read()) > 0


def test_quotes_are_the_bars_of_fx():
    options = {"seed": 1, "years": 0.25, "pairs": ["EUR_USD"]}
    bars, quotes = SimulatedSource("fx", "bars", **options), SimulatedSource("fx", "quotes", **options)
    pd.testing.assert_frame_equal(bars.read(), quotes.read())


def test_tables_of_one_market_cost_one_simulation():
    simulated._simulate.cache_clear()
    for table in ("bars", "benchmark", "articles", "macro"):
        SimulatedSource("equity", table, seed=9, **SMALL).read()
    assert simulated._simulate.cache_info().misses == 1


def test_readers_may_change_what_they_read():
    source = SimulatedSource("equity", "bars", seed=1, **SMALL)
    frame = source.read()
    frame.loc[:, "close"] = 0.0
    assert (source.read()["close"].dropna() != 0).all()


def test_source_id_names_the_configuration():
    one = SimulatedSource("equity", "bars", seed=1)
    assert one.source_id.startswith("simulated-easy-")
    assert one.source_id == SimulatedSource("equity", "articles", seed=1).source_id
    others = [
        SimulatedSource("equity", "bars", seed=2),
        SimulatedSource("equity", "bars", seed=1, signal=0),
        SimulatedSource("equity", "bars", seed=1, dirt=0),
        SimulatedSource("equity", "bars", seed=1, years=3),
        SimulatedSource("equity", "bars", seed=1, preset="realistic"),
        SimulatedSource("fx", "bars", seed=1),
    ]
    assert len({source.source_id for source in [one, *others]}) == 7


@pytest.mark.parametrize("market", SIMULATIONS)
@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_has_every_market_and_its_identity_names_it(market, preset):
    source = SimulatedSource(market, "truth", preset=preset)
    assert source.config == replace(PRESETS[preset].markets[market], seed=20240115, signal=1.0)
    assert preset_of(source.source_id) == preset


def test_what_is_given_comes_before_what_the_preset_says():
    given = {"false_news": 0.0, "planting": {"half_life": 2.0}}
    config = SimulatedSource("equity", "bars", preset="realistic", **given).config
    usual = PRESETS["realistic"].markets["equity"]
    assert config.false_news == 0.0
    assert config.planting == replace(usual.planting, half_life=2.0)
    assert config.late_news == usual.late_news


def test_signal_cannot_make_noise_predictable():
    truth = SimulatedSource("equity", "truth", seed=1, signal=20, preset="noise", **SMALL).read()
    assert (truth["expected_return"] == 0).all()
    with pytest.raises(ConfigurationError, match="'noise' promises that nothing can be predicted"):
        SimulatedSource("equity", "truth", preset="noise", planting={"strength": 1.0})


def test_dirt_is_a_factor_or_rates():
    clean = SimulatedSource("equity", "bars", seed=1, dirt=0, **SMALL).read()
    missing = SimulatedSource("equity", "bars", seed=1, dirt={"missing": 0.1}, **SMALL).read()
    assert not clean.duplicated(["symbol", "date"]).any()
    assert len(missing) < len(clean) + missing.duplicated(["symbol", "date"]).sum()


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        ({"market": "equities", "table": "bars"}, "equity"),
        ({"market": "equity", "table": "benchmarks"}, "benchmark"),
        ({"market": "fx", "table": "benchmark"}, "quotes"),
        ({"market": "equity", "table": "bars", "instrument": 3}, "instruments"),
        ({"market": "equity", "table": "bars", "dirt": {"mising": 0.1}}, "missing"),
        ({"market": "equity", "table": "bars", "preset": "realistc"}, "realistic"),
        ({"market": "equity", "table": "bars", "planting": {"halflife": 2}}, "half_life"),
    ],
)
def test_unknown_names_are_explained(arguments, hint):
    with pytest.raises(UnknownNameError, match=hint):
        SimulatedSource(**arguments)


@pytest.mark.parametrize(
    "options",
    [
        {"signal": "much"},
        {"seed": None},
        {"years": "x"},
        {"signal": -1},
        {"pairs": 3},
        {"planting": 3},
        {"planting": {"off": "x"}},
        {"false_news": 2},
    ],
)
def test_impossible_values_are_explained(options):
    market = "fx" if "pairs" in options else "equity"
    with pytest.raises(ConfigurationError):
        SimulatedSource(market, "bars", **options)
