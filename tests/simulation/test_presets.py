"""Each preset plants what its page says, and `easy` is the market of before there were presets but for its strength."""

from dataclasses import replace
from hashlib import sha256

import numpy as np
import pandas as pd
import pytest
from planted_signal import IC, Measured, planted_ic

from finq_predictor.domain.errors import ConfigurationError, UnknownNameError
from finq_predictor.simulation import (
    PRESETS,
    DirtConfig,
    EquityMarketConfig,
    FxMarketConfig,
    PlantingConfig,
    simulate_equity,
    simulate_fx,
)
from finq_predictor.simulation.seeding import stream
from finq_predictor.simulation.strength import strength_path

SEEDS = range(1, 21)
SMALL = {"equity": {"seed": 5, "instruments": 12, "years": 1}, "fx": {"seed": 5, "years": 0.25}}
TABLES = {
    "equity": ("bars", "benchmark", "articles", "macro", "truth", "actions"),
    "fx": ("quotes", "articles", "macro", "truth"),
}
# Of the market of version 0.1, which had no presets.
BEFORE = {
    "equity": "ddadbdfe43da3011459b24eb9db9e9e918dc3f42e804fa1c8876872b45e39042",
    "fx": "f99c44d47fd5db2a6640c54aeee5f91fbb96bdbd5861f554fe85aa7afacccdd9",
}


def made(market, preset, chunk=None, **options):
    config = replace(PRESETS[preset].markets[market], **{**SMALL[market], **options})
    if market == "fx":
        return simulate_fx(config)
    return simulate_equity(config, **({"chunk": chunk} if chunk else {}))


def digest(market, simulated, tables=None):
    hashes = [pd.util.hash_pandas_object(getattr(simulated, table)) for table in tables or TABLES[market]]
    return sha256(b"".join(each.to_numpy().tobytes() for each in hashes)).hexdigest()


@pytest.mark.parametrize("market", TABLES)
def test_easy_is_the_market_of_before_but_for_its_strength(market):
    bars = TABLES[market][0]
    weaker = 1.0 / PRESETS["easy"].markets[market].planting.strength
    assert digest(market, made(market, "easy", signal=weaker, tone_signal=1.0), [bars]) == BEFORE[market]


def test_easy_is_a_configuration_of_which_nobody_says_anything_but_how_strong_it_is():
    assert PRESETS["easy"].markets == {
        "equity": EquityMarketConfig(planting=PlantingConfig(strength=1.5), tone_signal=1.7),
        "fx": FxMarketConfig(planting=PlantingConfig(strength=3.5)),
    }


@pytest.mark.parametrize("market", TABLES)
@pytest.mark.parametrize("preset", ["realistic", "noise"])
def test_same_seed_gives_same_bytes(market, preset):
    assert digest(market, made(market, preset)) == digest(market, made(market, preset))
    assert digest(market, made(market, preset)) != digest(market, made(market, preset, seed=6))


@pytest.mark.parametrize("preset", ["realistic", "noise"])
@pytest.mark.parametrize("chunk", [1, 5])
def test_chunks_change_no_byte(preset, chunk):
    # Failures are made frequent, so that some come within the year.
    often = {"failures": 0.3, "mergers": 0.3}
    whole = made("equity", preset, **often)
    assert whole.bars.groupby("symbol")["date"].max().nunique() > 2
    assert digest("equity", made("equity", preset, chunk=chunk, **often)) == digest("equity", whole)


# What is planted ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("preset", "market", "planted", "tolerance"),
    [
        # Standard errors over 20 seeds: .0027, .0010, .0016 and .0008; the tolerances are four of them or more.
        ("easy", "equity", 0.190, 0.012),
        ("easy", "fx", 0.261, 0.004),
        ("realistic", "equity", 0.020, 0.007),
        ("realistic", "fx", 0.020, 0.004),
    ],
)
def test_the_truth_of_a_preset_reaches_its_rank_correlation(preset, market, planted, tolerance):
    found = planted_ic(market, PRESETS[preset].markets[market], SEEDS)
    assert found.mean == pytest.approx(planted, abs=tolerance)
    assert found.error < 0.003
    assert found.mean > 6 * found.error


@pytest.mark.parametrize("market", IC)
def test_a_rule_that_does_not_know_when_the_signal_turns_finds_less(market):
    config = PRESETS["realistic"].markets[market]
    steady = PlantingConfig()
    known, unknown = (
        planted_ic(market, config, SEEDS),
        [IC[market](replace(config, seed=seed), replace(config, seed=seed, planting=steady)) for seed in SEEDS],
    )
    assert 0.3 * known.mean < Measured.of(unknown).mean < 0.85 * known.mean


