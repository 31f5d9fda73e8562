"""Every table that is kept, declared once: columns, types, units, keys, meaning, and which pipeline writes it."""

from __future__ import annotations

from fnmatch import fnmatchcase

from finq_predictor.domain.errors import UnknownNameError
from finq_predictor.domain.registry import Registry
from finq_predictor.domain.tables.evaluation import (
    ABSTENTION,
    ATTRIBUTION,
    BACKTEST,
    BACKTEST_SUMMARY,
    CAPACITY,
    DAILY_SKILL,
    FACTOR_RETURNS,
    METRICS,
    METRICS_BY_FOLD,
    MODEL_COMPARISONS,
    NEUTRAL_OUTCOMES,
    OVERFITTING,
    PREDICTIONS,
    PROFIT_PARTS,
    REGIMES,
)
from finq_predictor.domain.tables.gold import GOLD
from finq_predictor.domain.tables.monitoring import DRIFT, FRESHNESS, MISSING_RATES, PROVIDERS
from finq_predictor.domain.tables.risk import STRESS, TAIL_RISK, VOLATILITY_FORECAST
from finq_predictor.domain.tables.schema import ANY, Column, Layer, Table, Within
from finq_predictor.domain.tables.silver import (
    BRONZE,
    GATE_RESULTS,
    PROVIDER_DIFFERENCES,
    QUARANTINE,
    SCORED_ARTICLES,
    SILVER_ACTIONS,
    SILVER_ARTICLES,
    SILVER_BARS,
    SILVER_BENCHMARK,
    SILVER_COVERAGE,
    SILVER_MACRO,
    SILVER_MEMBERSHIP,
    SILVER_REPAIRS,
    SILVER_SENTIMENT,
)
from finq_predictor.domain.tables.training import FOLDS, LEAK_METER, OOS_PREDICTIONS, SEALED_PREDICTIONS, TRIALS
from finq_predictor.domain.tables.validation import (
    FEATURE_CORRELATIONS,
    FEATURE_SETS,
    FEATURE_STABILITY,
    FEATURE_VALIDATION,
    MODEL_STABILITY,
    MODEL_VALIDATION,
)

TABLES: Registry[Table] = Registry.of(
    "table",
    BRONZE,
    SILVER_BARS,
    SILVER_BENCHMARK,
    SILVER_ARTICLES,
    SILVER_MACRO,
    SILVER_ACTIONS,
    SILVER_REPAIRS,
    SILVER_MEMBERSHIP,
    SCORED_ARTICLES,
    SILVER_SENTIMENT,
    SILVER_COVERAGE,
    QUARANTINE,
    PROVIDER_DIFFERENCES,
    GATE_RESULTS,
    GOLD,
    FOLDS,
    TRIALS,
    LEAK_METER,
    OOS_PREDICTIONS,
    SEALED_PREDICTIONS,
    PREDICTIONS,
    METRICS,
    METRICS_BY_FOLD,
    NEUTRAL_OUTCOMES,
    DAILY_SKILL,
    MODEL_COMPARISONS,
    REGIMES,
    ABSTENTION,
    BACKTEST,
    BACKTEST_SUMMARY,
    PROFIT_PARTS,
    CAPACITY,
    FACTOR_RETURNS,
    ATTRIBUTION,
    OVERFITTING,
    TAIL_RISK,
    STRESS,
    VOLATILITY_FORECAST,
    FEATURE_VALIDATION,
    FEATURE_SETS,
    FEATURE_STABILITY,
    FEATURE_CORRELATIONS,
    MODEL_VALIDATION,
    MODEL_STABILITY,
    FRESHNESS,
    MISSING_RATES,
    DRIFT,
    PROVIDERS,
)


def get_table(dataset: str) -> Table:
    """The declaration of a dataset.

    Args:
        dataset: Its name in the catalog after the market, such as ``"gold"`` or ``"quarantine_bars"``.

    Raises:
        UnknownNameError: If no table is declared under that name; near misses are suggested.
    """
    found = next((table for name, table in TABLES.items() if fnmatchcase(dataset, name)), None)
    if found is None:
        raise UnknownNameError("table", dataset, TABLES)
    return found


__all__ = [
    "ABSTENTION",
    "ANY",
    "ATTRIBUTION",
    "BACKTEST",
    "BACKTEST_SUMMARY",
    "BRONZE",
    "CAPACITY",
    "DAILY_SKILL",
    "DRIFT",
    "FACTOR_RETURNS",
    "FEATURE_CORRELATIONS",
    "FEATURE_SETS",
    "FEATURE_STABILITY",
    "FEATURE_VALIDATION",
    "FOLDS",
    "FRESHNESS",
    "GATE_RESULTS",
    "GOLD",
    "LEAK_METER",
    "METRICS",
    "METRICS_BY_FOLD",
    "MISSING_RATES",
    "MODEL_COMPARISONS",
    "MODEL_STABILITY",
    "MODEL_VALIDATION",
    "NEUTRAL_OUTCOMES",
    "OOS_PREDICTIONS",
    "OVERFITTING",
    "PREDICTIONS",
    "PROFIT_PARTS",
    "PROVIDERS",
    "PROVIDER_DIFFERENCES",
    "QUARANTINE",
    "REGIMES",
    "SCORED_ARTICLES",
    "SEALED_PREDICTIONS",
    "SILVER_ACTIONS",
    "SILVER_ARTICLES",
    "SILVER_BARS",
    "SILVER_BENCHMARK",
    "SILVER_COVERAGE",
    "SILVER_MACRO",
    "SILVER_MEMBERSHIP",
    "SILVER_REPAIRS",
    "SILVER_SENTIMENT",
    "STRESS",
    "TABLES",
    "TAIL_RISK",
    "TRIALS",
    "VOLATILITY_FORECAST",
    "Column",
    "Layer",
    "Table",
    "Within",
    "get_table",
]
