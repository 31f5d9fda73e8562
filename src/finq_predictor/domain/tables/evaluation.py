"""What evaluation leaves behind: the champion's predictions, measures, and trading on paper."""

from __future__ import annotations

from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.tables.schema import COUNT, DATE, FLAG, MAYBE, NUMBER, TEXT, TIME, Column, Layer, Table

_MODEL = Column("model", TEXT, "Name of the model.")
_STRATEGY = Column("strategy", TEXT, "How probabilities become positions: `quantile`, `threshold` or `edge`.")

PREDICTIONS = Table(
    "predictions",
    Layer.PREDICTIONS,
    "evaluation",
    "What the champion says of an instrument at one of the last bars.",
    (
        Column(TS, TIME, "Close of the bar.", "UTC"),
        Column(INSTRUMENT, TEXT, "Name of the instrument."),
        Column("probability", NUMBER, "Calibrated probability of yes.", "0 to 1", known=0.0, low=0.0, high=1.0),
        Column("prediction", MAYBE, "Whether the question is answered with yes.", known=0.0),
        Column(
            "confidence",
            NUMBER,
            "2 x the distance of the probability from 0.5.",
            "0 to 1",
            known=0.0,
            low=0.0,
            high=1.0,
        ),
        Column("decision", TEXT, "`predict` or `abstain`."),
        Column("reason", TEXT, "Why it abstains; missing where it does not.", known=0.0),
        Column("p_yes", NUMBER, "How well yes fits to what was held out.", "0 to 1", known=0.0, low=0.0, high=1.0),
        Column("p_no", NUMBER, "How well no fits to what was held out.", "0 to 1", known=0.0, low=0.0, high=1.0),
        Column("prediction_set", TEXT, "The answers that cannot be ruled out: `yes no`, `yes`, `no`.", known=0.0),
        Column("coverage", NUMBER, "How often such sets hold the truth.", "0 to 1", low=0.0, high=1.0),
        Column("conformal_decision", TEXT, "`yes`, `no` or `undecided`, by that set.", known=0.0),
        Column("flags", TEXT, "Names of all rules that speak against acting upon it, separated by spaces."),
        _MODEL,
        Column("version", TEXT, "Version of the model in the registry."),
        Column("status", TEXT, "`promoted` or `provisional`."),
        Column("simulated", FLAG, "Whether the model was trained on simulated data."),
    ),
    key=(TS, INSTRUMENT),
    ascending=TS,
)

METRICS = Table(
    "metrics",
    Layer.REPORTS,
    "evaluation",
    "One measure of one model over the whole walk-forward.",
    (
        _MODEL,
        Column("kind", TEXT, "`naive` or `candidate`."),
        Column("metric", TEXT, "Name of the measure."),
        Column("value", NUMBER, "Its value; NaN where it is not defined.", "of the measure", known=0.0),
        Column("ci_low", NUMBER, "Lower end of its interval; NaN where it has none.", "of the measure", known=0.0),
        Column("ci_high", NUMBER, "Upper end of its interval.", "of the measure", known=0.0),
        Column("n_days", COUNT, "Days it rests on.", "days", low=1),
    ),
    key=("model", "metric"),
)

METRICS_BY_FOLD = Table(
    "metrics_by_fold",
    Layer.REPORTS,
    "evaluation",
    "One measure of one model in one fold.",
    (
        _MODEL,
        Column("fold", COUNT, "Number of the fold.", low=1),
        Column("metric", TEXT, "Name of the measure."),
        Column("value", NUMBER, "Its value; NaN where it is not defined.", "of the measure", known=0.0),
    ),
    key=("model", "fold", "metric"),
)

DAILY_SKILL = Table(
    "daily_skill",
    Layer.REPORTS,
    "evaluation",
    "The skill of every model on one day; a promotion is judged by it.",
    (
        Column(TS, DATE, "The day, UTC.", "date"),
        Column("*", NUMBER, "Skill of the model of that name; NaN where the day has none.", "of the skill", known=0.0),
    ),
    key=(TS,),
    ascending=TS,
)

NEUTRAL_OUTCOMES = Table(
    "neutral_outcomes",
    Layer.REPORTS,
    "evaluation",
    "What happened to an instrument after a bar beyond what its exposures explain.",
    (
        Column(TS, TIME, "Close of the bar.", "UTC"),
        Column(INSTRUMENT, TEXT, "Name of the instrument."),
        Column("horizon", COUNT, "Bars from entry to exit.", "bars", low=1),
        Column(
            "neutral_return",
            NUMBER,
            "What is left of the rank of its outcome among those of the bar; 0 is what was to be expected.",
            "share of the instruments",
        ),
    ),
    key=("horizon", TS, INSTRUMENT),
)

