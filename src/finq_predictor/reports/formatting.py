"""Numbers as a reader of the report sees them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

METRICS = {
    "rank_ic": "Rank IC",
    "auc": "AUC",
    "within_day_auc": "AUC within a day",
    "accuracy": "Accuracy",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "mcc": "MCC",
    "brier": "Brier",
    "brier_skill": "Brier skill",
    "log_loss": "Log loss",
    "ece": "ECE",
    "ic": "IC",
    "icir": "IC / its deviation",
}
PERCENT = {
    "annualised_return",
    "annualised_volatility",
    "total_return",
    "max_drawdown",
    "hit_rate",
    "turnover_per_day",
    "exposure",
}
MEASURES = {
    "annualised_return": "Return per year",
    "annualised_volatility": "Volatility per year",
    "total_return": "Return, whole test",
    "sharpe": "Sharpe ratio",
    "deflated_sharpe": "Deflated Sharpe (probability of real skill)",
    "sortino": "Sortino ratio",
    "calmar": "Calmar ratio",
    "max_drawdown": "Largest fall from a high",
    "profit_factor": "Profit factor",
    "hit_rate": "Days with a gain",
    "turnover_per_day": "Traded per day, both sides",
    "exposure": "Average gross exposure",
    "days_with_position": "Days with a position",
}


def metric_of(metrics: pd.DataFrame, model: str, metric: str) -> dict[str, float]:
    """Value and interval of one metric of one model; NaN where it was not measured."""
    rows = metrics[(metrics["model"] == model) & (metrics["metric"] == metric)]
    if rows.empty:
        return {"value": math.nan, "ci_low": math.nan, "ci_high": math.nan}
    return {key: float(rows.iloc[0][key]) for key in ("value", "ci_low", "ci_high")}


def measures_of(summary: pd.DataFrame, model: str, strategy: str, side: str) -> dict[str, float]:
    """Measure -> value of one model under one strategy, ``gross`` or ``net``."""
    rows = summary[(summary["model"] == model) & (summary["strategy"] == strategy)]
    return {str(key): float(value) for key, value in zip(rows["measure"], rows[side], strict=True)}


def net_gross(measure: str, net: Mapping[str, float], gross: Mapping[str, float]) -> str:
    """A measure after costs, with the one before costs below."""
    if measure == "turnover_per_day":
        return format_measure(measure, net[measure])
    return f"{format_measure(measure, net[measure])}\n{format_measure(measure, gross[measure])} before"


def format_measure(name: str, value: float) -> str:
    """A measure of the backtest as text."""
    if name == "days_with_position":
        return f"{value:,.0f}"
    if name == "deflated_sharpe":
        return number(value, 2)
    return percent(value) if name in PERCENT else number(value, 2)


def with_interval(found: Mapping[str, float], metric: str) -> str:
    """A metric with its interval below."""
    value = format_metric(found["value"], metric)
    if not math.isfinite(found["ci_low"]):
        return value
    return f"{value}\n{format_metric(found['ci_low'], metric)} to {format_metric(found['ci_high'], metric)}"


def format_metric(value: float, metric: str) -> str:
    """A metric as text."""
    if not math.isfinite(value):
        return "–"
    if metric == "brier_skill":
        return f"{100 * value:+.2f} %"
    if metric in ("rank_ic", "ic", "mcc", "icir"):
        return f"{value:+.3f}"
    return f"{value:.4f}" if metric in ("brier", "log_loss", "ece") else f"{value:.3f}"


def interval_text(found: Mapping[str, float], digits: int) -> str:
    """An interval as text."""
    return f"{found['ci_low']:.{digits}f} to {found['ci_high']:.{digits}f}"


def signed(value: float) -> str:
    """A number with its sign."""
    return f"{value:+.3f}" if math.isfinite(value) else "none"


def percent(value: float, *, sign: bool = False) -> str:
    """A fraction as a percentage."""
    if not math.isfinite(value):
        return "–"
    return f"{100 * value:{'+' if sign else ''}.1f} %"


def number(value: float, digits: int) -> str:
    """A number with a fixed number of digits."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "–"


def tone(value: float, *, both: bool = False) -> str:
    """Colour of a figure: good above zero, and bad below if ``both``."""
    if not math.isfinite(value):
        return ""
    return "good" if value > 0.0 else ("bad" if both else "")


def yes_no(met: bool) -> str:
    """``yes`` or ``no``."""
    return "yes" if met else "no"


def setting(value: Any) -> str:
    """A setting of a model as text."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def moment(value: Any) -> str:
    """A date in words."""
    moment = pd.Timestamp(value)
    return f"{moment:%d %B %Y}"


def day(value: Any) -> str:
    """A date in digits."""
    return f"{pd.Timestamp(value):%Y-%m-%d}"


def minute(value: Any) -> str:
    """A date and time in digits."""
    return f"{pd.Timestamp(value):%Y-%m-%d %H:%M}"
