"""A market of our own with known truth: the default source and the laboratory of the product."""

from finq_predictor.simulation.config import DirtConfig, EquityMarketConfig, FxMarketConfig, PlantingConfig
from finq_predictor.simulation.equity import SimulatedEquity, simulate_equity, stream_equity_bars
from finq_predictor.simulation.fx import SimulatedFx, simulate_fx
from finq_predictor.simulation.presets import PRESETS, Preset

__all__ = [
    "PRESETS",
    "DirtConfig",
    "EquityMarketConfig",
    "FxMarketConfig",
    "PlantingConfig",
    "Preset",
    "SimulatedEquity",
    "SimulatedFx",
    "simulate_equity",
    "simulate_fx",
    "stream_equity_bars",
]
