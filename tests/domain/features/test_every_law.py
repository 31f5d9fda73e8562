"""The laws of the package: every feature of the registry keeps each, and each sees a feature that does not."""

from __future__ import annotations

import re

import numpy as np
import pytest

from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.features import REGISTRY, FeatureSpec
from finq_predictor.domain.features.laws import LAWS, broken_laws, laws
from finq_predictor.domain.features.made_up import ENDS, INSTRUMENTS, STARTS, made_up_panel
from finq_predictor.domain.market.markets import MARKETS, Trait

EQUITY = MARKETS["equity"]
AS_PUBLISHED = re.compile(r"level_free CORR\d+")
"""What a published set breaks by its definition: Alpha158 takes the logarithm of one plus the volume."""


@pytest.mark.parametrize("law", list(LAWS))
@pytest.mark.parametrize("market", sorted(MARKETS))
def test_every_feature_keeps(market, law):
    specs = [spec for spec in REGISTRY.values() if spec.suits(MARKETS[market])]
    broken = broken_laws(specs, MARKETS[market], only=[law])
    assert [one.sentence for one in broken if not AS_PUBLISHED.fullmatch(f"{law} {one.feature}")] == []


@pytest.mark.parametrize("market", sorted(MARKETS))
def test_the_made_up_market_has_every_trouble(market):
    panel = made_up_panel(MARKETS[market])
    close = panel.fields["close"]
    assert np.isnan(close[:STARTS, INSTRUMENTS - 1]).all()
    assert np.isnan(close[ENDS:, INSTRUMENTS - 2]).all()
    assert 0.9 < np.isfinite(close[STARTS:ENDS]).mean() < 1.0
    assert not panel.universe.all(axis=1).all()
    assert (close[1:] == close[:-1]).any()
    assert ("bid_close" in panel.fields) == (Trait.QUOTES in MARKETS[market].traits)
    used = {name for spec in REGISTRY.values() if spec.suits(MARKETS[market]) for name in spec.inputs}
    assert used - {"macro_*"} <= panel.available


def planted(function, *, inputs=("close",), lookback=2) -> FeatureSpec:
    return FeatureSpec("planted", "mine", inputs, (), lookback, "", "", "", (), function)


def spoil(bars):
    bars.panel.fields["close"][0] = 1.0
    return bars.change(1)


def forgets_nothing(bars):
    return np.nancumsum(bars.log_returns, axis=0)


def rounding(bars):
    spread = bars.mean(bars.close**2, 20) - bars.mean(bars.close, 20) ** 2
    return (bars.close - bars.mean(bars.close, 20)) / np.sqrt(np.maximum(spread, 1e-30 * bars.close**2))


def counts_calls(bars, calls=[0]):  # noqa: B006 - it is meant to remember
    calls[0] += 1
    return bars.change(1) + calls[0]


MISTAKES = {
    "is_computed": [planted(lambda bars: bars.close * np.nan), planted(lambda bars: 1 / 0)],
    "knows_no_future": [planted(lambda bars: np.roll(bars.close, -1, axis=0) / bars.close)],
    "lookback_suffices": [planted(lambda bars: bars.mean(bars.returns, 10), lookback=10)],
    "alone_is_the_same": [planted(lambda bars: bars.std(bars.mean(bars.returns, 5), 5), lookback=10)],
    "inputs_stay": [planted(spoil), planted(counts_calls)],
    "reads_what_it_declares": [planted(lambda bars: bars.close / bars.open, lookback=1)],
    "a_missing_field_is_missing": [
        planted(lambda bars: bars.close / bars.lag(bars.close, 1), inputs=("close", "volume")),
        planted(lambda bars: np.nan_to_num(bars.returns)),
    ],
    "single_holes_stay_small": [planted(forgets_nothing, lookback=5)],
    "nothing_outside_its_life": [planted(lambda bars: (bars.returns > 0.0).astype(float))],
    "level_free": [
        planted(lambda bars: bars.close - bars.lag(bars.close, 1)),
        planted(lambda bars: bars.log(bars.volume), inputs=("volume",), lookback=1),
    ],
    "order_is_nothing": [planted(lambda bars: bars.returns - bars.returns[:, :1], inputs=("close", "cross_section"))],
    "others_are_nothing": [
        planted(lambda bars: bars.returns - np.nansum(bars.returns, axis=1, keepdims=True)),
        planted(lambda bars: bars.returns, inputs=("close", "cross_section")),
    ],
    "never_infinite": [planted(lambda bars: np.log(bars.volume / bars.lag(bars.volume, 1)), inputs=("volume",))],
    "constant_gives_no_noise": [planted(rounding, lookback=20)],
}


def test_every_law_has_a_mistake_that_it_sees():
    assert set(MISTAKES) == set(LAWS)


@pytest.mark.parametrize(("law", "number"), [(law, n) for law, found in MISTAKES.items() for n in range(len(found))])
def test_a_mistake_is_seen_and_said(law, number):
    found = laws(MISTAKES[law][number])
    mine = [one for one in found if one.law == law]
    assert {one.market for one in mine} == set(MARKETS), [one.sentence for one in found]
    for one in mine:
        assert one.sentence.startswith(f"planted breaks a law in {one.market}: ")
        assert one.given
        assert one.seen


def test_a_sound_feature_of_a_user_breaks_nothing():
    assert laws(planted(lambda bars: np.log1p(bars.change(7)), lookback=8)) == []


def test_a_feature_that_looks_back_further_gets_more_bars():
    assert laws(planted(lambda bars: bars.change(600), lookback=601)) == []


def test_a_wrong_shape_is_said():
    (one, *_) = laws(planted(lambda bars: bars.close[:, :3]))
    assert one.law == "is_computed"
    assert "expected (420, 7) or (420, 1)" in one.seen


def test_a_feature_that_no_market_can_have_is_refused():
    spec = FeatureSpec("mine", "mine", (), (), 1, "", "", "", (Trait.QUOTES, Trait.BENCHMARK), spoil)
    with pytest.raises(ConfigurationError, match="No market has what 'mine' needs"):
        laws(spec)


def test_laws_can_be_chosen():
    spec = planted(lambda bars: np.roll(bars.close, -1, axis=0) / bars.close)
    assert broken_laws([spec], EQUITY, only=["never_infinite"]) == []
    assert {one.law for one in broken_laws([spec], EQUITY, only=["knows_no_future"])} == {"knows_no_future"}
    assert broken_laws([], EQUITY) == []