@pytest.mark.parametrize("market", TABLES)
@pytest.mark.parametrize("signal", [0.0, 1.0, 20.0])
def test_noise_plants_nothing_whatever_the_signal(market, signal):
    truth = made(market, "noise", signal=signal).truth
    assert (truth.filter(like="expected") == 0).all().all()


@pytest.mark.parametrize("market", TABLES)
@pytest.mark.parametrize("preset", ["easy", "realistic"])
def test_signal_multiplies_what_a_preset_plants(market, preset):
    one, two, none = (made(market, preset, signal=signal).truth for signal in (1.0, 2.0, 0.0))
    assert one["expected_return"].std() > 0
    assert (none["expected_return"] == 0).all()
    if preset == "easy":  # elsewhere the same stock may end on another day
        np.testing.assert_allclose(two["expected_return"], 2 * one["expected_return"], atol=1e-12)


# When it is planted -------------------------------------------------------------------------------------------------


def path(**planting):
    return strength_path(PlantingConfig(**planting), stream(1, "test"), 252 * 200, 252.0, before=252)


def test_strength_is_exactly_one_where_nothing_is_unsteady():
    assert (path() == 1.0).all()
    assert (path(strength=0.0, half_life=1.0, off=0.5) == 0.0).all()


def test_half_of_the_strength_is_gone_after_the_half_life():
    faded = path(strength=0.8, half_life=5.0)
    assert (faded[:, :253] == 0.8).all(), "nothing fades before the history begins"
    assert faded[:, 252 * 6] == pytest.approx(0.4)
    assert faded[:, 252 * 11] == pytest.approx(0.2)


def test_components_are_off_and_reversed_as_often_and_as_long_as_said():
    signs = path(off=0.25, reversed=0.1, stretch=4.0)
    assert set(np.unique(signs)) == {-1.0, 0.0, 1.0}
    assert (signs == 0.0).mean() == pytest.approx(0.25, abs=0.05)
    assert (signs == -1.0).mean() == pytest.approx(0.1, abs=0.04)
    changes = (np.diff(signs, axis=1) != 0).sum()
    # Two stretches in a row may be of one kind, so that changes are fewer than stretches.
    kept = 0.25**2 + 0.1**2 + 0.65**2
    assert changes / 3 == pytest.approx(200 * 3 * (1 - kept), rel=0.15)
    assert abs(np.corrcoef(signs)[np.triu_indices(3, 1)]).max() < 0.15, "each component has stretches of its own"


def test_the_truth_knows_the_strength_of_the_days_that_it_speaks_about():
    """Where a component is off for the next days nothing is expected of it, and what is expected comes true."""
    from planted_signal import stocks_of

    slopes = []
    for seed in SEEDS:
        stocks = stocks_of(replace(PRESETS["realistic"].markets["equity"], seed=seed))
        returns = stocks.adjusted[:, 1:] / stocks.adjusted[:, :-1] - 1.0
        hopes = np.where(np.isfinite(returns), stocks.expected_next[:, :-1], np.nan)[:, 300:]
        gaps = returns[:, 300:] - np.nanmean(returns[:, 300:], axis=0)
        hopes = hopes - np.nanmean(hopes, axis=0)
        slopes.append(np.nansum(gaps * hopes) / np.nansum(hopes**2))
    slope = Measured.of(slopes)
    assert slope.error < 0.12
    assert abs(slope.mean - 1.0) < 3.5 * slope.error


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"strength": -1.0}, "strength must lie"),
        ({"half_life": 0.0}, "half_life is a length of time"),
        ({"stretch": 0.0}, "stretch is a length of time"),
        ({"off": 1.2}, "off is a share"),
        ({"off": 0.7, "reversed": 0.6}, "sum to at most 1"),
    ],
)
def test_impossible_plantings_are_refused(wrong, message):
    with pytest.raises(ConfigurationError, match=message):
        PlantingConfig(**wrong)


def test_an_unknown_preset_is_explained():
    with pytest.raises(UnknownNameError, match="realistic"):
        PRESETS["realistc"]


def test_dirt_is_the_same_in_every_preset():
    assert {config.dirt for preset in PRESETS.values() for config in preset.markets.values()} == {DirtConfig()}
