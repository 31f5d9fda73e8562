"""What metrics, measures, strategies and checks are called on the page, and how their values are written."""

from __future__ import annotations

from finq_predictor.domain.evaluation.positions import EDGE, QUANTILE, THRESHOLD
from finq_predictor.reports.formatting import number, percent, thousands

METRICS = {
    "rank_ic": "Rank IC",
    "neutral_rank_ic": "Neutral rank IC",
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
    "set_coverage": "Outcomes in the prediction set",
    "set_decided": "Sets with one answer",
}
SKILL_CARDS = {
    "rank_ic": "Rank correlation with outcome",
    "neutral_rank_ic": "Rank correlation, neutral",
    "brier_skill": "Brier skill over the base rate",
}
"""What the skill that a promotion is judged by is called where there is room."""
FIRST_METRICS = ("rank_ic", "neutral_rank_ic", "auc", "accuracy", "mcc", "brier_skill", "ece")
"""Shown first; the others are folded away."""
_SIGNED = {"rank_ic", "neutral_rank_ic", "ic", "mcc", "icir"}
_FINE = {"brier", "log_loss", "ece"}

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
    "beta": "Beta to the benchmark",
    "market_correlation": "Correlation with the benchmark",
    "days_with_position": "Days with a position",
}
FIRST_MEASURES = {
    "annualised_return": "Return per year",
    "sharpe": "Sharpe",
    "deflated_sharpe": "Deflated",
    "max_drawdown": "Largest fall",
    "hit_rate": "Days with gain",
    "turnover_per_day": "Traded per day",
    "beta": "Beta",
}
"""Shown first, under shorter names."""
_PERCENT = {
    "annualised_return",
    "annualised_volatility",
    "total_return",
    "max_drawdown",
    "hit_rate",
    "turnover_per_day",
    "exposure",
}

STRATEGIES = {
    QUANTILE: "Long-short: best against worst",
    THRESHOLD: "Threshold: act on confident calls only",
    EDGE: "Edge: each for itself, where the expected gain is above the cost",
}
CHECKS = {
    "enough_days": "Enough unseen days",
    "has_skill": "Has skill at all",
    "beats_naive": "Beats the best naive rule",
    "leak_alarm": "No sign of a leak",
    "says_something": "Says something",
    "calibration": "Calibrated",
    "brier_skill": "Probabilities add value",
    "net_sharpe": "Earns after costs",
    "deflated_sharpe": "Earns more than luck among all trials",
    "net_beats_naive": "Earns more than the best naive rule",
    "net_drawdown": "Bearable fall",
    "beats_champion": "Beats the champion on new days",
    "live_evidence": "Not worse than the champion live",
    "final_window": "Holds in the sealed window",
    "importance": "Uses the features like the champion",
    "importance_moved": "Looks at some of what the champion looks at",
    "turnover": "Trades not too much",
    "row_latency": "Answers one row in time",
    "bar_latency": "Answers one bar in time",
    "model_size": "Small enough to serve",
    "user_accuracy": "Your wish: accuracy",
    "user_auc": "Your wish: AUC",
    "user_precision": "Your wish: precision",
}


def format_metric(value: float, metric: str) -> str:
    """A metric as text."""
    if metric == "brier_skill":
        return percent(value, 2, sign=True)
    if metric in _SIGNED:
        return number(value, 3, sign=True)
    return number(value, 4 if metric in _FINE else 3)


def format_measure(name: str, value: float) -> str:
    """A measure of the backtest as text."""
    if name == "days_with_position":
        return thousands(value)
    return percent(value) if name in _PERCENT else number(value, 2)