MODEL_COMPARISONS = Table(
    "model_comparisons",
    Layer.REPORTS,
    "evaluation",
    "Two models of the race on the same days, and what of their difference is known.",
    (
        _MODEL,
        Column("against", TEXT, "Name of the other."),
        Column("difference", NUMBER, "Mean difference of their daily skill.", "of the skill"),
        Column("error", NUMBER, "Its standard error; NaN where they never differ.", "of the skill", known=0.0, low=0.0),
        Column("ci_low", NUMBER, "Lower end of its interval.", "of the skill", known=0.0),
        Column("ci_high", NUMBER, "Upper end of its interval.", "of the skill", known=0.0),
        Column("p_value", NUMBER, "Chance of such a difference if there is none.", "0 to 1", low=0.0, high=1.0),
        Column("detectable", NUMBER, "What would show in four such histories of five.", "of the skill", known=0.0),
        Column("n_days", COUNT, "Days it rests on.", "days", low=0),
        Column("verdict", TEXT, "`better`, `worse` or `cannot be told apart`."),
        Column("best_of_all_p", NUMBER, "Chance of the lead of the best candidate if none leads.", "0 to 1", known=0.0),
        Column("superior", MAYBE, "Whether it leads the best naive rule when all are tested at once.", known=0.0),
    ),
    key=("model", "against"),
)

_RIGHT = (
    Column("n_rows", COUNT, "Answers.", "rows", low=1),
    Column("n_days", COUNT, "Days they are of.", "days", low=1),
    Column("accuracy", NUMBER, "Share of right answers.", "fraction", low=0.0, high=1.0),
    Column("ci_low", NUMBER, "Lower end of its interval, by days; NaN where there is none.", "fraction", known=0.0),
    Column("ci_high", NUMBER, "Upper end of its interval.", "fraction", known=0.0),
)
REGIMES = Table(
    "regimes",
    Layer.REPORTS,
    "evaluation",
    "One model within one part of its test.",
    (
        _MODEL,
        Column("kind", TEXT, "`year`, `volatility` or `sector`."),
        Column("part", TEXT, "The year, `calm`, `usual` or `wild`, or the sector."),
        *_RIGHT,
        Column("rank_ic", NUMBER, "Mean rank correlation with the outcome within it.", "correlation", known=0.0),
        Column("set_coverage", NUMBER, "Share of outcomes in the prediction set.", "fraction", known=0.0),
        Column("set_decided", NUMBER, "Share of sets with one answer.", "fraction", known=0.0),
    ),
    key=("model", "kind", "part"),
)

ABSTENTION = Table(
    "abstention",
    Layer.REPORTS,
    "evaluation",
    "One model where it answers only to the surest rows.",
    (
        _MODEL,
        Column("answered", NUMBER, "Share of the rows that it answers to.", "fraction", low=0.0, high=1.0),
        Column("confidence", NUMBER, "Of the least sure of them.", "0 to 1", low=0.0, high=1.0),
        *_RIGHT,
        Column("stated", NUMBER, "Mean of what it said its chance to be right was.", "fraction", low=0.0, high=1.0),
    ),
    key=("model", "n_rows"),
)

BACKTEST = Table(
    "backtest",
    Layer.REPORTS,
    "evaluation",
    "One day of trading one model's predictions on paper.",
    (
        Column(TS, TIME, "The day.", "UTC"),
        _MODEL,
        _STRATEGY,
        Column("gross_return", NUMBER, "Profit before costs.", "fraction of capital"),
        Column("net_return", NUMBER, "Profit after costs.", "fraction of capital"),
        Column("turnover", NUMBER, "Value traded, both sides.", "fraction of capital", low=0.0),
        Column("exposure", NUMBER, "Mean value held, long and short.", "fraction of capital", low=0.0),
        Column("n_long", NUMBER, "Mean number of instruments held long.", "instruments", low=0.0),
        Column("n_short", NUMBER, "Mean number of instruments held short.", "instruments", low=0.0),
        Column("benchmark_return", NUMBER, "Of the benchmark; none where the market has none.", "fraction", known=0.0),
    ),
    key=("model", "strategy", TS),
)

