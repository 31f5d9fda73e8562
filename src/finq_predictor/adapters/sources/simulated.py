"""The simulated market as a source: the tables a data vendor would deliver, from a seed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import lru_cache
from hashlib import sha256
from typing import Any

import pandas as pd

from finq_predictor.domain.errors import ConfigurationError, UnknownNameError
from finq_predictor.domain.ingestion.provenance import simulated_id
from finq_predictor.domain.registry import Registry
from finq_predictor.simulation import PRESETS, DirtConfig, PlantingConfig, simulate_equity, simulate_fx
from finq_predictor.simulation.members import largest_members


@dataclass(frozen=True)
class Simulation:
    """How one market is invented.

    Attributes:
        name: The market; every preset has a configuration of it.
        simulate: Takes a configuration, returns an object that has the tables as attributes.
        tables: Table of the source to attribute of what ``simulate`` returns.
    """

    name: str
    simulate: Callable[[Any], Any]
    tables: Mapping[str, str]


_MEMBERSHIP = "membership"
_SHARED = {"articles": "articles", "macro": "macro", "truth": "truth"}
SIMULATIONS: Registry[Simulation] = Registry.of(
    "simulated market",
    Simulation("equity", simulate_equity, {"bars": "bars", "benchmark": "benchmark", _MEMBERSHIP: "bars", **_SHARED}),
    Simulation("fx", simulate_fx, {"bars": "quotes", "quotes": "quotes", **_SHARED}),
)


class SimulatedSource:
    """One table of a simulated market.

    All tables of one configuration come from one simulation, kept while the process lives.

    Args:
        market: A market that can be simulated.
        table: ``bars``, ``benchmark``, ``articles``, ``macro``, ``membership`` or ``truth``; ``quotes`` is FX's other
            name of bars.
        seed: Same seed, same bytes.
        signal: Factor on everything predictable that the preset plants; 0 plants nothing. Where the preset plants
            nothing, as ``noise`` does, it multiplies zero.
        preset: How kind the market is, see ``simulation.presets``: ``easy``, ``realistic`` or ``noise``.
        index_size: How many instruments an index has of which ``membership`` tells the members; None: there is no such
            index, and the table has no rows.
        options: Any other field of the market's configuration, in place of the preset's; ``dirt`` is a factor on the
            default rates, or a mapping of rates; ``planting`` a mapping of what differs from the preset's.

    Raises:
        UnknownNameError: If there is no such market, table, preset or option; near misses are suggested.
        ConfigurationError: If an option has an impossible value.
    """

    simulated = True

    def __init__(
        self,
        market: str,
        table: str,
        seed: int = 20240115,
        signal: float = 1.0,
        preset: str = "easy",
        index_size: int | None = None,
        **options: Any,
    ) -> None:
        simulation = SIMULATIONS[market]
        if table not in simulation.tables:
            raise UnknownNameError(f"table of the simulated {market} market", table, simulation.tables)
        if index_size is not None and int(index_size) < 1:
            raise ConfigurationError(f"An index has at least one member; got index_size={index_size}.")
        self.market, self.preset, self._table, self._attribute = market, preset, table, simulation.tables[table]
        self._index_size = None if index_size is None else int(index_size)
        self.config = _config(market, preset, {"seed": seed, "signal": signal, **options})

    @property
    def source_id(self) -> str:
        """``simulated-``, the preset and a hash of the whole configuration; the same for all tables of a market."""
        chosen = {} if self._index_size is None else {"index_size": self._index_size}
        content = json.dumps({"market": self.market, **asdict(self.config), **chosen}, sort_keys=True)
        return simulated_id(self.preset, sha256(content.encode()).hexdigest()[:12])

    def read(self) -> pd.DataFrame:
        """Simulate, or take from memory, and return a copy of the table."""
        if self._table == _MEMBERSHIP:
            size = self._index_size
            return pd.DataFrame() if size is None else largest_members(self._simulated(), size)
        return self._simulated().copy()

    def _simulated(self) -> pd.DataFrame:
        frame: pd.DataFrame = getattr(_simulate(self.market, self.config), self._attribute)
        return frame


def _config(market: str, preset: str, options: dict[str, Any]) -> Any:
    base: Any = PRESETS[preset].markets[market]
    _check_names(f"option of the simulated {market} market", options, base)
    given = dict(options)
    try:
        given["seed"], given["signal"] = int(given["seed"]), float(given["signal"])
        if "dirt" in given:
            given["dirt"] = _dirt(given["dirt"])
        if "planting" in given:
            given["planting"] = _planting(preset, base.planting, given["planting"])
        if "pairs" in given:
            given["pairs"] = tuple(given["pairs"])
        return replace(base, **given)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"Cannot make a simulated {market} market from {options}: {error}") from error


def _dirt(value: Any) -> DirtConfig:
    if isinstance(value, DirtConfig):
        return value
    if isinstance(value, dict):
        _check_names("rate of dirt", value, DirtConfig)
        return DirtConfig(**{name: float(rate) for name, rate in value.items()})
    return DirtConfig.scaled(float(value))


def _planting(preset: str, base: PlantingConfig, value: Any) -> PlantingConfig:
    if not isinstance(value, dict):
        raise ConfigurationError(f"planting is a mapping such as {{strength: 0.5}}; got {value!r}.")
    _check_names("option of planting", value, base)
    planting = replace(base, **value)
    if planting.strength and not base.strength:
        raise ConfigurationError(
            f"The preset {preset!r} promises that nothing can be predicted; got planting.strength={planting.strength}. "
            "Take another preset to plant something."
        )
    return planting


def _check_names(kind: str, given: Iterable[str], options: Any) -> None:
    """Make sure that every name is a field of a dataclass or of its instance."""
    known = {option.name for option in fields(options)}
    for name in given:
        if name not in known:
            raise UnknownNameError(kind, name, known)


@lru_cache(maxsize=4)
def _simulate(market: str, config: Any) -> Any:
    return SIMULATIONS[market].simulate(config)
