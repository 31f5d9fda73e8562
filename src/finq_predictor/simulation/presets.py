"""Kinds of simulated markets: how kind each is to whoever wants to predict it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from finq_predictor.domain.registry import Registry
from finq_predictor.simulation.config import EquityMarketConfig, FxMarketConfig, PlantingConfig


@dataclass(frozen=True)
class Preset:
    """A kind of market by name.

    Attributes:
        name: Its name in the configuration and in the identity of whatever is made from it.
        markets: Market to its configuration; what is given explicitly replaces a value of it.
    """

    name: str
    markets: Mapping[str, EquityMarketConfig | FxMarketConfig]


_EQUITY = EquityMarketConfig(
    planting=PlantingConfig(strength=0.42, half_life=5.0, off=0.25, reversed=0.10, stretch=4.0),
    false_news=0.30,
    late_news=0.25,
    delisted=0.0,
    failures=0.01,
    mergers=0.015,
)
_FX = FxMarketConfig(
    planting=PlantingConfig(strength=0.42, half_life=3.0, off=0.25, reversed=0.10, stretch=2.0),
    false_news=0.30,
    late_news=0.25,
)
_NOTHING = PlantingConfig(strength=0.0)

PRESETS: Registry[Preset] = Registry.of(
    "preset of the simulated market",
    # Much kinder than markets are, so that a first run has something to show: so much that what is left after costs is
    # beyond luck. News says the most, which no naive rule reads; an hour moves a pair little more than its spread, so
    # that pairs need more of everything.
    Preset(
        "easy",
        {
            "equity": EquityMarketConfig(planting=PlantingConfig(strength=1.5), tone_signal=1.7),
            "fx": FxMarketConfig(planting=PlantingConfig(strength=3.5)),
        },
    ),
    # About as little to predict as in markets, not for ever, not always, and with news that may be wrong or late.
    Preset("realistic", {"equity": _EQUITY, "fx": _FX}),
    # Everything that is unpleasant about the realistic one, and nothing to predict, whatever ``signal`` says.
    Preset("noise", {"equity": replace(_EQUITY, planting=_NOTHING), "fx": replace(_FX, planting=_NOTHING)}),
)
