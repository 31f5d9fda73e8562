"""Settings of the API, read from the environment once, at start.

| Variable | Default | Meaning |
|---|---|---|
| `FINQ_DATA_ROOT` | `data` | Folder of the data, as `kedro run` leaves it |
| `FINQ_MARKETS` | all | Markets to serve, separated by commas |
| `FINQ_INFERENCE` | `in_process` | `in_process`: the predictor in the API; `service`: every request hops to Inference |
| `FINQ_INFERENCE_TIMEOUT_SECONDS` | `5` | Longest wait for the inference service before the API scores in process |
| `FINQ_DEVICE` | `auto` | Device of the inference service: `auto`, `cpu` or `cuda` |
| `FINQ_PREDICT_MIN_CONFIDENCE` | `0` | Abstain below this confidence, 0 to 1 |
| `FINQ_PREDICT_MAX_MISSING` | `0.5` | Abstain when more than this share of the features is missing, 0 to 1 |
| `FINQ_POLL_SECONDS` | `1` | Pause between two looks for a new champion or new silver data |
| `FINQ_CACHE_BARS` | `64` | Bars per market whose answers are remembered |
| `FINQ_BATCH_LIMIT` | `10000` | Most predictions in one batch |
| `FINQ_BATCH_BARS` | `400` | Most different bars in one batch |
| `FINQ_BODY_LIMIT` | `1048576` | Largest request body in bytes |
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from finq_predictor.domain.errors import ConfigurationError
from finq_predictor.domain.market.markets import MARKETS, get_market
from finq_predictor.domain.modelling.decisions import AbstentionRules
from finq_predictor.domain.modelling.models.base import Device

AUTO = "auto"
"""The device of the inference service is chosen by what there is."""


class InferenceMode(StrEnum):
    """Where the API gets its probabilities from."""

    IN_PROCESS = "in_process"
    SERVICE = "service"


N = TypeVar("N", int, float)


@dataclass(frozen=True)
class Settings:
    """What an operator can set; the table above says what each means."""

    data_root: Path = Path("data")
    markets: tuple[str, ...] = tuple(MARKETS)
    inference: InferenceMode = InferenceMode.IN_PROCESS
    inference_timeout: float = 5.0
    device: str = AUTO
    rules: AbstentionRules = field(default_factory=AbstentionRules)
    poll_seconds: float = 1.0
    cache_bars: int = 64
    batch_limit: int = 10_000
    batch_bars: int = 400
    body_limit: int = 1_048_576

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read the settings.

        Args:
            environment: Variables by name; the process environment when None.

        Raises:
            ConfigurationError: If a variable has a value that cannot work; names the variable.
            UnknownNameError: If a market does not exist.
        """
        given = {
            name: value.strip()
            for name, value in (os.environ if environment is None else environment).items()
            if value.strip()
        }
        markets = tuple(
            name.strip() for name in given.get("FINQ_MARKETS", ",".join(MARKETS)).split(",") if name.strip()
        )
        return cls(
            data_root=Path(given.get("FINQ_DATA_ROOT", "data")),
            markets=tuple(get_market(name).name for name in markets),
            inference=InferenceMode(_one_of(given, "FINQ_INFERENCE", tuple(InferenceMode))),
            inference_timeout=_number(given, "FINQ_INFERENCE_TIMEOUT_SECONDS", 5.0, least=0.001),
            device=_one_of(given, "FINQ_DEVICE", (AUTO, *Device)),
            rules=AbstentionRules(
                min_confidence=_number(given, "FINQ_PREDICT_MIN_CONFIDENCE", 0.0, least=0.0, most=1.0),
                max_missing_share=_number(given, "FINQ_PREDICT_MAX_MISSING", 0.5, least=0.0, most=1.0),
            ),
            poll_seconds=_number(given, "FINQ_POLL_SECONDS", 1.0, least=0.01),
            cache_bars=_number(given, "FINQ_CACHE_BARS", 64, least=1),
            batch_limit=_number(given, "FINQ_BATCH_LIMIT", 10_000, least=1),
            batch_bars=_number(given, "FINQ_BATCH_BARS", 400, least=1),
            body_limit=_number(given, "FINQ_BODY_LIMIT", 1_048_576, least=64),
        )


def _one_of(given: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    value = given.get(name, allowed[0])
    if value not in allowed:
        raise ConfigurationError(f"{name} is {value!r}; expected one of {', '.join(allowed)}.")
    return value


def _number(given: Mapping[str, str], name: str, default: N, *, least: float, most: float = float("inf")) -> N:
    text = given.get(name)
    if text is None:
        return default
    kind = type(default)
    try:
        value = kind(text)
    except ValueError:
        raise ConfigurationError(f"{name} is {text!r}; expected a {kind.__name__}.") from None
    if not least <= value <= most:
        raise ConfigurationError(f"{name} is {text}; expected a number from {least:g} to {most:g}.")
    return value
