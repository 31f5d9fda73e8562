"""What monitoring leaves behind."""

from __future__ import annotations

from finq_predictor.domain.tables.schema import COUNT, FLAG, NUMBER, TEXT, TIME, Column, Layer, Table

FRESHNESS = Table(
    "freshness",
    Layer.REPORTS,
    "monitoring",
    "How old and how sound a layer is.",
    (
        Column("layer", TEXT, "Name of the layer."),
        Column("pipeline", TEXT, "The pipeline that writes it."),
        Column("latest", TIME, "Its newest bar; NaT without rows.", "UTC", known=0.0),
        Column("hours", NUMBER, "Hours since then.", "hours", known=0.0),
        Column("open_hours", NUMBER, "Hours since then at which the market was open.", "hours", known=0.0),
        Column("limit_hours", NUMBER, "More open hours than these are stale.", "hours"),
        Column("stale", FLAG, "Whether it is older than that."),
        Column("valid", FLAG, "Whether it passes its checks."),
        Column("problem", TEXT, "What is wrong with it; empty where nothing is."),
    ),
    key=("layer",),
)

MISSING_RATES = Table(
    "missing_rates",
    Layer.REPORTS,
    "monitoring",
    "How much of a feature is missing now and was missing in training.",
    (
        Column("feature", TEXT, "Name of the feature."),
        Column("missing_ratio", NUMBER, "Share of current rows without a value.", "fraction", low=0.0, high=1.0),
        Column(
            "reference_ratio",
            NUMBER,
            "The same in training; NaN where unknown.",
            "fraction",
            known=0.0,
            low=0.0,
            high=1.0,
        ),
        Column("alert", FLAG, "Whether more is missing than is tolerated."),
    ),
    key=("feature",),
)

DRIFT = Table(
    "drift",
    Layer.REPORTS,
    "monitoring",
    "How far the current values of a feature, or the predictions, are from training.",
    (
        Column("kind", TEXT, "`feature` or `prediction`."),
        Column("name", TEXT, "Name of the feature, or `probability`."),
        Column(
            "p_value",
            NUMBER,
            "How likely a distribution as far from training as this is without drift.",
            "0 to 1",
            known=0.0,
            low=0.0,
            high=1.0,
        ),
        Column(
            "p_adjusted",
            NUMBER,
            "The same with a budget of false alarms over all features (Benjamini and Hochberg).",
            "0 to 1",
            known=0.0,
            low=0.0,
            high=1.0,
        ),
        Column(
            "beyond_level",
            NUMBER,
            "How far the level lies above the highest of training's windows, below the lowest with a minus; 0 between.",
            "standard deviations in training",
            known=0.0,
        ),
        Column(
            "level_p_value",
            NUMBER,
            "How likely a level as far beyond them as this is without drift; NaN with too few windows.",
            "0 to 1",
            known=0.0,
            low=0.0,
            high=1.0,
        ),
        Column(
            "level_p_adjusted",
            NUMBER,
            "The same with a budget of false alarms over all features (Holm).",
            "0 to 1",
            known=0.0,
            low=0.0,
            high=1.0,
        ),
        Column(
            "*",
            NUMBER,
            "A drift test's statistic by its name, or with `usual_` that of past windows.",
            "of the test",
            known=0.0,
        ),
        Column("reason", TEXT, "What is unlikely and large: `distribution`, `level` or both; empty where nothing is."),
        Column("drifted", FLAG, "Whether there is such a reason."),
    ),
    key=("kind", "name"),
)

PROVIDERS = Table(
    "providers",
    Layer.REPORTS,
    "monitoring",
    "How often a provider was asked for a table lately, and how often in vain.",
    (
        Column("table", TEXT, "The table that it was asked for."),
        Column("source", TEXT, "Name of the provider; empty where nobody was asked and something lacks."),
        Column("calls", COUNT, "Attempts to ask it.", "calls", low=0),
        Column("failures", COUNT, "How many of them brought nothing.", "calls", low=0),
        Column("outages", COUNT, "What of the table could not be had the last time.", "sentences", low=0),
    ),
    key=("table", "source"),
    not_below=(("calls", "failures"),),
)
