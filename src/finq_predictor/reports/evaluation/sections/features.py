"""What is each feature worth alone?"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from finq_predictor.domain.market.markets import Market
from finq_predictor.reports.evaluation.plots.features import LEVEL, strongest
from finq_predictor.reports.evaluation.results import ReportMaterial
from finq_predictor.reports.figures import Image
from finq_predictor.reports.formatting import number, percent
from finq_predictor.reports.tables import Cell, Look, Row, Table


@dataclass(frozen=True)
class Features:
    """What was found about the features before the sealed window.

    Attributes:
        n_tests: Features x horizons with a test; 0 where none was made.
        n_features: Features.
        n_clusters: Clusters that they are of.
        n_alone: Tests with a p-value of up to 5 %.
        by_luck: As many luck alone would give.
        n_bh: Left after Benjamini and Hochberg.
        n_by: Left after Benjamini and Yekutieli.
        strongest: The ten largest t.
        sets: Each set at each horizon.
        pictures: What each shows -> the picture.
    """

    n_tests: int
    n_features: int
    n_clusters: int
    n_alone: int
    by_luck: float
    n_bh: int
    n_by: int
    strongest: Table
    sets: Table
    pictures: dict[str, Image]


SHOWS = {
    "feature_strength": "The largest t, and the p-values of all features",
    "feature_decay": "The strongest features of earlier bars against the same outcome",
    "feature_parts": "The strongest features by year and by sector or instrument",
    "feature_clusters": "Rank correlation of each feature with each",
}


def build(material: ReportMaterial) -> Features:
    """The ten strongest features as they are, and how many of all are left after the adjustment."""
    found, market = material.circumstances.features, material.results.market
    features = found.features
    tested = features.dropna(subset=["p_value"])
    return Features(
        n_tests=len(tested),
        n_features=tested["feature"].nunique(),
        n_clusters=tested["cluster"].nunique(),
        n_alone=int((tested["p_value"] <= LEVEL).sum()),
        by_luck=LEVEL * len(tested),
        n_bh=int((tested["p_bh"] <= LEVEL).sum()),
        n_by=int((tested["p_by"] <= LEVEL).sum()),
        strongest=Table(
            ["Feature", "Outcome over", "Among", "Mean", "t", "p", "p, BH", "p, BY", "Years alike", "Worst part"],
            [_row(row, market) for _, row in strongest(features, 10).iterrows()],
            text_columns=(0, 1, 2, 9),
        ),
        sets=Table(
            ["Set", "Outcome over", "Features", "Clusters", "p up to 5 %", "Left, BH", "Left, BY", "Strongest", "t"],
            [
                Row(
                    [
                        str(row["set"]),
                        market.span(int(row["horizon"])),
                        *(str(row[name]) for name in ("n_features", "n_clusters", "n_alone", "n_bh", "n_by")),
                        str(row["strongest"]),
                        number(row["strongest_t"], 2, sign=True),
                    ]
                )
                for _, row in found.sets.iterrows()
            ],
            text_columns=(0, 1, 7),
        ),
        pictures={SHOWS[name]: material.pictures[name] for name in SHOWS if name in material.pictures},
    )


def _row(row: pd.Series, market: Market) -> Row:
    worst = [f"{part} ({number(value, 4, sign=True)})" for part, value in _worst(row)]
    return Row(
        [
            str(row["feature"]),
            market.span(int(row["horizon"])),
            str(row["scope"]),
            Cell(number(row["mean"], 4, sign=True), note=f"known on {percent(row['coverage'], 0)}"),
            number(row["t"], 2, sign=True),
            number(row["p_value"], 4),
            number(row["p_bh"], 3),
            number(row["p_by"], 3),
            percent(row["years_same_sign"], 0),
            ", ".join(worst),
        ],
        Look.STRONG if row["p_bh"] <= LEVEL else Look.PLAIN,
    )


def _worst(row: pd.Series) -> list[tuple[str, float]]:
    found = [(row[f"worst_{kind}"], float(row[f"worst_{kind}_mean"])) for kind in ("year", "group")]
    return [(str(part), value) for part, value in found if pd.notna(part) and pd.notna(value)]
