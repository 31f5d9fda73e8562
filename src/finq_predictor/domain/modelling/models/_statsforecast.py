"""The part of statsforecast that is used, or what to do where it is not installed."""

from __future__ import annotations

from finq_predictor.domain.errors import ConfigurationError

try:
    from statsforecast.arima import arima
except ImportError:
    raise ConfigurationError(
        "Model 'arima' is fitted with statsforecast, which is not installed; "
        "pip install 'finq-predictor[sequence]', or take it out of the race."
    ) from None

__all__ = ["arima"]
