"""What is known of the risk of what is held, and of how much instruments move."""

from __future__ import annotations

from finq_predictor.domain.columns import INSTRUMENT, TS
from finq_predictor.domain.tables.schema import COUNT, NUMBER, TEXT, TIME, Column, Layer, Table

_PORTFOLIO = Column("portfolio", TEXT, "The model whose paper strategy it is, or `universe`: all instruments alike.")

TAIL_RISK = Table(
    "tail_risk",
    Layer.REPORTS,
    "evaluation",
    "Value at risk of one day by one rule, told the day before, and what the days said of it.",
    (
        _PORTFOLIO,
        Column("rule", TEXT, "`historical`, `parametric`, `ewma` or `cornish_fisher`."),
        Column("level", NUMBER, "Chance that no more is lost.", "0 to 1", low=0.5, high=1.0),
        Column("var", NUMBER, "Loss of tomorrow that is exceeded as seldom as the level says.", "fraction of capital"),
        Column("shortfall", NUMBER, "Mean loss of the days that exceed it.", "fraction of capital"),
        Column("days", COUNT, "Days with a forecast.", "days", low=0),
        Column("exceeded", COUNT, "Days on which more was lost.", "days", low=0),
        Column("expected", NUMBER, "On how many it should have been.", "days", low=0.0),
        Column("kupiec_p", NUMBER, "Chance of such a number if the rule is right.", "0 to 1", known=0.0),
        Column("independence_p", NUMBER, "Chance of such a sequence if losses come alone.", "0 to 1", known=0.0),
        Column("joint_p", NUMBER, "Chance of both.", "0 to 1", known=0.0),
    ),
    key=("portfolio", "rule", "level"),
)

STRESS = Table(
    "stress",
    Layer.REPORTS,
    "evaluation",
    "What one scenario would do to one portfolio.",
    (
        _PORTFOLIO,
        Column("scenario", TEXT, "What happens."),
        Column("lost", NUMBER, "Return of the capital; below 0 is a loss.", "fraction of capital"),
        Column("begins", TEXT, "First day of a stretch that was; empty for a shock."),
        Column("ends", TEXT, "Last day of it."),
    ),
    key=("portfolio", "scenario"),
)

VOLATILITY_FORECAST = Table(
    "volatility_forecast",
    Layer.REPORTS,
    "evaluation",
    "How much an instrument is told to move on the day after the newest bar.",
    (
        Column(TS, TIME, "The last day that was known.", "UTC"),
        Column(INSTRUMENT, TEXT, "Name of the instrument."),
        Column("volatility", NUMBER, "Standard deviation of its return, by the rule in use.", "fraction", low=0.0),
        Column("model", NUMBER, "By the model.", "fraction", known=0.0, low=0.0),
        Column("naive", NUMBER, "By the naive average.", "fraction", known=0.0, low=0.0),
    ),
    key=(TS, INSTRUMENT),
)
