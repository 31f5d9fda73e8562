"""A market of our own with known truth: the default source and the laboratory of the product."""

from finq_predictor.simulation.config import DirtConfig, EquityMarketConfig, FxMarketConfig
from finq_predictor.simulation.equity import SimulatedEquity, simulate_equity, stream_equity_bars
from finq_predictor.simulation.fx import SimulatedFx, simulate_fx

__all__ = [
    "DirtConfig",
    "EquityMarketConfig",
    "FxMarketConfig",
    "SimulatedEquity",
    "SimulatedFx",
    "simulate_equity",
    "simulate_fx",
    "stream_equity_bars",
]
