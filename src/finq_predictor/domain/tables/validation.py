"""What each feature is worth alone, before the sealed window."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from finq_predictor.domain.tables.schema import COUNT, NUMBER, TEXT, Column, Layer, Table

_FEATURE = Column("feature", TEXT, "Name of the feature.")
_HORIZON = Column("horizon", COUNT, "Horizon of the outcome.", "bars", low=1)
_SHARE: dict[str, Any] = {"known": 0.0, "low": 0.0, "high": 1.0}
_CORRELATION: dict[str, Any] = {"known": 0.0, "low": -1.0, "high": 1.0}

FEATURE_VALIDATION = Table(
    "feature_validation",
    Layer.REPORTS,
    "evaluation",
    "One feature over one horizon, before the sealed window.",
    (
        _FEATURE,
        _HORIZON,
        Column(
            "scope",
            TEXT,
            "Among what it is judged: `instruments`, by `rank_ic`, or `time`, by `time_ic`.",
            choices=("instruments", "time"),
        ),
        Column("coverage", NUMBER, "Share of the rows on which it is known.", "fraction", low=0.0, high=1.0),
        Column("n_bars", COUNT, "Bars that it is judged on.", "bars", low=0),
        Column(
            "ic", NUMBER, "Mean over bars of Pearson's correlation across instruments.", "correlation", **_CORRELATION
        ),
        Column("rank_ic", NUMBER, "The same of ranks (Spearman).", "correlation", **_CORRELATION),
        Column(
            "time_ic",
            NUMBER,
            "Mean of its distance from its own past x the outcome.",
            "product of deviations",
            known=0.0,
        ),
        Column("time_t", NUMBER, "t of `time_ic`, as `t`.", "standard errors", known=0.0),
        Column("mean", NUMBER, "Mean of what it is judged by.", "of the scope", known=0.0),
        Column("icir", NUMBER, "That over its standard deviation, not annualised.", "ratio", known=0.0),
        Column("t", NUMBER, "That over its error after Newey and West (1987).", "standard errors", known=0.0),
        Column("p_value", NUMBER, "Two-sided chance of such a t if it were worth nothing.", "probability", **_SHARE),
        *(
            Column(f"lag_{lag}", NUMBER, f"`mean` with the feature of {lag} bars ago.", "of the scope", known=0.0)
            for lag in (0, 1, 2, 5, 10, 20)
        ),
        Column(
            "autocorrelation",
            NUMBER,
            "Correlation with itself a bar before, within its scope; low is much turnover.",
            "correlation",
            known=0.0,
        ),
        Column("cluster", COUNT, "Number of the features that say the same.", low=1),
        Column("years_same_sign", NUMBER, "Share of years with the sign of their mean.", "fraction", **_SHARE),
        Column("worst_year", TEXT, "Year in which it did worst, by that sign.", known=0.0),
        Column("worst_year_mean", NUMBER, "`mean` in that year.", "of the scope", known=0.0),
        Column(
            "groups_same_sign",
            NUMBER,
            "The same of sectors, or of instruments where they are few.",
            "fraction",
            **_SHARE,
        ),
        Column("worst_group", TEXT, "Sector, or instrument, in which it did worst.", known=0.0),
        Column("worst_group_mean", NUMBER, "`mean` within it.", "of the scope", known=0.0),
        Column(
            "p_bh",
            NUMBER,
            "`p_value` adjusted for all features and horizons (Benjamini and Hochberg, 1995).",
            "probability",
            **_SHARE,
        ),
        Column(
            "p_by",
            NUMBER,
            "The same for tests that depend on each other in any way (Benjamini and Yekutieli, 2001).",
            "probability",
            **_SHARE,
        ),
    ),
    key=("feature", "horizon"),
)

MODEL_VALIDATION = replace(
    FEATURE_VALIDATION,
    name="model_validation",
    meaning="What one model says, over one horizon, before the sealed window, measured as a feature is.",
)

FEATURE_SETS = Table(
    "feature_sets",
    Layer.REPORTS,
    "evaluation",
    "A set of features over one horizon, before the sealed window.",
    (
        Column("set", TEXT, "Name of the set: `all`, or a family."),
        _HORIZON,
        Column("n_features", COUNT, "Features in it.", "features", low=1),
        Column("n_clusters", COUNT, "Clusters that they are of.", "clusters", low=1),
        Column("median_mean", NUMBER, "Median of the sizes of `mean`.", "of the scope", known=0.0),
        Column("n_alone", COUNT, "Features with a `p_value` up to 5 %.", "features", low=0),
        Column("n_bh", COUNT, "Features left after Benjamini and Hochberg within the set.", "features", low=0),
        Column("n_by", COUNT, "Features left after Benjamini and Yekutieli within the set.", "features", low=0),
        Column("strongest", TEXT, "The feature with the largest t."),
        Column("strongest_t", NUMBER, "Its t.", "standard errors", known=0.0),
    ),
    key=("set", "horizon"),
)

FEATURE_STABILITY = Table(
    "feature_stability",
    Layer.REPORTS,
    "evaluation",
    "One feature over one horizon within one year, or one sector, before the sealed window.",
    (
        _FEATURE,
        _HORIZON,
        Column("kind", TEXT, "`year`, or `group`: a sector, or an instrument where they are few."),
        Column("part", TEXT, "The year, the sector or the instrument."),
        Column("mean", NUMBER, "Mean of what the feature is judged by.", "of the scope", known=0.0),
        Column("n_bars", COUNT, "Bars of a year; -1 for a group, which has those of the whole.", "bars", low=-1),
    ),
    key=("feature", "horizon", "kind", "part"),
)

MODEL_STABILITY = replace(
    FEATURE_STABILITY,
    name="model_stability",
    meaning="What one model says, over one horizon within one year, or one sector, before the sealed window.",
)

FEATURE_CORRELATIONS = Table(
    "feature_correlations",
    Layer.REPORTS,
    "evaluation",
    "Rank correlation of one feature with every other, before the sealed window.",
    (
        _FEATURE,
        Column(
            "*",
            NUMBER,
            "Spearman's correlation with the feature of that name, over rows.",
            "correlation",
            low=-1.0,
            high=1.0,
        ),
    ),
    key=("feature",),
)
