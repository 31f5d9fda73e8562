"""The simulated market as a source: the tables a data vendor would deliver, from a seed."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from hashlib import sha256
from typing import Any

import pandas as pd

from finq_predictor.domain.errors import ConfigurationError, UnknownNameError
from finq_predictor.domain.registry import Registry
from finq_predictor.simulation import DirtConfig, EquityMarketConfig, FxMarketConfig, simulate_equity, simulate_fx


@dataclass(frozen=True)
class Simulation:
    """How one market is invented.

    Attributes:
        name: The market.
        config: Dataclass of its options.
        simulate: Takes a configuration, returns an object that has the tables as attributes.
        tables: Table of the source to attribute of what ``simulate`` returns.
    """

    name: str
    config: type[Any]
    simulate: Callable[[Any], Any]
    tables: Mapping[str, str]


_SHARED = {"articles": "articles", "macro": "macro", "truth": "truth"}
SIMULATIONS: Registry[Simulation] = Registry.of(
    "simulated market",
    Simulation("equity", EquityMarketConfig, simulate_equity, {"bars": "bars", "benchmark": "benchmark", **_SHARED}),
    Simulation("fx", FxMarketConfig, simulate_fx, {"bars": "quotes", "quotes": "quotes", **_SHARED}),
)


class SimulatedSource:
    """One table of a simulated market.

    All tables of one configuration come from one simulation, kept while the process lives.

    Args:
        market: A market that can be simulated.
        table: ``bars``, ``benchmark``, ``articles``, ``macro`` or ``truth``; ``quotes`` is FX's other name of bars.
        seed: Same seed, same bytes.
        signal: Strength of everything predictable; 0 plants nothing.
        options: Any other field of the market's configuration; ``dirt`` is a factor on the default rates, or a
            mapping of rates.

    Raises:
        UnknownNameError: If there is no such market, table or option; near misses are suggested.
        ConfigurationError: If an option has an impossible value.
    """

    simulated = True

    def __init__(self, market: str, table: str, seed: int = 20240115, signal: float = 1.0, **options: Any) -> None:
        simulation = SIMULATIONS[market]
        if table not in simulation.tables:
            raise UnknownNameError(f"table of the simulated {market} market", table, simulation.tables)
        self.market, self._attribute = market, simulation.tables[table]
        self.config = _config(simulation, {"seed": seed, "signal": signal, **options})

    @property
    def source_id(self) -> str:
        """``simulated-`` and a hash of the whole configuration; equal for equal bytes, the same for all tables."""
        content = json.dumps({"market": self.market, **asdict(self.config)}, sort_keys=True)
        return f"simulated-{sha256(content.encode()).hexdigest()[:12]}"

    def read(self) -> pd.DataFrame:
        """Simulate, or take from memory, and return a copy of the table."""
        frame: pd.DataFrame = getattr(_simulate(self.market, self.config), self._attribute)
        return frame.copy()


def _config(simulation: Simulation, options: dict[str, Any]) -> Any:
    known = {option.name for option in fields(simulation.config)}
    for name in options:
        if name not in known:
            raise UnknownNameError(f"option of the simulated {simulation.name} market", name, known)
    given = dict(options)
    try:
        given["seed"], given["signal"] = int(given["seed"]), float(given["signal"])
        if "dirt" in given:
            given["dirt"] = _dirt(given["dirt"])
        if "pairs" in given:
            given["pairs"] = tuple(given["pairs"])
        return simulation.config(**given)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"Cannot make a simulated {simulation.name} market from {options}: {error}") from error


def _dirt(value: Any) -> DirtConfig:
    if isinstance(value, DirtConfig):
        return value
    if isinstance(value, dict):
        known = {rate.name for rate in fields(DirtConfig)}
        for name in value:
            if name not in known:
                raise UnknownNameError("rate of dirt", name, known)
        return DirtConfig(**{name: float(rate) for name, rate in value.items()})
    return DirtConfig.scaled(float(value))


@lru_cache(maxsize=4)
def _simulate(market: str, config: Any) -> Any:
    return SIMULATIONS[market].simulate(config)