BACKTEST_SUMMARY = Table(
    "backtest_summary",
    Layer.REPORTS,
    "evaluation",
    "One measure of trading one model's predictions on paper.",
    (
        _MODEL,
        _STRATEGY,
        Column("measure", TEXT, "Name of the measure."),
        Column("gross", NUMBER, "Before costs; NaN where it is not defined.", "of the measure", known=0.0),
        Column("net", NUMBER, "After costs.", "of the measure", known=0.0),
    ),
    key=("model", "strategy", "measure"),
)

PROFIT_PARTS = Table(
    "profit_parts",
    Layer.REPORTS,
    "evaluation",
    "A part of what trading one model's predictions on paper earned over the whole test.",
    (
        _MODEL,
        _STRATEGY,
        Column("dimension", TEXT, "By what is divided: `year`, `sector`, `side`, or `cost`."),
        Column("part", TEXT, "The year, the sector, `long`, `short` or `hedge`; the kind of a cost."),
        Column("gross_return", NUMBER, "Profit before costs; 0 of a cost.", "fraction of capital"),
        Column("net_return", NUMBER, "Profit after costs; what was paid, below 0, of a cost.", "fraction of capital"),
    ),
    key=("model", "strategy", "dimension", "part"),
)

CAPACITY = Table(
    "capacity",
    Layer.REPORTS,
    "evaluation",
    "What would be left of one model's paper profit at one capital, by the square-root law of impact.",
    (
        _MODEL,
        _STRATEGY,
        Column("capital", NUMBER, "Capital at work.", "currency of the prices", low=0.0),
        Column("net_return", NUMBER, "A year, after costs.", "fraction of capital"),
        Column("impact", NUMBER, "What large trades cost in a year.", "fraction of capital", low=0.0),
        Column("net_sharpe", NUMBER, "Annualised, after costs; NaN where nothing was held.", "ratio", known=0.0),
        Column(
            "large_trades",
            NUMBER,
            "19 of 20 trades are smaller than this share of the volume of a bar.",
            "fraction of volume",
            known=0.0,
            low=0.0,
        ),
    ),
    key=("model", "strategy", "capital"),
)

FACTOR_RETURNS = Table(
    "factor_returns",
    Layer.REPORTS,
    "evaluation",
    "What each factor of a market earned on one day: the benchmark or the mean of all, size, sectors.",
    (
        Column(TS, TIME, "The day.", "UTC"),
        Column("*", NUMBER, "Return of the factor of that name.", "fraction"),
    ),
    key=(TS,),
    ascending=TS,
)

ATTRIBUTION = Table(
    "attribution",
    Layer.REPORTS,
    "evaluation",
    "How much of one model's daily net result followed one factor, and how much followed none.",
    (
        _MODEL,
        _STRATEGY,
        Column("factor", TEXT, "Name of the factor; `alpha` is what followed none."),
        Column("exposure", NUMBER, "Of the capital, to the factor; of alpha its return a year.", "fraction of capital"),
        Column("error", NUMBER, "Standard error of it, Newey and West.", "fraction of capital", known=0.0),
        Column("t", NUMBER, "Exposure over its error.", "ratio", known=0.0),
        Column("p_value", NUMBER, "Two-sided.", "0 to 1", known=0.0, low=0.0, high=1.0),
        Column("earned", NUMBER, "What the exposure earned a year; adds up to the net return.", "fraction of capital"),
        Column("r2", NUMBER, "Share of the variance that all factors explain.", "0 to 1", known=0.0),
        Column("days", COUNT, "Days it rests on.", "days", low=1),
    ),
    key=("model", "strategy", "factor"),
)

OVERFITTING = Table(
    "overfitting",
    Layer.REPORTS,
    "evaluation",
    "How likely the best model under one strategy is only the best of the past, by symmetric cross-validation.",
    (
        _STRATEGY,
        Column(
            "probability",
            NUMBER,
            "How often the best of one half of the days is not better than the median in the other.",
            "0 to 1",
            known=0.0,
            low=0.0,
            high=1.0,
        ),
        Column("loss", NUMBER, "How often it loses in the other half.", "0 to 1", known=0.0, low=0.0, high=1.0),
        Column("models", COUNT, "Models that traded.", "models", low=0),
        Column("days", COUNT, "Days that went in.", "days", low=0),
        Column("splits", COUNT, "Ways to halve them.", "splits", low=0),
    ),
    key=("strategy",),
)
