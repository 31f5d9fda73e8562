"""The models by name: one file, one class, one line here; a module is imported when its model is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature
from typing import Any

from finq_predictor.domain.errors import ConfigurationError, closest
from finq_predictor.domain.modelling.models.base import Model
from finq_predictor.domain.registry import Registry

MODELS: Registry[type[Model]] = Registry(
    "model",
    lazy={
        "base_rate": f"{__name__}.base_rate:BaseRate",
        "momentum": f"{__name__}.momentum:Momentum",
        "reversal": f"{__name__}.reversal:Reversal",
        "composite": f"{__name__}.composite:Composite",
        "prior_ridge": f"{__name__}.prior_ridge:PriorRidge",
        "logistic": f"{__name__}.logistic:Logistic",
        "elastic_net": f"{__name__}.elastic_net:ElasticNet",
        "xgboost": f"{__name__}.xgboost:XGBoost",
        "lightgbm": f"{__name__}.lightgbm:LightGBM",
        "random_forest": f"{__name__}.xgboost:RandomForest",
        "blend": f"{__name__}.blend:Blend",
        "stack": f"{__name__}.stack:Stack",
        "lstm": f"{__name__}.lstm:LSTM",
        "transformer": f"{__name__}.transformer:Transformer",
        "arima": f"{__name__}.arima:Arima",
    },
)


def create_model(name: str, params: Mapping[str, Any] | None = None) -> Model:
    """Make an unfitted model.

    Args:
        name: A key of :data:`MODELS`.
        params: Keyword arguments of its class.

    Raises:
        UnknownNameError: If there is no such model; near misses are suggested.
        ConfigurationError: If it has no such parameter; near misses are suggested.
    """
    known = model_parameters(name)
    for given in params or {}:
        if given not in known:
            raise ConfigurationError(f"Model {name!r} has no parameter {given!r}. {closest(given, known)}")
    return MODELS[name](**(params or {}))


def model_parameters(name: str) -> tuple[str, ...]:
    """Names of the parameters a model takes."""
    return tuple(parameter for parameter in signature(MODELS[name].__init__).parameters if parameter != "self")


def restore_model(name: str, state: dict[str, Any]) -> Model:
    """Rebuild a fitted model from its name and state.

    Raises:
        UnknownNameError: If there is no such model.
        StoreError: If the state is not one of it.
    """
    return MODELS[name].from_state(state)


__all__ = ["MODELS", "Model", "create_model", "model_parameters", "restore_model"]
