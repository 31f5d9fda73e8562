"""The models by name: one file, one class, one line here; a module is imported when its model is asked for."""

from __future__ import annotations

from importlib import import_module
from inspect import signature
from typing import Any

from finq_predictor.domain.errors import ConfigurationError, UnknownNameError, closest
from finq_predictor.domain.modelling.models.base import Model

MODELS: dict[str, str] = {
    "base_rate": "base_rate:BaseRate",
    "momentum": "momentum:Momentum",
    "reversal": "reversal:Reversal",
    "logistic": "logistic:Logistic",
    "xgboost": "boosted_trees:BoostedTrees",
}


def model_class(name: str) -> type[Model]:
    """Import the class of a model.

    Raises:
        UnknownNameError: If there is no such model; near misses are suggested.
    """
    if name not in MODELS:
        raise UnknownNameError("model", name, MODELS)
    module, class_name = MODELS[name].split(":")
    found: type[Model] = getattr(import_module(f"{__name__}.{module}"), class_name)
    return found


def create_model(name: str, params: dict[str, Any] | None = None) -> Model:
    """Make an unfitted model.

    Args:
        name: A key of :data:`MODELS`.
        params: Keyword arguments of its class.

    Raises:
        UnknownNameError: If there is no such model.
        ConfigurationError: If it has no such parameter; near misses are suggested.
    """
    cls = model_class(name)
    known = model_parameters(name)
    for given in params or {}:
        if given not in known:
            raise ConfigurationError(f"Model {name!r} has no parameter {given!r}. {closest(given, known)}")
    return cls(**(params or {}))


def model_parameters(name: str) -> tuple[str, ...]:
    """Names of the parameters a model takes."""
    return tuple(parameter for parameter in signature(model_class(name).__init__).parameters if parameter != "self")


def restore_model(name: str, state: dict[str, Any]) -> Model:
    """Rebuild a fitted model from its name and state.

    Raises:
        UnknownNameError: If there is no such model.
        StoreError: If the state is not one of it.
    """
    return model_class(name).from_state(state)


__all__ = ["MODELS", "Model", "create_model", "model_class", "model_parameters", "restore_model"]
